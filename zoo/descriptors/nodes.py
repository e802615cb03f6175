"""Descriptors of the atoms of molecules and crystals, of residues and of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..base import Sample
from ..nodes import structure_numbers
from .coordination import neighbour_pairs
from .crystals import vacuum_axes
from .descriptor import Fact, Property, many, size
from .proteins import AMINO_ACIDS, CLASSES, conformations

METHOD_GRAPH = "RDKit, in the molecular graph of the SMILES string"
# Radius in which the nearest atom is sought, in Angstrom.
NEAR = 3.5
METHOD_NEAR = "within 1.1 times the sum of the covalent radii"
COORDINATION = size("coordination number", f"neighbours {METHOD_NEAR}")
DEGREE = many("bonds to heavy atoms", METHOD_GRAPH)
HYDROGENS = many("bonded hydrogens", METHOD_GRAPH)
NEAREST = size(
    "distance to the nearest atom", "with periodic images; undefined beyond 3.5 Å", "Å", high="longer", low="shorter"
)
FORCE = size("force", "norm of the row of ``atoms.arrays['forces']``", "eV/Å", high="larger", low="smaller")
SURFACE = Property(
    "distance to the surface",
    "farther from a surface",
    "closer to a surface",
    "distance to the outermost plane of atoms next to vacuum of 8 Å or more; undefined without vacuum",
    "Å",
)
CENTRE = Property(
    "distance to the centre",
    "farther from the centre of the molecule",
    "closer to the centre of the molecule",
    "distance of the nucleus from the mean of all; molecules without a cell",
    "Å",
)
AROMATIC = Property("aromatic", "that are aromatic", "that are not aromatic", METHOD_GRAPH, binary=True)
IN_RING = Property("in a ring", "in a ring", "not in a ring", METHOD_GRAPH, binary=True)
CHARGED = Property("formal charge", "with a formal charge", "without a formal charge", METHOD_GRAPH, binary=True)
STEREO = Property("stereocentre", "that are stereocentres", "that are no stereocentres", METHOD_GRAPH, binary=True)
HYBRIDS = {
    name: Property(
        f"{name} hybridised", f"with {name} hybridisation", f"without {name} hybridisation", METHOD_GRAPH, binary=True
    )
    for name in ("sp", "sp2", "sp3")
}
END = Property(
    "distance to the nearest terminus",
    "farther from the ends of the chain",
    "closer to the ends of the chain",
    "residues of the sequence between the residue and the nearest end",
    "residues",
)
BURIAL = size("number of residues within 10 Å", "CA atoms within 10 Å of that of the residue")
HELIX = Property(
    "helical", "in helical conformation", "not in helical conformation", "see `proteins.HELIX`", binary=True
)
STRAND = Property(
    "extended", "in extended conformation", "not in extended conformation", "see `proteins.STRAND`", binary=True
)


def _type(name: str, words: str) -> Property:
    return Property(name, f"that are {words}", f"that are not {words}", "label of the node", binary=True, absent=0)


def _bonded(element: str) -> Property:
    words = f"next to {element}"
    return Property(f"bonded to {element}", words, f"not {words}", f"a neighbour {METHOD_NEAR}", binary=True, absent=0)


def atom_facts(sample: Sample, mol: Any) -> list[list[Fact]]:
    """Return the descriptors of each atom, of the structure if the sample has one, else of the SMILES string.

    Args:
        sample: with atoms, or with a molecular graph.
        mol: the RDKit molecule of its SMILES string, or None.
    """
    if sample.atoms is None:
        return [] if mol is None else [list(_graph_facts(atom, alone=True)) for atom in mol.GetAtoms()]
    facts = list(map(list, _structure_facts(sample.atoms)))
    numbers = structure_numbers(sample) if mol is not None else None
    for atom, number in zip(mol.GetAtoms(), numbers, strict=True) if numbers is not None else ():
        facts[number] += _graph_facts(atom, alone=False)
    return facts


def _graph_facts(atom: Any, *, alone: bool) -> Iterator[Fact]:
    """Yield the descriptors of an RDKit atom; without a structure also its element and its neighbours."""
    from rdkit import Chem

    if alone:
        yield _type(atom.GetSymbol(), atom.GetSymbol()), 1.0
        neighbours = {each.GetSymbol() for each in atom.GetNeighbors()} | ({"H"} if atom.GetTotalNumHs() else set())
        for element in sorted(neighbours):
            yield _bonded(element), 1.0
    yield DEGREE, sum(each.GetAtomicNum() > 1 for each in atom.GetNeighbors())
    yield HYDROGENS, atom.GetTotalNumHs(includeNeighbors=True)
    yield AROMATIC, atom.GetIsAromatic()
    yield IN_RING, atom.IsInRing()
    yield CHARGED, atom.GetFormalCharge() != 0
    yield STEREO, atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED
    hybrid = str(atom.GetHybridization()).lower()
    for name, prop in HYBRIDS.items():
        yield prop, hybrid == name


def _structure_facts(atoms: Any) -> Iterator[Iterator[Fact]]:
    from ase.neighborlist import neighbor_list

    n, symbols = len(atoms), np.array(atoms.get_chemical_symbols())
    first, second = neighbour_pairs(atoms)
    coordination = np.bincount(first, minlength=n)
    near: list[set[str]] = [set() for _ in range(n)]
    for one, element in set(zip(first.tolist(), symbols[second].tolist(), strict=True)):
        near[one].add(element)
    nearest = np.full(n, np.inf)
    np.minimum.at(nearest, *neighbor_list("id", atoms, NEAR))
    nearest[np.isinf(nearest)] = np.nan
    forces = atoms.arrays.get("forces")
    surfaces = [np.minimum(heights, heights.max() - heights) for heights in vacuum_axes(atoms).values()]
    from_centre = np.linalg.norm(atoms.positions - atoms.positions.mean(0), axis=1)

    def facts(i: int) -> Iterator[Fact]:
        yield _type(str(symbols[i]), str(symbols[i])), 1.0
        yield COORDINATION, int(coordination[i])
        yield NEAREST, float(nearest[i])
        for element in sorted(near[i]):
            yield _bonded(element), 1.0
        if forces is not None:
            yield FORCE, float(np.linalg.norm(forces[i]))
        if surfaces:
            yield SURFACE, float(min(each[i] for each in surfaces))
        if not atoms.pbc.any():
            yield CENTRE, float(from_centre[i])

    yield from map(facts, range(n))


def residue_facts(sample: Sample) -> list[list[Fact]]:
    """Return the descriptors of each residue of the sequence or, without one, of the backbone."""
    backbone = sample.backbone
    n = len(sample.sequence or (() if backbone is None else backbone))
    facts: list[list[Fact]] = [[(END, min(i, n - 1 - i))] for i in range(n)]
    for i, letter in enumerate(sample.sequence or ""):
        facts[i].append((_type(AMINO_ACIDS.get(letter, letter), AMINO_ACIDS.get(letter, letter)), 1.0))
        facts[i] += [(_type(f"{name} residues", name), 1.0) for name, letters in CLASSES.items() if letter in letters]
    start = sample.first_residue_number
    if backbone is not None and len(backbone) and start is not None:
        from scipy.spatial import cKDTree

        carbons = np.asarray(backbone, np.float64)[:, 1]
        tree = cKDTree(carbons)
        crowd = tree.query_ball_point(carbons, 10.0, return_length=True) - 1
        helix, strand = conformations(backbone) if len(carbons) > 2 else np.zeros((2, len(carbons)), bool)
        for i in range(len(carbons)):
            facts[start + i] += [(BURIAL, int(crowd[i])), (HELIX, helix[i]), (STRAND, strand[i])]
    return facts


def token_facts(text: str) -> Iterator[Fact]:
    """Yield the descriptor of a token."""
    yield _type(text, f"{text!r}"), 1.0
