"""The atoms of a SMILES string: which characters they are written with, and which of them RDKit keeps."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ..base import molecule

# An atom in a SMILES string: in brackets, or of the organic subset (opensmiles.org, section 3.1).
ATOM = re.compile(r"\[[^\]]+\]|Br|Cl|[BCNOPSFI]|[bcnops]|\*")
POSITION = "position in the string"


@lru_cache(maxsize=4096)
def atom_spans(smiles: str) -> tuple[tuple[int, int], ...] | None:
    """Return the first and last + 1 character of each atom, in the order of RDKit's atoms.

    Hydrogens that RDKit attaches to a heavy atom are skipped.

    Returns:
        None if RDKit reads other atoms than are written.
    """
    mol = molecule(smiles)
    if mol is None:
        return None
    written = [match.span() for match in ATOM.finditer(smiles)]
    every = _with_hydrogens(smiles)
    if every is None or every.GetNumAtoms() != len(written):
        return None
    kept = [atom.GetIntProp(POSITION) for atom in _without_hydrogens(every).GetAtoms()]
    return tuple(written[i] for i in kept) if len(kept) == mol.GetNumAtoms() else None


def heavy_atom_numbers(smiles: str) -> list[int]:
    """Return the number of each atom of the molecule with all hydrogens, in RDKit's order; -1 for added hydrogens."""
    from rdkit import Chem

    mol = molecule(smiles)
    return [*range(mol.GetNumAtoms()), *[-1] * (Chem.AddHs(mol).GetNumAtoms() - mol.GetNumAtoms())]


def _with_hydrogens(smiles: str) -> Any:
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    options: Any = Chem.SmilesParserParams()
    options.removeHs = False
    with BlockLogs():
        mol = Chem.MolFromSmiles(smiles, options)
    for atom in mol.GetAtoms() if mol is not None else ():
        atom.SetIntProp(POSITION, atom.GetIdx())
    return mol


def _without_hydrogens(mol: Any) -> Any:
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        return Chem.RemoveHs(mol)
