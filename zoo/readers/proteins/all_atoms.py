"""All atoms of the residues of a chain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base import ProteinAtoms


def all_atoms(residues: Sequence[Any], sequence: str, segment: tuple[int, int]) -> ProteinAtoms:
    """Return the atoms of residues of gemmi; atoms whose positions are not finite are excluded.

    Of atoms of one name in a residue (alternate locations), the first is used. Deuterium is read as hydrogen.

    Args:
        residues: residues of a chain.
        sequence: their letters.
        segment: numbers of the first residue of the backbone, and of the one after its last.
    """
    found = []
    for number, residue in enumerate(residues):
        first: dict[str, Any] = {}
        for atom in residue:
            name = f"H{atom.name[1:]}" if atom.element.name == "D" and atom.name.startswith("D") else atom.name
            first.setdefault(sys.intern(name), atom)
        found += [(number, name, atom) for name, atom in first.items() if np.isfinite(atom.pos.tolist()).all()]
    return ProteinAtoms(
        sequence,
        np.array([number for number, _, _ in found], np.int32),
        tuple(name for _, name, _ in found),
        np.array([atom.element.atomic_number for _, _, atom in found], np.uint8),
        np.array([atom.pos.tolist() for _, _, atom in found]).reshape(-1, 3),
        np.array([atom.b_iso for _, _, atom in found], np.float32),
        segment,
    )
