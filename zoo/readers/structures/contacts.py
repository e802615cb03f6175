"""Geometries that no model should see: atoms on the same spot, and cells that are not periodic where they should be."""

from __future__ import annotations

from typing import Any

import numpy as np

CONTACT = 0.5  # Angstrom; the shortest bond, that of H2, has 0.74
FLAT = 1e-3  # smallest volume of a unit parallelepiped along the periodic directions


def flat_cell(atoms: Any) -> str:
    """Describe what is wrong with the cell vectors of the periodic directions, or return ""."""
    vectors = atoms.cell.array[atoms.pbc]
    lengths = np.linalg.norm(vectors, axis=1)
    if (lengths < CONTACT).any():
        axis = np.flatnonzero(atoms.pbc)[int((lengths < CONTACT).argmax())]
        return f"it is periodic along {'abc'[axis]}, but that cell vector is {lengths.min():.3g} Angstrom long"
    unit = vectors / lengths[:, None]
    if len(unit) and np.linalg.det(unit @ unit.T) < FLAT**2:
        return "it is periodic, but its cell has no volume"
    return ""


def contact(atoms: Any) -> str:
    """Describe the closest atoms if they are closer than `CONTACT`, with periodic images, or return "".

    The cell vectors of periodic directions must be independent; see `flat_cell`.
    """
    from scipy.spatial import cKDTree

    if len(atoms) == 1 and not atoms.pbc.any():
        return ""
    points, numbers = _with_images(atoms)
    order = np.lexsort(points.T)
    same = np.flatnonzero((points[order[1:]] == points[order[:-1]]).all(1))
    if len(same):  # a tree is slow if many points are equal
        return _described(atoms, numbers[order[same]], numbers[order[same + 1]], 0.0)
    # The nearest neighbour of each is enough; of all pairs there are too many if many atoms are on one spot.
    distances, neighbours = cKDTree(points).query(points, k=2, distance_upper_bound=CONTACT)
    # A point on the same spot may come before the point itself.
    own = np.arange(len(points))
    others = np.where(neighbours[:, 1] == own, neighbours[:, 0], neighbours[:, 1])
    close = np.flatnonzero(np.isfinite(distances[:, 1]) & (others < len(points)))
    if not len(close):
        return ""
    close = close[np.argsort(distances[close, 1], kind="stable")]
    return _described(atoms, numbers[close], numbers[others[close]], float(distances[close[0], 1]))


def _described(atoms: Any, one: np.ndarray, other: np.ndarray, distance: float) -> str:
    """Describe pairs of atoms [n] and [n] that are too close, of which the first has the given distance."""
    first, second = sorted((int(one[0]), int(other[0])))
    symbols = atoms.get_chemical_symbols()
    n = len(set(one.tolist()) | set(other.tolist())) - len({first, second})
    more = f", and {n} more {'atom is' if n == 1 else 'atoms are'} too close" if n else ""
    if first == second:
        return f"atom {first + 1} ({symbols[first]}) is {distance:.3g} Angstrom from its own image{more}"
    names = f"{first + 1} ({symbols[first]}) and {second + 1} ({symbols[second]})"
    return f"atoms {names} are {distance:.3g} Angstrom apart{more}"


def _with_images(atoms: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the atoms and of their images near the upper faces of the cell, and the atom of each."""
    from ase.geometry import complete_cell, minkowski_reduce

    vectors = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    inverse = np.linalg.inv(cell := complete_cell(vectors))
    if np.linalg.norm(inverse, axis=0).max() * CONTACT > 1:
        # Long, oblique vectors of the same lattice have faces so close that many images would be needed.
        inverse = np.linalg.inv(cell := complete_cell(minkowski_reduce(vectors, atoms.pbc)[0]))
    scaled, numbers = atoms.positions @ inverse, np.arange(len(atoms))
    for axis in np.flatnonzero(atoms.pbc):
        scaled[:, axis] -= np.floor(scaled[:, axis])
        # The distance between the faces is the inverse of this column's length.
        margin = CONTACT * np.linalg.norm(inverse[:, axis])
        copies = [np.flatnonzero(scaled[:, axis] < margin - shift) for shift in range(int(np.ceil(margin)))]
        images = [scaled[near] + np.eye(3)[axis] * (shift + 1) for shift, near in enumerate(copies)]
        scaled = np.concatenate([scaled, *images])
        numbers = np.concatenate([numbers, *(numbers[near] for near in copies)])
    return scaled @ cell, numbers
