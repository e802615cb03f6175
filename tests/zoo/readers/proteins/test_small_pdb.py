"""Small molecules in PDB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import InputError, read_dataset

ase_build = pytest.importorskip("ase.build")

LIGAND = """\
HETATM    1  N   LIG A   1       0.000   0.000   0.000  1.00  0.00           N1+
HETATM    2  C1 ALIG A   1       1.500   0.000   0.000  0.50  0.00           C
HETATM    3  C1 BLIG A   1       1.600   0.100   0.000  0.50  0.00           C
END
"""


def pdb(*atoms: str) -> str:
    """Return HETATM records of ``name residue element x y z`` with an occupancy of 1."""
    rows = [line.split() for line in atoms]
    return "".join(
        f"HETATM{i:5} {n:<4} {r:<4}A   1    {x:>8}{y:>8}{z:>8}  1.00  0.00          {e:>2}\n"
        for i, (n, r, e, x, y, z) in enumerate(rows, 1)
    )


CELL = "CRYST1   10.000   10.000   10.000  90.00  90.00  90.00 P 1           1\n"

CO = pdb("C1 LIG C 0.000 0.000 0.000", "O1 LIG O 1.250 0.000 0.000")

CN = pdb("C1 LIG C 0.000 0.000 0.000", "N1 LIG N 1.250 0.000 0.000")


def test_small_molecules_in_pdb_files(tmp_path: Path) -> None:
    from ase.io import write

    ethanol = ase_build.molecule("CH3CH2OH")
    write(tmp_path / "x.pdb", [ethanol, ethanol])
    write(tmp_path / "si.pdb", ase_build.bulk("Si", cubic=True))
    data = read_dataset(tmp_path / "x.pdb")
    assert (data.domain, [s.atoms.get_chemical_formula() for s in data]) == ("molecules", ["C2H6O"] * 2)
    np.testing.assert_allclose(data[0].atoms.positions, ethanol.positions, atol=1e-3)
    crystal = read_dataset(tmp_path / "si.pdb")[0].atoms
    assert (str(crystal.symbols), crystal.pbc.all(), crystal.cell.lengths()[0]) == ("Si8", True, 5.43)
    text = (tmp_path / "si.pdb").read_text()
    assert "P 1" in text
    (tmp_path / "si.pdb").write_text(text.replace("P 1", "P 1 21 1"))
    with pytest.raises(InputError, match="asymmetric unit of the space group P 1 21 1 only"):
        read_dataset(tmp_path / "si.pdb")


def test_a_ligand_with_a_charge_and_alternate_locations(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(LIGAND)
    notes: list[str] = []
    (sample,) = read_dataset(tmp_path / "a.pdb", notify=notes.append)
    assert (str(sample.atoms.symbols), sample.atoms.info) == ("NC", {"charge": 1})
    assert "alternate locations other than the first were dropped" in notes[0]
    assert "no hydrogen atoms" in notes[1]


def test_small_molecules_after_end_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text(f"{CO}END\n{CN}END   \n\n{CO}TER\nEND\n")
    data = read_dataset(tmp_path / "a.pdb")
    assert ([s.id for s in data], [str(s.atoms.symbols) for s in data]) == (["0", "1", "2"], ["CO", "CN", "CO"])
    # Frames of one file share the cell that precedes the first.
    (tmp_path / "a.pdb").write_text(f"{CELL}{CO}END\n{CO.replace('1.250', '1.300')}END\n{CN}END\n")
    data = read_dataset(tmp_path / "a.pdb")
    assert [bool(s.atoms.pbc.all()) for s in data] == [True, True, False]
    assert [s.atoms.positions[1, 0] for s in data] == pytest.approx([1.25, 1.3, 1.25])


def test_what_small_pdb_files_leave_open(tmp_path: Path) -> None:
    def read(text: str):
        (tmp_path / "a.pdb").write_text(text)
        return read_dataset(tmp_path / "a.pdb")

    for text in ("********", "        ", "     abc"):
        data = read(f"{CO}END\n{CO.replace('   1.250', text)}END\n")
        assert list(data.left_out.values()) == ["model 2: the coordinates are not finite"]
    assert list(read(CELL + CO).remarks) == ["the structure has no hydrogen atoms"]
    assert read(CELL + CO.replace(" C\n", "Ca\n").replace("C1 ", "CA1")).remarks == {}
    with pytest.raises(InputError, match="it has partially occupied sites"):
        read(CELL + CO.replace("1.00", "0.50"))
    assert list(read(CO.replace("1.00", "0.50")).remarks) == [
        "the molecule has no hydrogen atoms",
        "partially occupied atoms are read as present",
    ]
    heavy_water = pdb("O HOX O 0.000 0.000 0.000", "D1 HOX D 0.960 0.000 0.000", "D2 HOX D -0.24 0.930 0.000")
    data = read(heavy_water)
    assert (str(data[0].atoms.symbols), list(data.remarks)) == ("OH2", ["deuterium and tritium are read as hydrogen"])


def test_calcium_is_no_alpha_carbon(tmp_path: Path) -> None:
    calcium = "HETATM    1 CA   UNL A   1       0.000   0.000   0.000  1.00  0.00          CA\n"
    oxygen = "HETATM    2  O   OXY A   2       2.400   0.000   0.000  1.00  0.00           O\n"
    for line in (calcium, calcium.replace(" CA   UNL", "  CA  UNL"), calcium[:66] + "\n"):
        (tmp_path / "a.pdb").write_text(CELL + line + oxygen)
        assert read_dataset(tmp_path / "a.pdb")[0].atoms.get_chemical_formula() == "CaO"
    carbon = calcium.replace(" CA   UNL", "  CA  UNL").replace("CA\n", " C\n")
    (tmp_path / "a.pdb").write_text(CELL + carbon + carbon.replace("A   1", "A   2").replace("0.000 ", "3.800 ", 1))
    with pytest.raises(InputError, match="has no protein chain: 2 UNL"):
        read_dataset(tmp_path / "a.pdb")


def test_nucleotides_of_force_fields_are_no_small_molecules(tmp_path: Path) -> None:
    for name in ("ADE", "URA", "RA5", "DT3"):
        (tmp_path / "a.pdb").write_text(pdb(f"P {name} P 0.000 0.000 0.000", f"C1' {name} C 4.000 0.000 0.000"))
        with pytest.raises(InputError, match="has no protein chain: chain A is a nucleic acid"):
            read_dataset(tmp_path / "a.pdb")
    # The base alone is a molecule.
    (tmp_path / "a.pdb").write_text(pdb("N9 ADE N 0.000 0.000 0.000", "C8 ADE C 1.370 0.000 0.000"))
    assert str(read_dataset(tmp_path / "a.pdb")[0].atoms.symbols) == "NC"
