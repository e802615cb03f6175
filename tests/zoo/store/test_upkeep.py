"""What a store contains, what of it is damaged, and what may be removed."""

import os
import shutil
import time

import numpy as np
import pytest

from hyle.zoo import InputError, Store
from hyle.zoo.store import (
    Key,
    count_folders,
    find_damage,
    find_leftovers,
    find_stored,
    find_unfinished,
    last_write,
    remove_folder,
    remove_leftover,
    size_of,
)

from .stored import IDS, KEY, RECIPE, energies, representation, rows

OTHER = Key("m/2", "w", "qm9-0123", "last", "mean")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    store.save(KEY, representation())
    with store.extraction(OTHER, IDS, RECIPE) as extraction:
        extraction.write_shard(IDS[:5], rows(IDS[:5]), energies(IDS[:5]))
        extraction.write_shard(IDS[5:7], rows(IDS[5:7]), dropped={"s007": "why"})
    return store


def flip(path, place=-9):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_unfinished_extractions(store):
    (found,) = find_unfinished(store.root)
    assert (found.model, found.dataset, found.stored) == ("m/2", "qm9-0123", False)
    assert (len(found.finished), found.missing) == (8, IDS[8:])
    assert found.plan.recipe == RECIPE
    assert abs(found.written - time.time()) < 60


def test_a_plan_that_is_damaged_is_written_again(store):
    (found,) = find_unfinished(store.root)
    flip(found.path / "extraction.json", 20)
    (found,) = find_unfinished(store.root)
    assert (found.plan, found.missing, found.model) == (None, None, "m/2")
    store.extraction(OTHER, IDS, RECIPE).close()
    (found,) = find_unfinished(store.root)
    assert found.missing == IDS[8:]


@pytest.mark.parametrize("name", ["embedding", "energies"])
@pytest.mark.parametrize("where", ["representation", "shards"])
def test_a_flipped_byte_is_found(store, name, where):
    assert list(find_damage(store.root)) == []
    assert count_folders(store.root) == 3
    chunks = [p for p in store.root.glob(f"*/*/*/*/{where}/**/{name}/c/**/*") if p.is_file()]
    flip(chunks[0])
    steps = []
    (damage,) = find_damage(store.root, steps.append)
    assert steps == [1, 2, 3]
    assert chunks[0].is_relative_to(damage.path)
    assert damage.problem
    assert damage.recipe == RECIPE
    assert damage.samples == (21 if where == "representation" else 20)  # with the sample that was dropped


@pytest.mark.parametrize("file", ["about/about.json", "commit_success.txt", "arrays/embedding/zarr.json"])
def test_a_missing_file_is_found(store, file):
    path = store.root / KEY.folder / "representation"
    (path / file).unlink()
    (damage,) = find_damage(store.root)
    assert damage.path == path
    assert damage.recipe == (None if file.startswith("about") else RECIPE)


@pytest.mark.parametrize("file", ["about/about.json", "commit_success.txt"])
def test_what_is_stored_is_found_beside_what_is_damaged(store, file):
    path = store.save(Key("a", "w", "qm9-0123", "last", "mean"), representation())
    assert find_stored(store.root) == (store.list(), [])
    (path / file).unlink()
    (entry,), damaged = find_stored(store.root)
    assert (entry.key, damaged) == (KEY, [path])


def test_a_shard_without_its_marker_is_damaged_and_counts_as_missing(store):
    (before,) = find_unfinished(store.root)
    shard = min(path for path in before.path.iterdir() if path.is_dir())
    (shard / "commit_success.txt").unlink()
    (damage,) = find_damage(store.root)
    assert (damage.path, damage.problem, damage.recipe) == (shard, "commit_success.txt is missing", RECIPE)
    (after,) = find_unfinished(store.root)
    assert 0 < len(after.finished) < len(before.finished)
    assert count_folders(store.root) == 3


def test_a_representation_under_another_key_is_found(store):
    other = store.root / Key("wrong", "w", "qm9-0123", "last", "mean").folder
    shutil.copytree(store.root / KEY.folder, other)
    (damage,) = find_damage(store.root)
    assert (damage.path, "belongs to m on qm9" in damage.problem) == (other / "representation", True)


def test_leftovers_are_removed_and_representations_stay(store):
    place, extraction = store.root / KEY.folder, find_unfinished(store.root)[0].path
    made = [
        *(place / "incoming-1", place / "old-1", place / "incoming.orbax-checkpoint-tmp", place / ".removed-1"),
        *(place / ".commit", extraction / ".writing-1", extraction.parent / ".removed-2", extraction),
    ]
    for path in made[:-1]:
        path.write_text("x") if path.name == ".commit" else path.mkdir()
    assert {path for path, _ in find_leftovers(store.root)} == set(made)
    for path, _ in list(find_leftovers(store.root)):
        remove_leftover(path)
    assert sorted(path.name for path in place.iterdir()) == [".lock", "representation"]
    assert [path.name for path in extraction.parents[1].iterdir()] == [".lock"]
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))


def test_a_representation_and_a_shard_are_removed_and_nothing_else(store):
    (extraction,) = find_unfinished(store.root)
    shard = min(path for path in extraction.path.iterdir() if path.is_dir())
    for path in (store.root / KEY.folder / "representation", shard):
        assert remove_folder(store.root, str(path)) == path
        assert not path.exists()
    assert store.load(KEY) is None
    assert len(find_unfinished(store.root)[0].finished) < 8
    for path in (store.root, extraction.path, shard, store.root.parent):
        with pytest.raises(InputError, match="is no representation and no shard in the store"):
            remove_folder(store.root, str(path))


def test_a_replacement_that_was_killed_is_no_leftover(store):
    """Between the two renames, the only representations are the new one and the old one."""
    place = store.root / KEY.folder
    shutil.copytree(place / "representation", place / "incoming-1")
    (place / "representation").rename(place / "old-1")
    assert not [path for path, _ in find_leftovers(store.root) if path.is_relative_to(place)]
    store.extraction(KEY, IDS, RECIPE, shared=True).close()
    np.testing.assert_array_equal(store.load(KEY).embedding, rows(IDS))


def test_size_and_age(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"12345")
    for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        os.utime(path, (1e9, 1e9))
    os.utime(tmp_path / "a" / "b" / "c", (2e9, 2e9))
    assert (size_of(tmp_path / "a"), size_of(tmp_path / "a" / "b" / "c"), last_write(tmp_path / "a")) == (5, 5, 2e9)
    assert (size_of(tmp_path / "gone"), last_write(tmp_path / "gone")) == (0, 0.0)
