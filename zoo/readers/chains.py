"""Reader of protein chains in .pdb and mmCIF files, with gemmi; see `read_chains`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .._text import shorten
from ._row import NUMBERS, Options, Row, Wanted, chosen, no_columns
from ._structures import read_chains


def count(path: Path) -> int:
    """Return the number of protein chains in a file."""
    return sum(1 for _ in read_chains(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the sequence and backbone of the wanted chains; ids are FILE-CHAIN."""
    no_columns(path, options)
    name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    for i, chain in chosen(read_chains(path), wanted):
        id_ = "" if options.id_column == NUMBERS else f"{name}-{chain.name}"
        where = f"chain {shorten(chain.name)}"
        if np.isfinite(chain.backbone).all():
            views = {"sequence": chain.sequence, "backbone": chain.backbone.astype(np.float32)}
            yield Row(i, where, id_, views)
        else:
            yield Row(i, where, id_, problem="the coordinates are not finite")
