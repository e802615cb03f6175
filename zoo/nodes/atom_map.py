"""Which atom of a structure each heavy atom of a SMILES string is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..base import Sample, molecule

# Two atoms are bonded if their distance is at most so many times the sum of their covalent radii; in strained rings,
# atoms that are not bonded are hardly further apart than those that are.
BOND_FACTORS = (1.3, 1.25, 1.2, 1.15)
UNMATCHED = "the molecular graph of its SMILES is not that of its structure"


def structure_numbers(sample: Sample) -> list[int] | None:
    """Return the number in the structure of each atom of the SMILES string, in RDKit's order, or None.

    Both are compared as graphs of heavy atoms, labelled with elements and numbers of hydrogens; RDKit finds the bonds
    of the structure by distances. If the heavy atoms match in the order in which they come, that order is kept, else
    the first match is. Atoms that a symmetry of the graph exchanges cannot be distinguished by their connectivity.

    Returns:
        None if the graphs differ, or for periodic structures.
    """
    if sample.smiles is None or sample.atoms is None or sample.atoms.pbc.any():
        return None
    atoms = sample.atoms
    found = _match(sample.smiles, tuple(atoms.numbers.tolist()), atoms.positions.tobytes())
    return None if found is None else list(found)


@lru_cache(maxsize=4096)
def _match(smiles: str, numbers: tuple[int, ...], positions: bytes) -> list[int] | None:
    """Return the match of `structure_numbers`, kept because each model of a comparison asks for the same samples."""
    import numpy as np
    from rdkit import Chem
    from rdkit.Chem import rdDetermineBonds
    from rdkit.rdBase import BlockLogs

    mol = molecule(smiles)
    if mol is None:
        return None
    wanted = _skeleton(mol, list(range(mol.GetNumAtoms())), implicit_hydrogens=True)
    heavy = [i for i, number in enumerate(numbers) if number != 1]
    unbonded = Chem.RWMol()
    conformer = Chem.Conformer(len(numbers))
    for i, (number, place) in enumerate(zip(numbers, np.frombuffer(positions).reshape(-1, 3).tolist(), strict=True)):
        unbonded.AddAtom(Chem.Atom(number))
        conformer.SetAtomPosition(i, place)
    unbonded.AddConformer(conformer)
    for factor in BOND_FACTORS:
        structure = Chem.RWMol(unbonded)
        with BlockLogs():
            rdDetermineBonds.DetermineConnectivity(structure, useVdw=True, covFactor=factor)
        found = _skeleton(structure, heavy, implicit_hydrogens=False)
        if wanted.GetNumAtoms() != found.GetNumAtoms() or wanted.GetNumBonds() != found.GetNumBonds():
            continue
        if _same(wanted, found):
            return heavy
        match = found.GetSubstructMatch(wanted)
        if len(match) == len(heavy):
            return [heavy[i] for i in match]
    return None


def _skeleton(mol: Any, heavy: list[int], *, implicit_hydrogens: bool) -> Any:
    """Return the graph of these atoms with single bonds; the isotope of an atom is 1 plus its number of hydrogens."""
    from rdkit import Chem

    graph, place = Chem.RWMol(), {index: i for i, index in enumerate(heavy)}
    for index in heavy:
        atom = mol.GetAtomWithIdx(index)
        new = Chem.Atom(atom.GetAtomicNum())
        explicit = sum(each.GetAtomicNum() == 1 and each.GetIdx() not in place for each in atom.GetNeighbors())
        implicit = atom.GetTotalNumHs() if implicit_hydrogens else 0
        new.SetIsotope(1 + explicit + implicit)
        new.SetNoImplicit(True)
        graph.AddAtom(new)
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if all(end in place for end in ends):
            graph.AddBond(place[ends[0]], place[ends[1]], Chem.BondType.SINGLE)
    return graph


def _same(first: Any, second: Any) -> bool:
    """Return whether two graphs are the same with their atoms in the order in which they come."""
    labels = [[(a.GetAtomicNum(), a.GetIsotope()) for a in each.GetAtoms()] for each in (first, second)]
    bonds = [{frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in each.GetBonds()} for each in (first, second)]
    return labels[0] == labels[1] and bonds[0] == bonds[1]
