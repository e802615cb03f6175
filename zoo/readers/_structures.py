"""Reading of protein chains from coordinate files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InputError, MissingPackageError
from .._text import MAX_REASON, shorten

BACKBONE = ("N", "CA", "C", "O")
BOND = 2.0  # Angstrom from C to the next N: 1.33 in a peptide bond, at least 3 where residues are missing


@dataclass(frozen=True)
class Chain:
    """A segment of a chain in which no residue is missing.

    Args:
        name: name of the chain in the file.
        sequence: one letter per residue; a modified residue has the letter of its parent amino acid.
        backbone: float64 [residues, 4, 3], N, CA, C and O in Angstrom.
    """

    name: str
    sequence: str
    backbone: np.ndarray


def read_chains(path: Path) -> Iterator[Chain]:
    """Read the longest unbroken segment of each protein chain in the first model of a PDB or mmCIF file.

    For atoms with alternate locations, the first one is used. A segment ends where a residue has an incomplete
    backbone, has no letter among the twenty amino acids, or is not bonded to the next residue.

    Raises:
        ImportError: gemmi is not installed.
        ValueError: unreadable file.
    """
    try:
        import gemmi
    except ImportError as error:
        raise MissingPackageError(f"{path}: reading structures needs gemmi: pip install 'hyle[zoo]'") from error
    try:
        structure = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: not readable as a structure: {shorten(error, MAX_REASON)}") from error
    structure.setup_entities()
    peptides = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    for chain in structure[0] if len(structure) else ():
        polymer = chain.get_polymer()
        if polymer.check_polymer_type() in peptides:
            sequence, backbone = max(_segments(polymer), key=lambda segment: len(segment[0]), default=("", []))
            if sequence:
                yield Chain(chain.name, sequence, np.array(backbone))


def _segments(polymer: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    letters = ""
    rows: list[np.ndarray] = []
    for residue in polymer.first_conformer():
        letter, row = _letter(residue.name), _backbone(residue)
        bonded = bool(rows) and row is not None and float(np.linalg.norm(row[0] - rows[-1][2])) < BOND
        if rows and not (letter and bonded):
            yield letters, rows
            letters, rows = "", []
        if letter and row is not None:
            letters, rows = letters + letter, [*rows, row]
    yield letters, rows


def _letter(name: str) -> str:
    import gemmi

    letter = gemmi.find_tabulated_residue(name).one_letter_code.upper()
    return letter if letter in "ACDEFGHIKLMNPQRSTVWY" else ""


def _backbone(residue: Any) -> np.ndarray | None:
    """Return the backbone positions [4, 3], or None if an atom is missing."""
    positions: dict[str, Any] = {}
    for atom in residue:
        positions.setdefault(atom.name, atom.pos)
    if any(name not in positions for name in BACKBONE):
        return None
    return np.array([positions[name].tolist() for name in BACKBONE])
