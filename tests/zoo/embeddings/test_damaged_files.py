"""Damaged files, and files whose headers promise more than they contain."""

from __future__ import annotations

import json
import random
import shutil
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest

from hyle.zoo import HyleError, InputError, Representation, read_embeddings, write_embeddings

SUFFIXES = (".npz", ".npy", ".parquet", ".safetensors", ".csv", ".h5", ".zarr", ".feather", ".pt", ".jsonl")


def written(path: Path, n: int = 40) -> Path:
    x = np.random.default_rng(0).normal(size=(n, 5)).astype("f4")
    ids = [f"s{i}" for i in range(n)]
    if path.suffix in (".feather", ".jsonl"):
        table = pa.table({"id": ids, "embedding": x.tolist()})
        if path.suffix == ".feather":
            pa.feather.write_feather(table, path)
        else:
            path.write_text("\n".join(map(json.dumps, table.to_pylist())))
        return path
    if path.suffix == ".pt":
        torch = pytest.importorskip("torch")
        torch.save({"embedding": torch.tensor(x), "ids": ids}, path)
        return path
    return write_embeddings(Representation("m", x, ids), path)


def problem_of(path: Path) -> str:
    """Return the message of an error on purpose; empty if the file is read. Any other error fails the test."""
    try:
        read_embeddings(path)
    except HyleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_and_flipped_bytes_are_one_line(tmp_path, suffix):
    """Either the file is refused in one line, or only numbers and ids changed, which the format cannot notice."""
    original = written(tmp_path / f"m{suffix}")
    rng = random.Random(0)
    for attempt in range(60):
        damaged = tmp_path / f"d{suffix}"
        if original.is_dir():
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(original, damaged)
            target = rng.choice(sorted(p for p in damaged.rglob("*") if p.is_file()))
        else:
            shutil.copy(original, damaged)
            target = damaged
        content = bytearray(target.read_bytes())
        if attempt % 2:
            for _ in range(rng.randint(1, 8)):
                content[rng.randrange(len(content))] = rng.randrange(256)
        else:
            del content[rng.randrange(len(content)) :]
        target.write_bytes(content)
        message = problem_of(damaged)
        assert "\n" not in message
        assert len(message) < 1500


def test_headers_that_promise_too_much(tmp_path):
    path = write_embeddings(Representation("m", np.ones((4, 3)), list("abcd")), tmp_path / "x.npy")
    content = path.read_bytes()
    header = content[10 : 10 + struct.unpack("<H", content[8:10])[0]]
    huge = header.replace(b"(4, 3)", b"(999999999999, 3)")[: len(header) - 1].ljust(len(header) - 1) + b"\n"
    path.write_bytes(content[:10] + huge + content[10 + len(header) :])
    with pytest.raises(
        InputError, match=r"x\.npy: is damaged: the array should have 23999999999976 bytes, and the file"
    ):
        read_embeddings(path)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("embedding.npy", path.read_bytes())
    with pytest.raises(InputError, match=r"x\.npz: is damaged: embedding should have 23999999999976 bytes"):
        read_embeddings(tmp_path / "x.npz", number_rows=True)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("embedding", (10**9, 10**4), "f4", chunks=(1, 10**4))
        file["ids"] = list("abcd")
    with pytest.raises(InputError, match=r"x\.h5: data set embedding has 1000000000 of 1000000000 chunks missing"):
        read_embeddings(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.create_dataset("embedding", (10**9, 10**4), "f4")
        file["ids"] = list("abcd")
    with pytest.raises(InputError, match=r"y\.h5: data set embedding of shape \[1000000000, 10000\] was never written"):
        read_embeddings(tmp_path / "y.h5")


def test_a_missing_chunk_is_not_read_as_zeros(tmp_path):
    zeros = np.zeros((4, 3), "f4")
    path = write_embeddings(Representation("m", zeros, list("abcd"), energies=np.zeros(4)), tmp_path / "x.zarr")
    np.testing.assert_array_equal(read_embeddings(path).embedding, zeros)
    chunk = next(p for p in (path / "embedding").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.unlink()
    with pytest.raises(
        InputError, match=r"x\.zarr: embedding: chunk \{0, 0\} is missing; if it contains nothing but z"
    ):
        read_embeddings(path)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("embedding", (6, 3), "f4", chunks=(2, 3))
        data[:2], data[4:] = 1, 1
        file["ids"] = list("abcdef")
    with pytest.raises(InputError, match=r"x\.h5: data set embedding has 1 of 3 chunks missing"):
        read_embeddings(tmp_path / "x.h5")


@pytest.mark.parametrize("address", ["s3://bucket/x.npz", "gs://b/x", "https://example.org/x.npz", "file:///x.npy"])
def test_addresses_are_refused(address):
    with pytest.raises(InputError, match="addresses are not supported: use a file or folder on this machine"):
        read_embeddings(address)


def test_a_large_array_is_not_copied_into_memory(tmp_path):
    path = write_embeddings(Representation("m", np.ones((4, 3), "f4"), list("abcd")), tmp_path / "x.npy")
    assert isinstance(read_embeddings(path).embedding.base, np.memmap)
    path = write_embeddings(Representation("m", np.ones((4, 3), "f4"), list("abcd")), tmp_path / "x.safetensors")
    assert isinstance(read_embeddings(path).embedding.base, np.memmap)


def test_a_stream_that_is_cut_between_batches_is_noticed(tmp_path):
    table = pa.table({"id": [f"s{i}" for i in range(20)], "embedding": [[1.0, float(i)] for i in range(20)]})
    path = tmp_path / "x.arrow"
    with pa.ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table, max_chunksize=10)
    assert len(read_embeddings(path).ids) == 20
    content = path.read_bytes()
    path.write_bytes(content[:-8])
    with pytest.raises(InputError, match=r"x\.arrow is cut off"):
        read_embeddings(path)


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "x.npz").symlink_to(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match=r"x\.npz is a broken link"):
        read_embeddings(tmp_path / "x.npz")
