"""Reader of protein chains in .pdb and mmCIF files, with gemmi; see `read_chains`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...base import shorten
from ..files import NUMBERS, Options, Row, Wanted, chosen, inner_name, no_columns
from .structure_files import ENTRIES, OTHERS, Chain, read_chains


def count(path: Path) -> int:
    """Return the number of protein chains in a file."""
    return sum(1 for _ in read_chains(path))


def read(path: Path, wanted: Wanted, options: Options) -> Iterator[Row]:
    """Read the sequence and backbone of the wanted chains; ids are FILE-CHAIN, or FILE for a chain without a name.

    In a file of several structures they are FILE-STRUCTURE-CHAIN, with the name of the data block or the number of the
    part.
    A chain of which no residue has a complete backbone has only a sequence. All atoms are read if asked for.
    """
    no_columns(path, options)
    reported: set[tuple[str, str]] = set()
    for i, chain in chosen(read_chains(path, atoms=options.protein_atoms), wanted):
        where = f"chain {shorten(chain.name or '(no name)')}"
        if chain.entry:
            where += f" of structure {shorten(chain.entry)}"
        # What else is in a structure is reported with its first chain.
        remarks = {name: detail for name, detail in chain.remarks.items() if (chain.entry, name) not in reported}
        reported |= {(chain.entry, name) for name in (OTHERS, ENTRIES)}
        views: dict[str, Any] = {"sequence": chain.sequence}
        if chain.backbone is not None:
            views["backbone"] = chain.backbone.astype(np.float32)
            views["first_residue"] = chain.first
        if chain.atoms is not None:
            views["protein_atoms"] = chain.atoms
        yield Row(i, where, "" if options.id_column == NUMBERS else _id(path, chain), views, remarks=remarks)


def _id(path: Path, chain: Chain) -> str:
    """Return the file and the name of a chain; further chains of the same name are numbered from 2."""
    name = Path(inner_name(path)).stem
    number = str(chain.number) if chain.number > 1 else ""
    return "-".join(part for part in (name, chain.entry, chain.name, number) if part)
