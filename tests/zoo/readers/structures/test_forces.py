"""Forces of structures under the names that files use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import read_dataset

pytest.importorskip("ase")
FORCES = np.array([[0.5, 0, -0.25], [-0.5, 0, 0.25]])


def write(path: Path, name: str, comment: str = "") -> Path:
    rows = [f"H 0 0 {0.74 * i} {' '.join(map(str, force))}" for i, force in enumerate(FORCES)]
    path.write_text("\n".join(["2", f"Properties=species:S:1:pos:R:3:{name}:R:3 {comment}", *rows, ""]))
    return path


@pytest.mark.parametrize("name", ["forces", "REF_forces", "dft_forces", "DFT_forces"])
def test_forces_are_read_where_they_are(tmp_path: Path, name: str) -> None:
    data = read_dataset(write(tmp_path / "a.extxyz", name, "energy=-1"))
    assert data[0].atoms is not None
    np.testing.assert_array_equal(data[0].atoms.arrays["forces"], FORCES)
    assert [remark for remark in data.remarks if "forces" in remark] == (
        [] if name == "forces" else [f"forces taken from {name}"]
    )
    # The version is that of what models read.
    plain = tmp_path / "b" / "a.extxyz"
    plain.parent.mkdir()
    plain.write_text("2\nProperties=species:S:1:pos:R:3\nH 0 0 0\nH 0 0 0.74\n")
    assert read_dataset(plain).version == data.version


def test_forces_of_an_unknown_unit_are_left_out(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path / "a.extxyz", "forces", "energy=-1 energy_unit=hartree"))
    assert data[0].atoms is not None
    assert "forces" not in data[0].atoms.arrays
    assert any("forces not read, because the energy has another unit" in remark for remark in data.remarks)


def test_a_database_of_ase(tmp_path: Path) -> None:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect

    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=FORCES)
    with connect(tmp_path / "a.db") as database:
        database.write(atoms)
    read = read_dataset(tmp_path / "a.db")[0].atoms
    assert read is not None
    np.testing.assert_array_equal(read.arrays["forces"], FORCES)
