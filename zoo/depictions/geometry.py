"""The atoms of a sample as pictures and 3D viewers show them: images at the faces of the cell, bonds, cell edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..base import Sample, molecule

# Elements that bond to others in a picture; metals are not connected with each other.
_NONMETALS = (1, 2, *range(5, 11), *range(14, 19), *range(32, 37), *range(51, 55), 85, 86)
# A bond is at most this times the sum of the covalent radii (Cordero et al. 2008, DOI 10.1039/b801115j).
_LONGEST = 1.25
# An atom within this fraction of a cell vector of a face is also shown at the opposite face.
_AT_FACE = 0.02
# Atoms of a cell beyond which no images are added.
_FEW = 64
# Elements of the atoms of a backbone: N, CA, C, O.
_BACKBONE = (7, 6, 6, 8)


@dataclass(frozen=True)
class Geometry:
    """What is shown of a sample in three dimensions.

    Args:
        numbers: uint8 [n], atomic numbers.
        positions: float64 [n, 3], in Angstrom; periodic structures wrapped into the cell.
        bonds: int [bonds, 2], by covalent radii; empty for backbones.
        edges: float64 [edges, 2, 3], edges of the periodic cell; empty otherwise.
        owners: int [n], the atom or residue of the sample that each atom shows, an image that of its original.
        cell: float64 [3, 3] of a periodic structure, else None.
        sequence: letters of the residues if the atoms are N, CA, C and O of a backbone, else empty.
    """

    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray
    edges: np.ndarray
    owners: np.ndarray
    cell: np.ndarray | None = None
    sequence: str = ""


def find_geometry(sample: Sample) -> Geometry | None:
    """Return the geometry of a sample: of its atoms, or else of its backbone; None if it has no coordinates.

    Cost: O(n^2) for n atoms, in blocks.
    """
    if sample.atoms is not None and len(sample.atoms):
        return _of_atoms(sample.atoms) if np.isfinite(sample.atoms.positions).all() else None
    if sample.backbone is not None and len(sample.backbone):
        backbone = np.asarray(sample.backbone, np.float64)
        n = len(backbone)
        sequence = sample.sequence or ""
        sequence = sequence if len(sequence) == n else "X" * n
        owners = np.repeat(np.arange(n) + (backbone_start(sample) or 0), 4)
        empty = np.empty((0, 2), int), np.empty((0, 2, 3))
        return Geometry(
            np.tile(np.array(_BACKBONE, np.uint8), n), backbone.reshape(-1, 3), *empty, owners, sequence=sequence
        )
    return None


def backbone_start(sample: Sample) -> int | None:
    """Return the number in the sequence of the first residue of the backbone; None if that is unknown."""
    if sample.backbone is None:
        return None
    if sample.sequence is None or len(sample.sequence) == len(sample.backbone):
        return 0
    if sample.first_residue is not None:
        return sample.first_residue
    if sample.protein_atoms is None:
        return None
    # The observed residues are a part of the sequence; the segment counts these.
    first, last = sample.protein_atoms.segment
    letters = sample.protein_atoms.sequence[first:last]
    at = sample.sequence.find(letters)
    return at if at >= 0 and sample.sequence.find(letters, at + 1) < 0 else None


def _of_atoms(atoms: Any) -> Geometry:
    numbers, positions = np.asarray(atoms.numbers, np.uint8), np.asarray(atoms.positions, np.float64)
    cell, pbc = np.asarray(atoms.cell.array, np.float64), np.asarray(atoms.pbc, np.bool_)
    owners, basis = np.arange(len(numbers)), cell[pbc]
    periodic = bool(len(basis)) and np.linalg.matrix_rank(basis) == len(basis)
    edges = np.empty((0, 2, 3))
    if periodic:
        positions, owners = _with_images(positions, basis)
        edges = _edges(basis)
    bonds = _bonds(numbers[owners], positions)
    whole = cell if periodic and len(basis) == 3 else None
    return Geometry(numbers[owners], positions, bonds, edges, owners, cell=whole)


def _with_images(positions: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions wrapped into the cell with images at its faces, and the atom that each one shows.

    Args:
        positions: [n, 3].
        basis: [k, 3], the periodic cell vectors, linearly independent.
    """
    fractions = positions @ np.linalg.pinv(basis)
    wrapped = fractions - np.floor(fractions)
    # Rounding must not put an atom at the far face that lies on the near one.
    wrapped = np.where(wrapped > 1 - 1e-3, wrapped - 1, wrapped)
    positions = positions + (wrapped - fractions) @ basis
    owners = np.arange(len(positions))
    if len(positions) > _FEW:
        return positions, owners
    shown, of = [positions], [owners]
    near, far = wrapped < _AT_FACE, wrapped > 1 - _AT_FACE
    for shift in product((-1, 0, 1), repeat=len(basis)):
        step = np.array(shift)
        chosen = ((step == 0) | ((step == 1) & near) | ((step == -1) & far)).all(1)
        if step.any() and chosen.any():
            shown.append(positions[chosen] + step @ basis)
            of.append(owners[chosen])
    return np.concatenate(shown), np.concatenate(of)


def _edges(basis: np.ndarray) -> np.ndarray:
    """Return the edges of the cell of k vectors, [k 2^(k-1), 2, 3]."""
    k = len(basis)
    lines = []
    for corner in product((0, 1), repeat=k):
        for axis in range(k):
            if not corner[axis]:
                start = np.array(corner) @ basis
                lines.append((start, start + basis[axis]))
    return np.array(lines)


def _bonds(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the pairs of atoms that are bonded, [bonds, 2], the lower index first."""
    from ase.data import covalent_radii

    radii = covalent_radii[numbers]
    nonmetal = np.isin(numbers, _NONMETALS)
    found = []
    for i in range(len(numbers) - 1):
        distance = np.linalg.norm(positions[i + 1 :] - positions[i], axis=1)
        close = (distance < _LONGEST * (radii[i] + radii[i + 1 :])) & (distance > 0.3)
        others = np.flatnonzero(close & (nonmetal[i] | nonmetal[i + 1 :])) + i + 1
        found += [(i, int(j)) for j in others]
    return np.array(found, int).reshape(-1, 2)


def structure_of(sample: Sample) -> tuple[list[str], np.ndarray, np.ndarray | None] | None:
    """Return chemical symbols, positions [n, 3] in Angstrom and the cell [3, 3] of a sample, or None without atoms.

    The atoms are those of the structure, in their order and as they are. A molecule that is only a SMILES string gets
    the flat coordinates of its structural formula, without hydrogens, at bonds of about 1.5 Angstrom; a protein the
    atoms of its backbone.
    """
    if sample.atoms is not None and len(sample.atoms):
        atoms = sample.atoms
        cell = np.asarray(atoms.cell.array, np.float64) if atoms.pbc.all() else None
        return list(atoms.get_chemical_symbols()), np.asarray(atoms.positions, np.float64), cell
    mol = molecule(sample.smiles) if sample.smiles else None
    if mol is not None and mol.GetNumAtoms():
        from rdkit.Chem import rdDepictor

        rdDepictor.Compute2DCoords(mol)
        symbols = [atom.GetSymbol() if atom.GetAtomicNum() else "X" for atom in mol.GetAtoms()]
        return symbols, np.asarray(mol.GetConformer().GetPositions(), np.float64), None
    if sample.backbone is not None and len(sample.backbone):
        backbone = np.asarray(sample.backbone, np.float64)
        return list("NCCO") * len(backbone), backbone.reshape(-1, 3), None
    return None
