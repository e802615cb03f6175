"""Molecules in .mol and .mol2 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import read_dataset

MOL2 = """\
@<TRIPOS>MOLECULE
methanol
 6 5 0 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C          -0.3623    0.0172   -0.0183 C.3     1  MOL1        0.1459
      2 O           0.9060   -0.5186   -0.3159 O.3     1  MOL1       -0.3991
      3 H          -0.8393    0.3812   -0.9493 H       1  MOL1        0.0582
      4 H          -0.2702    0.8500    0.7096 H       1  MOL1        0.0582
      5 H          -1.0064   -0.7710    0.4210 H       1  MOL1        0.0582
      6 H           1.5722    0.0412    0.1528 H       1  MOL1        0.2094
@<TRIPOS>BOND
     1     1     2    1
     2     1     3    1
     3     1     4    1
     4     1     5    1
     5     2     6    1
"""


def mol2(atoms: str, bonds: str = "", charges: str = "USER_CHARGES", name: str = "m") -> str:
    """Return a molecule of atoms as ``type charge x y z``, and single bonds as two numbers."""
    rows, pairs = [line.split() for line in atoms.split(";")], [pair for pair in bonds.split(";") if pair]
    lines = [f"{i} {t.split('.')[0]}{i} {x} {y} {z} {t} 1 UNL {q}" for i, (t, q, x, y, z) in enumerate(rows, 1)]
    lines += ["@<TRIPOS>BOND", *(f"{i} {pair} 1" for i, pair in enumerate(pairs, 1))]
    head = ["@<TRIPOS>MOLECULE", name, f"{len(rows)} {len(pairs)} 0 0 0", "SMALL", charges, "", "@<TRIPOS>ATOM"]
    return "\n".join([*head, *lines, ""])


METHYL = "C.3 -1.3 0 0 0;H 0.1 0.6 0.6 0.6;H 0.1 -0.6 -0.6 0.6;H 0.1 0.6 -0.6 -0.6", "1 2;1 3;1 4"


def pdb(*atoms: str) -> str:
    """Return HETATM records of ``name residue element x y z`` with an occupancy of 1."""
    rows = [line.split() for line in atoms]
    return "".join(
        f"HETATM{i:5} {n:<4} {r:<4}A   1    {x:>8}{y:>8}{z:>8}  1.00  0.00          {e:>2}\n"
        for i, (n, r, e, x, y, z) in enumerate(rows, 1)
    )


CO = pdb("C1 LIG C 0.000 0.000 0.000", "O1 LIG O 1.250 0.000 0.000")


def test_mol_and_mol2(tmp_path: Path) -> None:
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit.Chem import AllChem

    mol = chem.AddHs(chem.MolFromSmiles("C[NH3+]"))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    (tmp_path / "a.mol").write_text(chem.MolToMolBlock(mol))
    (sample,) = read_dataset(tmp_path / "a.mol")
    assert (sample.smiles, str(sample.atoms.symbols), sample.atoms.info) == ("C[NH3+]", "CNH6", {"charge": 1})
    (tmp_path / "a.mol2").write_text(
        MOL2 + MOL2.replace("methanol", "broken").replace("C.3", "Q.9") + MOL2.replace("methanol", "b")
    )
    data = read_dataset(tmp_path / "a.mol2")
    assert (data.ids, [s.smiles for s in data], list(data.left_out)) == (["methanol", "b"], ["CO"] * 2, ["broken"])
    assert str(data[0].atoms.symbols) == "COH4"
    np.testing.assert_allclose(data[0].atoms.positions[1], [0.906, -0.5186, -0.3159])


@pytest.mark.parametrize(
    ("ion", "charge"), [("Zn", 2), ("Fe", 3), ("Fe", 2), ("Cu", 2), ("Cu", 1), ("Na", 1), ("Cl", -1), ("Zn", 2.0001)]
)
def test_single_ions_of_mol2_have_the_charge_of_the_column(tmp_path: Path, ion: str, charge: float) -> None:
    pytest.importorskip("rdkit")
    (tmp_path / "a.mol2").write_text(mol2(f"{ion} {charge} 0 0 0"))
    (sample,) = read_dataset(tmp_path / "a.mol2")
    sign = f"{'+' if charge > 0 else '-'}{abs(round(charge)) if abs(charge) > 1 else ''}"
    assert (sample.smiles, sample.atoms.info) == (f"[{ion}{sign}]", {"charge": round(charge)})


def test_charges_of_mol2_that_contradict_the_atom_types(tmp_path: Path) -> None:
    pytest.importorskip("rdkit")
    (tmp_path / "a.mol2").write_text(
        mol2(*METHYL, name="anion")
        + mol2(*METHYL, charges="NO_CHARGES", name="none")
        + mol2("Zn 0 0 0 0", charges="NO_CHARGES", name="zinc")
        + mol2("Na 0 0 0 0", charges="NO_CHARGES", name="sodium")
        + mol2("K 1 0 0 0", name="****")
    )
    data = read_dataset(tmp_path / "a.mol2")
    assert {s.id: s.atoms.info for s in data} == {"none": {}, "sodium": {"charge": 1}, "4": {"charge": 1}}
    assert list(data.remarks) == ["unpaired electrons that RDKit infers from valences do not set the spin"]
    assert "its charges add up to -1.00, but its atom types and bonds to +0" in data.left_out["anion"]
    assert "the charge of the atom 1 (Zn), without bonds, is unknown" in data.left_out["zinc"]


def test_numbers_of_atoms_that_mol2_states_are_checked(tmp_path: Path) -> None:
    """RDKit asks for memory without end where the number is negative."""
    pytest.importorskip("rdkit")
    for number in ("-1", "999999999", "1e9", "x"):
        (tmp_path / "a.mol2").write_text(
            mol2("Na 1 0 0 0").replace("1 0 0 0 0", f"{number} 0 0 0 0") + mol2("Cl -1 0 0 0", name="b")
        )
        data = read_dataset(tmp_path / "a.mol2")
        assert (data.ids, list(data.left_out)) == (["b"], ["m"])
        assert f"it states {number} and 0 atoms and bonds" in data.left_out["m"]
