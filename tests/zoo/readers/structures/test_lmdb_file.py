"""LMDB files without the lmdb library, compared with it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset
from hyle.zoo.readers.structures.lmdb_file import LmdbFile

lmdb = pytest.importorskip("lmdb")


def write(path: Path, n: int) -> dict[bytes, bytes]:
    """Write values on several levels of the tree and on overflow pages, in several transactions, and delete some."""
    rng = np.random.default_rng(0)
    values = {str(i).encode(): rng.bytes(9000 if i % 50 == 0 else int(rng.integers(0, 40))) for i in range(n)}
    with lmdb.open(str(path), subdir=False, map_size=2**27, lock=False) as environment:
        for part in range(4):
            with environment.begin(write=True) as transaction:
                for key in list(values)[part::4]:
                    transaction.put(key, values[key])
        with environment.begin(write=True) as transaction:
            for key in list(values)[::7]:
                transaction.delete(key)
                del values[key]
    return values


@pytest.mark.parametrize("n", [0, 1, 300, 6000])
def test_values_are_those_of_the_library(tmp_path: Path, n: int) -> None:
    values = write(tmp_path / "a.lmdb", n)
    file = LmdbFile(tmp_path / "a.lmdb")
    assert {key: file.get(key) for key in values} == values
    for key in (b"", b"0", b"x", b"99999999", b"00"):
        assert file.get(key) == values.get(key)
    file.close()


def test_files_that_are_cut_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.aselmdb"
    write(path, 300)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        InputError, match=rf"it has {len(content) // 2} bytes, but its header states \d+: it is not complete"
    ):
        read_dataset(path)
    path.write_bytes(content[:4000])
    with pytest.raises(InputError, match=r"it is not a file of LMDB 0\.9"):
        read_dataset(path)
    # A root beyond the end of the file, in both headers.
    for page in (0, 4096):
        content = content[: page + 16 + 24 + 48 + 40] + struct.pack("<Q", 2**40) + content[page + 16 + 24 + 48 + 48 :]
    path.write_bytes(content)
    with pytest.raises(InputError, match="the file is damaged"):
        read_dataset(path)
