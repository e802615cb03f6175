"""Readers of protein chains, and of small molecules in PDB files."""

from .small_pdb import is_small as is_small
from .structure_files import longest_segment as longest_segment
from .structure_files import read_chains as read_chains
