"""Which atoms of a structure are neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

# Bonds of ionic crystals are up to a tenth longer than the sum of the covalent radii. The second shell is farther,
# except in body-centred cubic metals, whose coordination number is 14.
MULTIPLE = 1.1


def neighbour_pairs(atoms: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of neighbouring atoms, each in both orders; an atom may be the neighbour of its own image.

    Two atoms are neighbours if they are closer than 1.1 times the sum of their covalent radii (Cordero et al. 2008, DOI
    10.1039/B801115J), as in `ase.neighborlist.natural_cutoffs`.

    Returns:
        int [p] each, first and second atom of each pair.
    """
    from ase.neighborlist import natural_cutoffs, neighbor_list

    first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=MULTIPLE))
    return first, second


def coordination_numbers(atoms: Any) -> np.ndarray:
    """Return the number of neighbours of each atom, int [n]."""
    return np.bincount(neighbour_pairs(atoms)[0], minlength=len(atoms))
