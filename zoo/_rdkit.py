"""Reading SMILES without RDKit's messages."""

from __future__ import annotations

from typing import Any

UNREADABLE = "RDKit cannot read the SMILES"


def molecule(smiles: str) -> Any:
    """Return the RDKit molecule, or None where RDKit cannot read the string."""
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        return Chem.MolFromSmiles(smiles)


def unreadable(smiles: str) -> str | None:
    """Say why there is no molecular graph of at least one atom, or None where there is one."""
    mol = molecule(smiles)
    if mol is None:
        return UNREADABLE
    return None if mol.GetNumAtoms() else "no atoms"
