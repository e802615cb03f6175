"""Molecules in SDF files: ids as text, labels as numbers, and why a molecule is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyle.zoo import InputError, read_dataset

chem = pytest.importorskip("rdkit.Chem")

DRAWING = "no 3D coordinates: read as SMILES only"
HYDROGENS = "hydrogens without coordinates: read as SMILES only"
PLANAR = "planar coordinates without the code 3D are read as 3D, because of the lengths of the bonds"


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
    assert (data[0].smiles, list(data.remarks)) == ("CO", ["atom map numbers were removed", DRAWING])


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


def table(atoms: str, bonds: str = "", end: str = "", code: str = "3D", title: str = "m") -> str:
    """Return a V2000 record, with atoms as ``element x y z`` and bonds as two numbers, and single."""
    places, pairs = [line.split() for line in atoms.split(";")], [pair.split() for pair in bonds.split(";") if pair]
    lines = [f"{float(x):10.4f}{float(y):10.4f}{float(z):10.4f} {e:<3} 0  0" for e, x, y, z in places]
    lines += [f"{int(a):3}{int(b):3}  1  0" for a, b in pairs]
    counts = f"{len(places):3}{len(pairs):3}  0  0  0  0            999 V2000"
    return "\n".join(
        [title, f"  writer  0101010101{code}", "", counts, *lines, *([end] if end else []), "M  END", "$$$$", ""]
    )


CH2 = ("C 0 0 0;H 0.9 0.6 0;H -0.9 0.6 0.3", "1 2;1 3")


# The multiplicities of the specification of CTfiles: 1 is a singlet, 2 a doublet, 3 a triplet.
@pytest.mark.parametrize(("mark", "spin"), [("M  RAD  1   1   1", 1), ("M  RAD  1   1   3", 3)])
def test_radicals_have_the_marked_multiplicity(tmp_path: Path, mark: str, spin: int) -> None:
    atoms = read_dataset(write(tmp_path, table(*CH2, mark)))[0].atoms
    assert atoms is not None
    assert (str(atoms.symbols), atoms.info) == ("CH2", {"spin": spin})
    v3000 = V3000.format(atom="C", end=f" RAD={spin}")
    atoms = read_dataset(write(tmp_path, v3000))[0].atoms
    assert atoms is not None
    assert atoms.info == {"spin": spin}


def test_radicals_that_follow_from_valences_only_do_not_set_the_spin(tmp_path: Path) -> None:
    # Some programs write anions without a charge, and a valence that RDKit makes up for by a radical.
    text = table("C 0 0 0;H 0.6 0.6 0.6;H -0.6 -0.6 0.6;H 0.6 -0.6 -0.6", "1 2;1 3;1 4")
    text = text.replace("C   0  0", "C   0  0  0  0  0  3")
    data = read_dataset(write(tmp_path, text))
    assert data[0].atoms is not None
    assert (data[0].atoms.info, list(data.remarks)) == (
        {},
        ["unpaired electrons that RDKit infers from valences do not set the spin"],
    )


def test_the_charge_code_of_a_radical_is_refused(tmp_path: Path) -> None:
    methyl = table("C 0 0 0;H 0.6 0.6 0.6;H -0.6 -0.6 0.6;H 0.6 -0.6 -0.6", "1 2;1 3;1 4").replace(
        "C   0  0", "C   0  4"
    )
    with pytest.raises(InputError, match="it marks a radical by the charge code 4"):
        read_dataset(write(tmp_path, methyl))


def test_several_centres_are_parallel(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, table("O 0 0 0;O 0 0 1.21", "1 2", "M  RAD  2   1   2   2   2")))
    assert data[0].atoms is not None
    assert (data[0].atoms.info, list(data.remarks)) == (
        {"spin": 3},
        ["the spins of several radical centres are read as parallel"],
    )


V3000 = """\
m
     writer          3D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 0 0 0
M  V30 BEGIN ATOM
M  V30 1 {atom} 0 0 0 0{end}
M  V30 2 H 0.9 0.6 0 0
M  V30 3 H -0.9 0.6 0.3 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 1 3
M  V30 END BOND
M  V30 END CTAB
M  END
>  <CID>
x1

$$$$
"""


@pytest.mark.parametrize("atom", ["[]", "NOT[]", "[,]", "[C,N]", "not[", "-\nM  V30 []", "[] C"])
def test_atom_lists_of_v3000_do_not_end_the_process(tmp_path: Path, atom: str) -> None:
    """RDKit's parser crashes at those without elements."""
    path = write(tmp_path, V3000.format(atom=atom, end=""), V3000.format(atom="O", end="").replace("x1", "x2"))
    data = read_dataset(path, id_column="CID")
    assert data.ids == ["x2"]
    assert len(data.left_out) == 1


def test_planar_molecules_are_told_from_drawings_by_their_bonds(tmp_path: Path) -> None:
    from ase.build import molecule
    from rdkit.Chem import AllChem

    benzene = molecule("C6H6")
    places = ";".join(f"{a.symbol} {a.x} {a.y} {a.z}" for a in benzene)
    ring = "1 2;2 3;3 4;4 5;5 6;6 1;" + ";".join(f"{i} {i + 6}" for i in range(1, 7))
    # Kekule's bonds
    text = table(places, ring, code="  ")
    for first, second in ((1, 2), (3, 4), (5, 6)):
        text = text.replace(f"{first:3}{second:3}  1  0", f"{first:3}{second:3}  2  0")
    drawing = chem.AddHs(chem.MolFromSmiles("c1ccccc1"))
    AllChem.Compute2DCoords(drawing)
    data = read_dataset(
        write(tmp_path, text, table("O 0 0 0;H 0.76 0.59 0;H -0.76 0.59 0", "1 2;1 3", code="2D", title="w"))
    )
    assert [str(s.atoms.symbols) for s in data if s.atoms is not None] == ["C6H6", "OH2"]
    assert list(data.remarks) == [PLANAR]
    mixed = write(
        tmp_path,
        text,
        "drawing" + chem.MolToMolBlock(drawing) + "$$$$\n",
        table("C 0 0 0;C 1.4 0 0.5", "1 2", title="cc"),
    )
    data = read_dataset(mixed)
    assert ([s.smiles for s in data], data.views) == (["c1ccccc1", "c1ccccc1", "CC"], ["smiles"])
    assert list(data.remarks) == [PLANAR, DRAWING, HYDROGENS]


def test_deuterium_is_reported(tmp_path: Path) -> None:
    data = read_dataset(
        write(tmp_path, table("O 0 0 0;H 0.76 0.59 0;H -0.76 0.59 0.1", "1 2;1 3", "M  ISO  1   2   2"))
    )
    assert (data[0].smiles, str(data[0].atoms.symbols)) == ("[2H]O", "OH2")
    assert list(data.remarks) == ["deuterium and tritium are read as hydrogen"]


def test_reasons_are_no_asterisks(tmp_path: Path) -> None:
    """RDKit logs a line of asterisks before a violated condition."""
    broken = V3000.format(atom="O", end="").replace("M  V30 1 1 1 2", "M  V30 1 1 true 2")
    data = read_dataset(write(tmp_path, broken, V3000.format(atom="O", end="").replace("m\n", "b\n", 1)))
    assert data.left_out == {"m": "record 1: RDKit cannot read the molecule: Pre-condition Violation"}
