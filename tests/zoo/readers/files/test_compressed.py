"""Compressed files of every kind."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")

POSCAR = "Si2\n1.0\n0 2.715 2.715\n2.715 0 2.715\n2.715 2.715 0\nSi\n2\nDirect\n0 0 0\n0.25 0.25 0.25\n"

XYZ = "2\n\nH 0 0 0\nH 0 0 0.74\n"


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(data, codec="zstd", asbytes=True)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("suffix", PACK)
def test_every_text_format_may_be_compressed(tmp_path: Path, suffix: str) -> None:
    from ase.io import write

    write(tmp_path / "s.cif", ase_build.bulk("Si"))
    write(tmp_path / "s.traj", ase_build.bulk("Si"))
    write(tmp_path / "s.gen", ase_build.bulk("Si"))
    texts = {f"s.{kind}": (tmp_path / f"s.{kind}").read_bytes() for kind in ("cif", "traj", "gen")}
    texts |= {"s.xyz": XYZ.encode(), "s.extxyz": XYZ.encode(), "POSCAR": POSCAR.encode(), "s.smi": b"CCO a\n"}
    for name, content in texts.items():
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(PACK[suffix](content))
        assert len(read_dataset(path)) == 1
        assert read_dataset(path, n=1).ids in (["0"], ["a"])
        path.write_bytes(PACK[suffix](content * 20)[:-9])
        with pytest.raises(InputError, match=rf"{name}\{suffix}"):
            read_dataset(path)
        (path.write_bytes(content),)
        with pytest.raises(InputError, match=rf"{name}\{suffix} is not readable"):
            read_dataset(path)
