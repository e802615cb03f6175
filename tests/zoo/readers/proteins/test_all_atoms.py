"""All atoms of protein chains in PDB files, which are read only if asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hyle.zoo import Dataset, ProteinAtoms, Sample, read_dataset
from hyle.zoo.environments.wire import from_wire, to_wire

pytest.importorskip("gemmi")


def atom(
    name: str, residue: str, number: int, x: float, *, altloc: str = " ", element: str = "", b: float = 0, chain="A"
) -> str:
    element = element or name[0]
    place = f"{x:8.3f}{number:8.3f}{0:8.3f}"
    return f"ATOM      1  {name:<3}{altloc}{residue} {chain}{number:4}    {place}  1.00{b:6.2f}          {element:>2}\n"


def residue(name: str, number: int, *extra: str, b: float = 0) -> str:
    x = 3.8 * number
    places = zip(("N", "CA", "C", "O"), (0, 1.2, 2.5, 2.7), strict=True)
    return "".join(atom(each, name, number, x + dx, b=b) for each, dx in places) + "".join(extra)


# Residue 1 has no O, and 5 is not bonded to 4, so that the backbone is that of 2 to 4.
FILE = (
    *(atom(name, "GLY", 1, 3.8 + dx) for name, dx in (("N", 0), ("CA", 1.2), ("C", 2.5))),
    residue("SER", 2, atom("CB", "SER", 2, 9, altloc="A", b=3), atom("CB", "SER", 2, 10, altloc="B", b=9)),
    residue("MSE", 3, atom("SE", "MSE", 3, 13, element="SE"), atom("D", "MSE", 3, 12), atom("H", "MSE", 3, 12.5)),
    residue("XYZ", 4, b=7.5),
    residue("ALA", 7, "ATOM      1  CB  ALA A   7    ********   7.000   0.000  1.00  0.00           C\n"),
    "HETATM    1  O   HOH A 100       0.000   0.000   0.000  1.00  0.00           O\n",
    "END\n",
)


def sample(tmp_path: Path, **options: bool) -> Sample:
    path = tmp_path / "a.pdb"
    path.write_text("".join(FILE))
    return read_dataset(path, **options)[0]


def test_the_first_of_alternate_locations_and_all_observed_residues_are_read(tmp_path: Path) -> None:
    found = sample(tmp_path, protein_atoms=True)
    atoms = found.protein_atoms
    assert isinstance(atoms, ProteinAtoms)
    assert (atoms.sequence, atoms.segment, found.backbone.shape) == ("GSMXA", (1, 4), (3, 4, 3))
    names = ["N CA C", "N CA C O CB", "N CA C O SE H", "N CA C O", "N CA C O"]
    assert atoms.names == tuple(" ".join(names).split())
    assert atoms.residues.tolist() == [i for i, each in enumerate(names) for _ in each.split()]
    assert atoms.numbers[atoms.names.index("SE")] == 34
    assert atoms.numbers[atoms.names.index("H")] == 1
    assert atoms.positions[atoms.names.index("CB")].tolist() == [9, 2, 0]
    assert atoms.positions[atoms.names.index("H"), 0] == 12
    assert (atoms.b_factors[atoms.names.index("CB")], set(atoms.b_factors[atoms.residues == 3])) == (3, {7.5})
    backbone = [i for i, name in enumerate(atoms.names) if name in {"N", "CA", "C", "O"} and 1 <= atoms.residues[i] < 4]
    np.testing.assert_array_equal(atoms.positions[backbone].reshape(3, 4, 3).astype(np.float32), found.backbone)


def test_all_atoms_are_read_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text("".join(FILE))
    without, with_ = read_dataset(path), read_dataset(path, protein_atoms=True)
    assert without[0].protein_atoms is None
    assert (without.views, with_.views) == (["sequence", "backbone"], ["sequence", "backbone", "protein_atoms"])
    with pytest.raises(ValueError, match="has no view 'protein_atoms'; it has: sequence, backbone"):
        without[0].view("protein_atoms")


def test_versions_include_all_atoms_only_for_models_that_read_them(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text("".join(FILE))
    without, with_ = read_dataset(path), read_dataset(path, protein_atoms=True)
    path.write_text("".join(FILE).replace("  7.50", "  7.60"))
    changed = read_dataset(path, protein_atoms=True)

    def versions(view: str) -> list[str]:
        return [data.recipe_for(view)["dataset_version"] for data in (without, with_, changed)]

    assert len(set(versions("backbone"))) == len(set(versions("any"))) == 1
    assert len(set(versions("protein_atoms"))) == 3
    assert with_.recipe == with_.recipe_for("backbone")
    assert with_.version == without.version


def test_a_chain_of_ca_alone_has_no_atoms(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text("".join(atom("CA", "ALA", number, 3.8 * number) for number in (1, 2, 3)))
    assert read_dataset(path, protein_atoms=True)[0].protein_atoms is None


def test_all_atoms_are_sent_to_another_process_exactly(tmp_path: Path) -> None:
    found = sample(tmp_path, protein_atoms=True)
    for view in ("any", "protein_atoms"):
        back = from_wire(json.loads(json.dumps(to_wire(found, view))))
        assert isinstance(back.protein_atoms, ProteinAtoms)
        for name, value in vars(found.protein_atoms).items():
            other = getattr(back.protein_atoms, name)
            assert type(other) is type(value)
            np.testing.assert_array_equal(other, value)
            assert getattr(other, "dtype", None) == getattr(value, "dtype", None)
    digests = [hashlib.sha256(), hashlib.sha256()]
    for digest, each in zip(digests, (found, from_wire(to_wire(found))), strict=True):
        each.update_hash(digest)
    assert digests[0].digest() == digests[1].digest()
    assert Dataset("a", [found], "proteins", "none", "test").views == ["sequence", "backbone", "protein_atoms"]
