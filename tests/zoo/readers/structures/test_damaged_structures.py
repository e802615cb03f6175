"""Damaged files of structures: whatever is in them, they are read or refused in one line, in little time and memory."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")

DAMAGES = 60
FORMATS = {
    "a.extxyz": "extxyz",
    "a.gen": "gen",
    "a.xsf": "xsf",
    "a.res": "res",
    "XDATCAR": "vasp-xdatcar",
    "POSCAR": "vasp",
    "a.cif": "cif",
    "a.traj": "traj",
    "a.db": "db",
    "a.json": "json",
    "a.pdb": "proteindatabank",
}
OTHERS = ("p.json.gz", "b.xyz.gz", "c.zip", "d.lammpstrj", "e.aselmdb")
DUMP = """\
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0.0 5.0
0.0 5.0
0.0 5.0
ITEM: ATOMS id element x y z
1 Si 0 0 0
2 Si 1.3 1.3 1.3
"""


def make(folder: Path, name: str) -> Path:
    """Write a small valid file."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    path = folder / name
    silicon = ase_build.bulk("Si")
    silicon.calc = SinglePointCalculator(silicon, energy=-10.8)
    if name in FORMATS:
        one = name in ("POSCAR", "a.gen", "a.res")
        write(path, silicon if one else [silicon, silicon], format=FORMATS[name])
    elif name == "p.json.gz":
        site = {"species": [{"element": "Si", "occu": 1}], "abc": [0, 0, 0], "xyz": [0, 0, 0]}
        matrix = (np.eye(3) * 3).tolist()
        path.write_bytes(gzip.compress(json.dumps([{"lattice": {"matrix": matrix}, "sites": [site]}]).encode(), 0))
    elif name == "b.xyz.gz":
        path.write_bytes(gzip.compress(b"2\n\nH 0 0 0\nH 0 0 0.74\n" * 50))
    elif name == "c.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/a.xyz", "2\n\nH 0 0 0\nH 0 0 0.74\n" * 3)
            archive.write(make(folder, "POSCAR"), "POSCAR")
    elif name == "d.lammpstrj":
        path.write_text(DUMP * 3)
    else:
        lmdb = pytest.importorskip("lmdb")
        from ase.io.jsonio import encode

        row = {
            "numbers": silicon.numbers,
            "positions": silicon.positions,
            "cell": silicon.cell.array,
            "pbc": silicon.pbc,
        }
        opened = lmdb.open(str(path), subdir=False, map_size=2**20, lock=False)
        with opened as environment, environment.begin(write=True) as transaction:
            for key, value in (("1", row), ("2", row | {"data": {"a": list(range(9000))}}), ("nextid", 3)):
                transaction.put(key.encode(), zlib.compress(encode(value).encode(), 0))
    return path


def damaged(content: bytes, rng: np.random.Generator, kind: int) -> bytes:
    """Cut, change, delete or insert bytes, or make a number long."""
    data, at = bytearray(content), int(rng.integers(len(content)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for place in rng.integers(len(data), size=int(rng.integers(1, 6))):
            data[place] = int(rng.integers(256))
    elif kind == 2:
        del data[at : at + int(rng.integers(1, 20))]
    elif kind == 3:
        data[at:at] = rng.bytes(int(rng.integers(1, 20)))
    else:
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
        place = int(rng.choice(digits)) if digits else at
        data[place : place + 1] = b"9" * int(rng.integers(1, 14))
    return bytes(data)


@pytest.mark.parametrize("name", [*FORMATS, *OTHERS])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    content = path.read_bytes()
    assert len(read_dataset(path)) >= 1
    rng = np.random.default_rng(len(name))
    start = time.monotonic()
    outcomes, messages = set(), [""]
    for number in range(DAMAGES):
        path.write_bytes(damaged(content, rng, number % 5))
        try:
            read_dataset(path)
        except InputError as error:
            messages.append(str(error))
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert "refused" in outcomes
    assert max(map(len, messages)) < 1500
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 3000, np.random.default_rng(0).bytes(3000), b"9" * 3000, b"\n" * 3000]
)
@pytest.mark.parametrize("name", [*FORMATS, *OTHERS, "OUTCAR", "vasprun.xml", "a.mol2", "a.mol", "a.jsonl", "a.tar.gz"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        read_dataset(tmp_path / name)
    assert len(str(caught.value)) < 1500
    assert (tmp_path / name).read_bytes() == content


LIES = {
    "a.xyz": "999999999999\n\nH 0 0 0\n",
    "b.xyz": "2\nProperties=species:S:1:pos:R:999999\nH 0 0 0\nH 0 0 1\n",
    "a.gen": "999999999999 C\nH\n1 1 0 0 0\n",
    "a.xsf": "CRYSTAL\nPRIMVEC\n3 0 0\n0 3 0\n0 0 3\nPRIMCOORD\n999999999999 1\n1 0 0 0\n",
    "POSCAR": "H\n1\n3 0 0\n0 3 0\n0 0 3\nH\n999999999999\nDirect\n0 0 0\n",
    "XDATCAR": "H\n1\n3 0 0\n0 3 0\n0 0 3\nH\n999999999999\nDirect configuration=     1\n0 0 0\n",
    "a.dump": DUMP.replace("\n2\nITEM: BOX", "\n999999999999\nITEM: BOX"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_number_of_atoms_that_the_file_cannot_hold_takes_neither_time_nor_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LIES[name])
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(InputError, match=r"999999999999|1000000 columns"):
        read_dataset(tmp_path / name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6
    assert time.monotonic() - start < 5


def test_an_sqlite_file_without_tables_of_ase_is_not_changed(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table other (id integer)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="it has no table 'systems'"):
        read_dataset(path)
    assert path.read_bytes() == before
