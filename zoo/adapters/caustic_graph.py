"""The graph of a protein that CAUSTIC reads: its atoms, placed hydrogens and ring centres, and their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..base import ProteinAtoms

CUTOFF = 8.0  # Angstrom
NEIGHBOURS = 32
MAX_SEPARATION = 32  # residues
DONOR_ACCEPTOR = 3.6  # Angstrom
DONOR_HYDROGEN = 1.3  # Angstrom
HYDROGEN_BOND = -0.5  # cosine of the angle at the hydrogen, at most
N_H, CA_HA = 0.99, 1.09  # Angstrom
# Rows of the tables of the network.
ELEMENTS = {6: 0, 7: 1, 8: 2, 16: 3, 1: 4}
RING, OTHER = 5, 6
LETTERS = "ARNDCQEGHILKMFPSTWYV"
UNKNOWN = len(LETTERS)
PARENTS = {"U": "C", "O": "K"}
ROLES = {"N": 0, "CA": 1, "C": 2, "O": 3, "OXT": 3, "CB": 4, "H": 5, "HA": 6, "HA2": 6, "HA3": 6}
SIDE_CHAIN, SIDE_CHAIN_H, RING_ROLE = 7, 8, 10
# Atoms of a residue whose shifts are predicted, in the order of the outputs. The first of the names in a file counts.
H, HA, N, CA, CB, C = range(6)
TARGETS = {"H": H, "HN": H, "H1": H, "HA": HA, "HA2": HA, "HA3": HA, "N": N, "CA": CA, "CB": CB, "C": C}
_SIX = ("CG", "CD1", "CD2", "CE1", "CE2", "CZ")
RINGS: dict[str, Sequence[Sequence[str]]] = {
    "F": (_SIX,),
    "Y": (_SIX,),
    "W": (("CD2", "CE2", "CE3", "CZ2", "CZ3", "CH2"), ("CG", "CD1", "NE1", "CE2", "CD2")),
    "H": (("CG", "ND1", "CE1", "NE2", "CD2"),),
}


@dataclass(frozen=True)
class Graph:
    """Nodes and edges of a protein.

    Args:
        elements: rows of the table of elements, int64 [nodes].
        letters: rows of the table of amino acids, int64 [nodes].
        roles: rows of the table of roles, int64 [nodes].
        b_factors: float64 [nodes].
        positions: float64 [nodes, 3], in Angstrom.
        normals: float64 [nodes, 3], of the planes of rings; zero for atoms.
        targets: nodes of H, HA, N, CA, CB and C of each residue, int64 [residues, 6]; -1 for none.
        edges: source and target nodes, int64 [2, edges].
        separations: distance in the sequence, int64 [edges].
        bonds: for each edge, whether it is within a residue, whether it is a hydrogen bond, and the cosine of its angle
            at the hydrogen, float64 [edges, 3].
    """

    elements: np.ndarray
    letters: np.ndarray
    roles: np.ndarray
    b_factors: np.ndarray
    positions: np.ndarray
    normals: np.ndarray
    targets: np.ndarray
    edges: np.ndarray
    separations: np.ndarray
    bonds: np.ndarray


def protein_graph(protein: ProteinAtoms) -> Graph:
    """Build the graph of a protein: nodes are its atoms, then missing H and HA, then centres of rings."""
    sequence = "".join(PARENTS.get(letter, letter) for letter in protein.sequence)
    positions = protein.positions - protein.positions.mean(0)
    targets = np.full((len(sequence), len({*TARGETS.values()})), -1)
    for atom, (name, residue) in enumerate(zip(protein.names, protein.residues, strict=True)):
        column = TARGETS.get(name)
        if column is not None and targets[residue, column] < 0:
            targets[residue, column] = atom
    placed = list(_hydrogens(sequence, targets, positions))
    for number, (residue, column, _) in enumerate(placed, len(positions)):
        targets[residue, column] = number
    b_factors = _b_factors(protein)
    rings = list(_rings(sequence, protein, positions, b_factors))

    residues = np.array([*protein.residues, *(r for r, *_ in placed), *(r for r, *_ in rings)], np.int64)
    numbers = np.array([*protein.numbers, *[1] * len(placed), *[0] * len(rings)], np.int64)
    elements = [ELEMENTS.get(int(number), OTHER) for number in numbers]
    roles = [
        ROLES.get(name, SIDE_CHAIN_H if number == 1 else SIDE_CHAIN)
        for name, number in zip(protein.names, protein.numbers, strict=True)
    ]
    roles += [ROLES["H"] if column == H else ROLES["HA"] for _, column, _ in placed] + [RING_ROLE] * len(rings)
    if rings:
        elements[-len(rings) :] = [RING] * len(rings)
    letters = [LETTERS.index(letter) if letter in LETTERS else UNKNOWN for letter in sequence]
    positions = np.array([*positions, *(place for _, _, place in placed), *(centre for _, centre, _, _ in rings)])
    normals = np.zeros_like(positions)
    if rings:
        normals[-len(rings) :] = [normal for *_, normal, _ in rings]
    edges = neighbours(positions)
    separations = np.abs(residues[edges[0]] - residues[edges[1]])
    return Graph(
        np.array(elements),
        np.array(letters)[residues],
        np.array(roles),
        np.array([*b_factors, *[0.0] * len(placed), *(b for *_, b in rings)]),
        positions,
        normals,
        targets,
        edges,
        separations.clip(max=MAX_SEPARATION),
        np.column_stack([separations == 0, *_hydrogen_bonds(numbers, positions, edges)]),
    )


def _b_factors(protein: ProteinAtoms) -> np.ndarray:
    """Return the B factors; numbers that look like the confidences of a predicted structure are subtracted from 100."""
    values = protein.b_factors.astype(float)
    of_ca = values[[name == "CA" for name in protein.names]]
    predicted = of_ca.size and of_ca.min() >= 0 and of_ca.max() <= 100.5 and np.median(of_ca) > 50
    return 100 - values if predicted else values


def _hydrogens(sequence: str, targets: np.ndarray, positions: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the residue, column of the targets, and position of each H and HA that is missing."""
    for residue, row in enumerate(targets):
        if (row[[N, CA, C]] < 0).any():
            continue
        n, ca, c = positions[row[[N, CA, C]]]
        if row[H] < 0 and sequence[residue] != "P":
            direction = _unit(n - ca)
            if residue and targets[residue - 1, C] >= 0:
                direction = _unit(direction + _unit(n - positions[targets[residue - 1, C]]))
            yield residue, H, n + N_H * direction
        if row[HA] < 0:
            direction = _unit(n - ca) + _unit(c - ca)
            if row[CB] >= 0 and sequence[residue] != "G":
                direction = -_unit(direction + _unit(positions[row[CB]] - ca))
            else:
                direction = _unit(0.816 * _unit(np.cross(n - ca, c - ca)) - 0.577 * _unit(direction))
            yield residue, HA, ca + CA_HA * direction


def _rings(
    sequence: str, protein: ProteinAtoms, positions: np.ndarray, b_factors: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray, float]]:
    """Yield the residue, centre, unit normal and mean B factor of each complete aromatic ring."""
    members: dict[int, dict[str, int]] = {r: {} for r, letter in enumerate(sequence) if letter in RINGS}
    for atom, (name, residue) in enumerate(zip(protein.names, protein.residues.tolist(), strict=True)):
        if residue in members:
            members[residue].setdefault(name, atom)
    for residue, atoms in members.items():
        for names in RINGS[sequence[residue]]:
            if not atoms.keys() >= set(names):
                continue
            ring = [atoms[name] for name in names]
            centre = positions[ring].mean(0)
            arms = positions[ring] - centre
            normal = np.linalg.svd(arms)[2][-1]
            # A normal has two signs. The first two atoms choose, so that it turns with the protein.
            normal = normal if np.dot(np.cross(arms[0], arms[1]), normal) > 0 else -normal
            yield residue, centre, normal, float(b_factors[ring].mean())


def neighbours(positions: np.ndarray) -> np.ndarray:
    """Return pairs of nodes that are among the nearest of each other, source and target, int64 [2, edges]."""
    from scipy.spatial import cKDTree

    # Of neighbours at equal distances the first count, whatever the rounding errors of a rotated protein.
    nearest = range(1, min(len(positions), NEIGHBOURS + 9) + 1)
    distances, found = cKDTree(positions).query(positions, nearest, distance_upper_bound=CUTOFF)
    itself = found == np.arange(len(positions))[:, None]
    distances = np.where(itself, np.inf, distances.round(5))
    order = np.lexsort((found, distances), axis=1)[:, :NEIGHBOURS]
    node, rank = np.isfinite(np.take_along_axis(distances, order, 1)).nonzero()
    other = found[node, order[node, rank]]
    mutual = np.isin(node * len(positions) + other, other * len(positions) + node)
    return np.stack([other[mutual], node[mutual]])


def _hydrogen_bonds(numbers: np.ndarray, positions: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which edges are hydrogen bonds, and the cosines of their angles at the hydrogen, zero for the others."""
    from scipy.spatial import cKDTree

    hydrogens = (numbers == 1).nonzero()[0]
    polar = np.isin(numbers, (7, 8))
    lengths = np.linalg.norm(positions[edges[0]] - positions[edges[1]], axis=1)
    candidates = (polar[edges].all(0) & (lengths <= DONOR_ACCEPTOR)).nonzero()[0]
    cosines = np.ones(len(lengths))
    if len(hydrogens):
        distances, bonded = cKDTree(positions[hydrogens]).query(positions, distance_upper_bound=DONOR_HYDROGEN)
        for donor, acceptor in (edges[:, candidates], edges[::-1, candidates]):
            has = np.isfinite(distances[donor])
            hydrogen = positions[hydrogens[bonded[donor[has]]]]
            cosine = (_unit(positions[donor[has]] - hydrogen) * _unit(positions[acceptor[has]] - hydrogen)).sum(1)
            cosines[candidates[has]] = np.minimum(cosines[candidates[has]], cosine)
    bonds = cosines <= HYDROGEN_BOND
    return bonds, np.where(bonds, cosines, 0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-8)
