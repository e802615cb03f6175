"""Facts of a record in MDL formats that RDKit does not return: radicals, and whether coordinates are 3D."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ...base import InputError

UNPAIRED = {1: 0, 2: 1, 3: 2}  # singlet, doublet, triplet, by the specification of CTfiles
_V3000 = re.compile(r"^[^\n]*V3000[ \t\r]*$", re.MULTILINE)
_ATOM_BLOCK = re.compile(r"BEGIN +ATOM.*?(?:END +ATOM|\Z)", re.DOTALL | re.IGNORECASE)
_LIST = re.compile(r"(?:NOT *)?\[[^\]\s]*\]?", re.IGNORECASE)
_RAD = re.compile(r"^M  RAD[ \t]*\d+((?:[ \t]+-?\d+)+)", re.MULTILINE)
_RAD_V3000 = re.compile(r"\bRAD=(\d+)", re.IGNORECASE)
_CHARGES = re.compile(r"^M  (?:CHG|RAD)", re.MULTILINE)


def without_lists(text: str) -> str:
    """Replace the atom lists of a V3000 record by dummy atoms, because RDKit crashes at empty ones."""
    if "[" not in text or _V3000.search(text) is None:
        return text
    return _ATOM_BLOCK.sub(lambda match: _LIST.sub("*", match[0]), text)


def radical_centres(text: str) -> list[int]:
    """Return the number of unpaired electrons of each atom of a record that is marked as a radical.

    Raises:
        ValueError: RDKit does not read the mark.
    """
    if _V3000.search(text):
        values = [int(v) for block in _ATOM_BLOCK.findall(text) for v in _RAD_V3000.findall(block)]
    else:
        table = text.split("M  END", 1)[0]
        if not _CHARGES.search(table) and any(line[36:39].strip() == "4" for line in _atom_lines(table)):
            raise InputError("it marks a radical by the charge code 4, which RDKit does not read: use M  RAD")
        values = [int(v) for match in _RAD.finditer(table) for v in match[1].split()[1::2]]
    return [UNPAIRED[value] for value in values if value in UNPAIRED]


def looks_3d(mol: Any) -> bool:
    """Return whether planar coordinates are those of a molecule, and not of a drawing, by the lengths of its bonds.

    In drawings the bonds are of one length, or in other units than Angstrom. Without bonds to hydrogen that is not
    decided, and the answer is no.
    """
    from ase.data import covalent_radii

    if not mol.GetNumBonds():
        return mol.GetNumAtoms() == 1
    positions = mol.GetConformer().GetPositions()
    ends = [(bond.GetBeginAtom(), bond.GetEndAtom()) for bond in mol.GetBonds()]
    lengths = np.array([np.linalg.norm(positions[a.GetIdx()] - positions[b.GetIdx()]) for a, b in ends])
    usual = np.array([sum(covalent_radii[[a.GetAtomicNum(), b.GetAtomicNum()]]) for a, b in ends])
    short = np.array([1 in (a.GetAtomicNum(), b.GetAtomicNum()) for a, b in ends])
    if ((lengths < 0.75 * usual) | (lengths > 1.25 * usual)).any():
        return False
    return bool(short.all() or (short.any() and lengths[short].mean() < 0.95 * lengths[~short].mean()))


def _atom_lines(table: str) -> list[str]:
    lines = table.split("\n")
    number = lines[3][:3].strip() if len(lines) > 3 else ""
    return lines[4 : 4 + int(number)] if number.isdecimal() and number.isascii() else []
