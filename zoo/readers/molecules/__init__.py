"""Readers of molecules with bonds, and of SMILES strings, with RDKit."""

from .smiles import EXTENDED as EXTENDED
from .smiles import check_column as check_column
from .smiles import read_smiles as read_smiles
