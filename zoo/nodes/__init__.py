"""Nodes: atoms, residues and tokens of samples as rows of their own, and which of them are the same in all models."""

from typing import TYPE_CHECKING

from ..base import lazy_names

if TYPE_CHECKING:
    from .atom_map import structure_numbers as structure_numbers
    from .nodes import LABEL_KINDS as LABEL_KINDS
    from .nodes import NODE_KINDS as NODE_KINDS
    from .nodes import SEPARATOR as SEPARATOR
    from .nodes import Nodes as Nodes
    from .nodes import joined as joined
    from .nodes import node_id as node_id
    from .nodes import split_node_id as split_node_id
    from .placement import UNKNOWN_ROWS as UNKNOWN_ROWS
    from .placement import UnplacedError as UnplacedError
    from .placement import place_rows as place_rows
    from .placement import rows_of_nodes as rows_of_nodes
    from .smiles_atoms import atom_spans as atom_spans
    from .smiles_atoms import heavy_atom_numbers as heavy_atom_numbers
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
