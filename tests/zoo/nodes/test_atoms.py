"""Atoms of SMILES strings, and which atoms of a structure they are."""

from __future__ import annotations

import numpy as np
import pytest

from hyle.zoo import InputError, Sample, load_dataset, split_node_id
from hyle.zoo.nodes import atom_spans, heavy_atom_numbers, node_id, structure_numbers

Chem = pytest.importorskip("rdkit.Chem")
AllChem = pytest.importorskip("rdkit.Chem.AllChem")

# The characters of each atom by hand, without hydrogens that RDKit attaches to a heavy atom.
BY_HAND = {
    "CCO": ["C", "C", "O"],
    "ClC(Br)=O": ["Cl", "C", "Br", "O"],
    "c1cc[nH]c1": ["c", "c", "c", "[nH]", "c"],
    "[Na+].[O-]C(=O)C": ["[Na+]", "[O-]", "C", "O", "C"],
    "[H]OC([2H])[H]": ["O", "C", "[2H]"],
    "C%12CC%12[13C@@H](F)[Si]": ["C", "C", "C", "[13C@@H]", "F", "[Si]"],
    "[CH3:7]Sc1sccc1": ["[CH3:7]", "S", "c", "s", "c", "c", "c"],
    "*CB": ["*", "C", "B"],
}


@pytest.mark.parametrize(("smiles", "atoms"), BY_HAND.items())
def test_each_atom_has_its_characters(smiles: str, atoms: list[str]) -> None:
    spans = atom_spans(smiles)
    assert spans is not None
    assert [smiles[first:end] for first, end in spans] == atoms


def test_unreadable_strings_have_no_atoms() -> None:
    assert atom_spans("C1CC") is None
    assert atom_spans("not a molecule") is None


def test_added_hydrogens_follow_the_heavy_atoms() -> None:
    assert heavy_atom_numbers("CO") == [0, 1, -1, -1, -1, -1]


@pytest.mark.parametrize(
    "smiles", ["CC(=O)Nc1ccc(O)cc1", "C[C@H](N)C(=O)O", "C1CC2(C1)OC2", "FC(F)(F)c1ccncc1", "[NH3+]CC(=O)[O-]"]
)
def test_shuffled_atoms_are_found_again(smiles: str) -> None:
    """Against the order in which RDKit itself embeds the molecule, up to symmetries of the graph."""
    ase = pytest.importorskip("ase")
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms())
    atoms = ase.Atoms([atom.GetSymbol() for atom in mol.GetAtoms()], mol.GetConformer().GetPositions())[order]
    found = structure_numbers(Sample("a", smiles=smiles, atoms=atoms))
    assert found is not None
    # Bond orders and charges aside, as in the structure.
    plain = Chem.RWMol(mol)
    for atom in plain.GetAtoms():
        atom.SetFormalCharge(0)
        atom.SetIsAromatic(False)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for bond in plain.GetBonds():
        bond.SetIsAromatic(False)
        bond.SetBondType(Chem.BondType.SINGLE)
    ranks = list(Chem.CanonicalRankAtoms(plain, breakTies=False, includeChirality=False))
    heavy = Chem.MolFromSmiles(smiles).GetNumAtoms()
    assert [ranks[order[place]] for place in found] == ranks[:heavy]


def test_nearly_all_molecules_of_qm9_match() -> None:
    data = load_dataset("qm9", n=300)
    found = [structure_numbers(sample) for sample in data]
    assert sum(each is None for each in found) <= 1
    for sample, numbers in zip(data, found, strict=True):
        symbols = [atom.GetSymbol() for atom in Chem.MolFromSmiles(sample.smiles).GetAtoms()]
        assert numbers is None or [sample.atoms.get_chemical_symbols()[i] for i in numbers] == symbols


def test_other_molecules_and_crystals_do_not_match() -> None:
    ase = pytest.importorskip("ase")
    water = ase.Atoms("OH2", [(0, 0, 0), (0.76, 0.59, 0), (-0.76, 0.59, 0)])
    assert structure_numbers(Sample("a", smiles="O", atoms=water)) == [0]
    assert structure_numbers(Sample("a", smiles="[OH-]", atoms=water)) is None
    assert structure_numbers(Sample("a", smiles="N", atoms=water)) is None
    crystal = water.copy()
    crystal.set_cell([9, 9, 9])
    crystal.pbc = True
    assert structure_numbers(Sample("a", smiles="O", atoms=crystal)) is None


def test_ids_of_nodes_can_be_split() -> None:
    assert split_node_id(node_id("a#b", 12)) == ("a#b", 12)
    for wrong in ("a", "a#", "a#-1", "a#²", "#x"):
        with pytest.raises(InputError, match="not the id of an atom"):
            split_node_id(wrong)
