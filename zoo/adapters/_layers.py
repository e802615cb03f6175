"""Names of layers that end in a number."""

from __future__ import annotations


def layer_number(layer: str) -> int:
    """Return the number at the end of the name of a layer, such as 5 of ``gcn_layers.5``."""
    return int(layer.rpartition(".")[2])
