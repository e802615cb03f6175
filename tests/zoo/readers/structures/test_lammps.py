"""Dumps of LAMMPS."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    return pa.compress(data, codec="zstd", asbytes=True)


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}

DUMP = """\
ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
{n}
ITEM: BOX BOUNDS pp pp {third}
0.0 5.0
0.0 5.0
0.0 5.0
ITEM: ATOMS id {kind} x y z fx fy fz
2 {second} 1.3 1.3 1.3 0 0 0
1 Si 0 0 0 0 0 0
"""


def dump(step: int = 0, n: int = 2, third: str = "pp", kind: str = "element", second: str = "O") -> str:
    return DUMP.format(step=step, n=n, third=third, kind=kind, second=second)


@pytest.mark.parametrize("name", ["a.lammpstrj", "a.dump", "a.lammpstrj.gz"])
def test_dumps_of_lammps(tmp_path: Path, name: str) -> None:
    text = dump() + dump(n=3) + dump(second="Qq") + dump(step=3, third="ff")
    (tmp_path / name).write_bytes(PACK[".gz"](text.encode()) if name.endswith("gz") else text.encode())
    data = read_dataset(tmp_path / name)
    assert data.ids == ["0", "3"]
    assert [str(sample.atoms.symbols) for sample in data] == ["SiO", "SiO"]
    assert [sample.labels for sample in data] == [{}, {}]  # ASE adds an energy of 0 to forces
    assert data[1].atoms.pbc.tolist() == [True, True, False]
    np.testing.assert_allclose(data[0].atoms.cell.lengths(), 5)
    assert data.left_out["1"] == "line 12: it states 3 atoms, but has 2 lines of atoms"


def test_dumps_without_elements(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(dump(kind="type", second="2").replace("Si", "1"))
    with pytest.raises(InputError, match="its atoms have types but no elements"):
        read_dataset(tmp_path / "a.dump")
    (tmp_path / "a.dump").write_text("select * from table;\n")
    with pytest.raises(InputError, match="is not a dump of LAMMPS: line 1 must be 'ITEM: TIMESTEP'"):
        read_dataset(tmp_path / "a.dump")


def test_elements_of_dumps_from_masses_and_labels(tmp_path: Path) -> None:
    text = dump(kind="mass", second="15.999").replace("1 Si", "1 28.0855")
    (tmp_path / "a.dump").write_text(text)
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "a.dump", notify=notes.append)
    assert str(sample.atoms.symbols) == "SiO"
    assert notes == ["a.dump: 1 of 1 samples: elements taken from the masses of the atoms"]
    for mass in ("14.027", "58.8", "16.043", "2.014", "12.5", "nan", "x"):  # CH2, between Ni and Co, CH4, D
        (tmp_path / "a.dump").write_text(text.replace("15.999", mass))
        with pytest.raises(InputError, match=r"is that of no element|is not a number"):
            read_dataset(tmp_path / "a.dump")
    (tmp_path / "a.dump").write_text(text.replace("15.999", "1").replace("28.0855", "1"))  # in units lj
    with pytest.raises(InputError, match="its mass 1 is that of no element"):
        read_dataset(tmp_path / "a.dump")
    for label, formula in (("o", "SiO"), ("O1", "SiO"), ("D", "SiH")):
        (tmp_path / "a.dump").write_text(dump(second=label))
        assert str(read_dataset(tmp_path / "a.dump")[0].atoms.symbols) == formula
    (tmp_path / "a.dump").write_text(dump(second="8"))
    with pytest.raises(InputError, match="'8' is no element"):
        read_dataset(tmp_path / "a.dump")


def test_units_of_dumps(tmp_path: Path) -> None:
    time = "ITEM: TIME\n0.5\n"  # of dump_modify time yes
    (tmp_path / "a.dump").write_text("ITEM: UNITS\nmetal\n" + time + dump() + time + dump(step=1))
    assert [str(sample.atoms.symbols) for sample in read_dataset(tmp_path / "a.dump")] == ["SiO", "SiO"]
    (tmp_path / "a.dump").write_text("ITEM: UNITS\nelectron\n" + dump())
    with pytest.raises(InputError, match="its units are 'electron', but only metal and real are read"):
        read_dataset(tmp_path / "a.dump")
