"""Descriptors of molecules and clusters in 3D: ASE atoms that are not periodic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .coordination import coordination_numbers
from .descriptor import Fact, contains, has, many, size

ATOMS = many("atoms", "all atoms, hydrogens included")
ELEMENTS = many("elements", "different elements")
CHARGE = size("total charge", "``atoms.info['charge']``", "e")
SPIN = size("spin multiplicity", "``atoms.info['spin']``, 2S + 1; not defined where it is not set")
GYRATION = size(
    "radius of gyration", "root mean square distance of the nuclei from their mean", "Å", high="larger", low="smaller"
)
COORDINATION = size(
    "mean coordination number",
    "neighbours within 1.1 times the sum of the covalent radii of Cordero et al. (2008), DOI 10.1039/B801115J",
)
DENSE = size(
    "packing density", "atoms within 5 Å of an atom, the mean over the atoms; for molecules without a cell", "atoms"
)
MAX_FORCE = size("maximal force", "largest norm in ``atoms.arrays['forces']``", "eV/Å", high="larger", low="smaller")
RADICAL = has("unpaired electrons", "spin multiplicity above 1")


def structure_facts(atoms: Any, *, graph: bool) -> Iterator[Fact]:
    """Yield the descriptors of ASE atoms of at least one atom without a periodic cell.

    Args:
        atoms: the structure.
        graph: whether the elements and the charge are described by a molecular graph already.
    """
    positions = np.asarray(atoms.positions, np.float64)
    yield ATOMS, len(atoms)
    yield GYRATION, float(np.sqrt(((positions - positions.mean(0)) ** 2).sum(1).mean()))
    yield DENSE, _within(positions, 5.0)
    spin = atoms.info.get("spin")
    if spin:
        yield SPIN, float(spin)
        yield RADICAL, float(spin) > 1
    yield from force_facts(atoms)
    if graph:
        return
    symbols = set(atoms.get_chemical_symbols())
    yield ELEMENTS, len(symbols)
    yield CHARGE, float(atoms.info.get("charge") or 0)
    yield COORDINATION, float(coordination_numbers(atoms).mean())
    for element in symbols:
        yield contains(element), 1.0


def force_facts(atoms: Any) -> Iterator[Fact]:
    """Yield the maximal force if the atoms have forces."""
    forces = atoms.arrays.get("forces")
    if forces is not None and np.isfinite(forces).all():
        yield MAX_FORCE, float(np.linalg.norm(forces, axis=1).max())


def _within(positions: np.ndarray, radius: float) -> float:
    from scipy.spatial import cKDTree

    pairs = cKDTree(positions).count_neighbors(cKDTree(positions), radius)
    return float(pairs / len(positions) - 1)
