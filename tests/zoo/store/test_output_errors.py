"""Outputs that cannot be written: OutputError in every format, and nothing of the user's is lost."""

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import OutputError, Representation, Store, check_output, read_embeddings, write_embeddings

from ...full_disk import REASON, full_disk
from .stored import KEY

SUFFIXES = [".npz", ".npy", ".parquet", ".safetensors", ".csv", ".h5", ".hdf5", ".zarr"]


def sample(n: int = 300) -> Representation:
    x = np.random.default_rng(0).normal(size=(n, 50)).astype(np.float32)
    return Representation("m", x, [f"i{row}" for row in range(n)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, suffix: str) -> None:
    path = write_embeddings(sample(2), tmp_path / f"m{suffix}")
    before = sorted(p.name for p in tmp_path.iterdir())
    with full_disk(), pytest.raises(OutputError, match=rf"^cannot write {path}: {REASON}$"):
        write_embeddings(sample(), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert list(read_embeddings(path).ids) == ["i0", "i1"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_of_the_user_is_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "thesis.txt").write_text("mine")
    for write in (check_output, lambda path: write_embeddings(sample(), path)):
        with pytest.raises(OutputError, match="is a folder"):
            write(path)
    assert (path / "deep" / "thesis.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_place_of_the_ids_is_kept(tmp_path: Path) -> None:
    (tmp_path / "m.ids.txt").mkdir()
    with pytest.raises(OutputError, match=r"m\.ids\.txt: it is a folder"):
        write_embeddings(sample(), tmp_path / "m.npy")
    assert [p.name for p in tmp_path.iterdir()] == ["m.ids.txt"]


@pytest.mark.parametrize("marker", ["zarr.json", ".zgroup", ".zattrs", ""])
def test_a_zarr_group_and_an_empty_folder_are_replaced(tmp_path: Path, marker: str) -> None:
    path = tmp_path / "m.zarr"
    path.mkdir()
    if marker:
        (path / marker).write_text("{}")
    write_embeddings(sample(2), path)
    assert len(read_embeddings(path).ids) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_a_zarr_group_is_replaced_and_its_target_is_kept(tmp_path: Path) -> None:
    target = write_embeddings(sample(2), tmp_path / "target.zarr")
    (tmp_path / "link.zarr").symlink_to(target)
    write_embeddings(sample(3), tmp_path / "link.zarr")
    assert len(read_embeddings(target).ids) == 2
    assert len(read_embeddings(tmp_path / "link.zarr").ids) == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_is_not_replaced_by_a_zarr_group(tmp_path: Path) -> None:
    (tmp_path / "m.zarr").write_text("mine")
    with pytest.raises(OutputError, match="it is a file, not a folder"):
        write_embeddings(sample(), tmp_path / "m.zarr")
    assert (tmp_path / "m.zarr").read_text() == "mine"


def test_a_full_disk_of_the_store_is_one_error_and_can_be_resumed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store, large = Store(tmp_path / "store"), sample()
    message = rf"^cannot write {store.root}: {REASON}; choose another folder with --store$"
    with store.extraction(KEY, large.ids, {}) as extraction, full_disk(), pytest.raises(OutputError, match=message):
        extraction.write_shard(large.ids, large.embedding)
    with full_disk(), pytest.raises(OutputError, match=message):
        store.save(KEY, large)
    assert store.load(KEY) is None
    assert "Traceback" not in capfd.readouterr().err
    with store.extraction(KEY, large.ids, {}) as extraction:
        extraction.write_shard(large.ids, large.embedding)
        extraction.commit()
    np.testing.assert_array_equal(store.load(KEY).embedding, large.embedding)


def test_a_store_that_is_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    for root in (tmp_path / "store", tmp_path / "store" / "deep"):
        with pytest.raises(OutputError, match=rf"^cannot write {root}: .*; choose another folder with --store$"):
            Store(root).extraction(KEY, ["a"], {})


def test_a_bug_in_a_writer_is_no_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setitem(__import__("hyle.zoo.embeddings.files", fromlist=["WRITERS"]).WRITERS, ".npz", bug)
    with pytest.raises(ValueError, match="broadcast"):
        write_embeddings(sample(), tmp_path / "m.npz")
