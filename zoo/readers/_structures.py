"""Protein chains out of coordinate files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError, MissingPackageError

BACKBONE = ("N", "CA", "C", "O")
BOND = 2.0  # Angstrom from C to the next N; 1.33 in a peptide, and residues that are missing leave 3 and more


@dataclass(frozen=True)
class Chain:
    """A stretch of a chain in which no residue is missing.

    Args:
        name: of the chain in the file.
        sequence: one letter a residue; a modified one has the letter of what it was made from.
        backbone: float64 [residues, 4, 3], N, CA, C and O in Angstrom.
    """

    name: str
    sequence: str
    backbone: np.ndarray


def read_chains(path: Path) -> Iterator[Chain]:
    """Read the longest unbroken stretch of every protein chain in the first model of a PDB or mmCIF file.

    Of atoms in several places the first is taken. A stretch ends where a residue lacks a backbone atom, has no letter
    among the twenty amino acids, or is not bound to the next.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: not readable.
    """
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: pip install 'hyle[zoo]'") from error
    try:
        structure = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: not readable as a structure: {error}") from error
    structure.setup_entities()
    peptides = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    for chain in structure[0] if len(structure) else ():
        polymer = chain.get_polymer()
        if polymer.check_polymer_type() in peptides:
            stretch = max(_stretches(polymer), key=lambda part: len(part[0]), default=("", []))
            if stretch[0]:
                yield Chain(chain.name, stretch[0], np.array(stretch[1]))


def _stretches(polymer: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    letters = ""
    rows: list[np.ndarray] = []
    for residue in polymer.first_conformer():
        letter, row = _letter(residue.name), _row(residue)
        bound = bool(rows) and row is not None and float(np.linalg.norm(row[0] - rows[-1][2])) < BOND
        if rows and not (letter and bound):
            yield letters, rows
            letters, rows = "", []
        if letter and row is not None:
            letters, rows = letters + letter, [*rows, row]
    yield letters, rows


def _letter(name: str) -> str:
    import gemmi

    letter = gemmi.find_tabulated_residue(name).one_letter_code.upper()
    return letter if letter in "ACDEFGHIKLMNPQRSTVWY" else ""


def _row(residue: Any) -> np.ndarray | None:
    """Return [4, 3], or None where an atom is missing."""
    places: dict[str, Any] = {}
    for atom in residue:
        places.setdefault(atom.name, atom.pos)
    if any(name not in places for name in BACKBONE):
        return None
    return np.array([places[name].tolist() for name in BACKBONE])
