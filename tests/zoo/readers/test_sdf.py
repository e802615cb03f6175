"""Molecules in SDF files: ids as text, labels as numbers, and why a molecule is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.zoo import read_dataset

chem = pytest.importorskip("rdkit.Chem")


def record(smiles: str, title: str = "", **properties: str) -> str:
    block = chem.MolToMolBlock(chem.MolFromSmiles(smiles, sanitize=False), kekulize=False)
    text = "".join(f">  <{name}>\n{value}\n\n" for name, value in properties.items())
    return f"{title}{block}{text}$$$$\n"


def write(tmp_path: Path, *records: str) -> Path:
    (tmp_path / "a.sdf").write_text("".join(records))
    return tmp_path / "a.sdf"


def test_ids_are_text_and_labels_are_numbers(tmp_path: Path) -> None:
    ids = ["007", "1e5", "1E10", "T", "1.0"]
    path = write(tmp_path, *(record("CCO", f"t{i}", CID=id_, gap="1e-1") for i, id_ in enumerate(ids)))
    data = read_dataset(path, id_column="CID", labels=["gap"])
    assert (data.ids, [s.labels["gap"] for s in data]) == (ids, [0.1] * 5)
    assert read_dataset(path).ids == ["t0", "t1", "t2", "t3", "t4"]
    assert read_dataset(path, id_column="#").ids == ["0", "1", "2", "3", "4"]


def test_refused_molecules_have_a_reason_and_their_id(tmp_path: Path) -> None:
    lists = record("CCO").replace(" O  ", " L  ").replace("M  END", "M  ALS   3  2 F N   O   \nM  END")
    path = write(
        tmp_path,
        record("CCO", CID="fine"),
        record("CN(C)(C)C", CID="valence"),
        record("c1cccc1", CID="aromatic"),
        record("*CC", CID="dummy"),
        lists.replace("$$$$", ">  <CID>\nlist\n\n$$$$"),
        record("C").replace("  1  0", "  0  0", 1).replace("    0.0000    0.0000    0.0000 C", "", 1),
        record("CCO"),
        "title\n\n\nnothing\n$$$$\n",
    )
    data = read_dataset(path, id_column="CID")
    assert data.ids == ["fine"]
    reasons = list(data.left_out.values())
    assert "Explicit valence for atom # 1 N, 4, is greater than permitted" in data.left_out["valence"]
    assert "Can't kekulize mol" in data.left_out["aromatic"]
    for name in ("dummy", "list"):
        assert "it has dummy atoms, R groups or atom lists" in data.left_out[name]
    assert "has no property 'CID' to use as its id" in reasons[-2]
    assert "Cannot convert 'not' to unsigned int on line 4" in reasons[-1]


def test_atom_maps_are_removed(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, record("[CH3:1][OH:2]", "m")))
    assert (data[0].smiles, list(data.remarks)) == ("CO", ["atom map numbers were removed"])


def in_3d(smiles: str) -> object:
    from rdkit.Chem import AllChem

    mol = chem.AddHs(chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    return mol


@pytest.mark.parametrize(
    ("smiles", "info"),
    [
        ("CCO", {}),
        ("[NH4+]", {"charge": 1}),
        ("[CH3]", {"spin": 2}),
        ("[CH2]", {"spin": 3}),
        ("[CH2-]C", {"charge": -1}),
    ],
)
def test_charges_and_radicals_reach_the_atoms(tmp_path: Path, smiles: str, info: dict[str, int]) -> None:
    path = write(tmp_path, chem.MolToMolBlock(in_3d(smiles)) + "$$$$\n")
    atoms = read_dataset(path)[0].atoms
    assert atoms is not None
    assert atoms.info == info


def test_atoms_on_one_spot_are_left_out(tmp_path: Path) -> None:
    mol = in_3d("CCO")
    first = mol.GetConformer().GetAtomPosition(0)  # type: ignore[attr-defined]
    mol.GetConformer().SetAtomPosition(1, first)  # type: ignore[attr-defined]
    path = write(tmp_path, chem.MolToMolBlock(in_3d("C")) + "$$$$\n", chem.MolToMolBlock(mol) + "$$$$\n")
    data = read_dataset(path)
    assert (len(data), list(data.left_out.values())) == (1, ["record 2: atoms 1 (C) and 2 (C) are 0 Angstrom apart"])
