"""SMILES parsing without the log messages of RDKit."""

from __future__ import annotations

from typing import Any

UNREADABLE = "RDKit cannot read the SMILES"


def molecule(smiles: str) -> Any:
    """Return the RDKit molecule, or None if RDKit cannot read the SMILES string."""
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        return Chem.MolFromSmiles(smiles)


def unreadable(smiles: str) -> str | None:
    """Return why a SMILES string is not a molecular graph of at least one atom, or None if it is one."""
    mol = molecule(smiles)
    if mol is None:
        return UNREADABLE
    return None if mol.GetNumAtoms() else "no atoms"
