"""The page with the nearest neighbours of a sample in several models."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..atomic import write_atomically
from ._environment import environment
from ._logos import sequence_logos
from ._matter import Pictured


def write_neighbours_page(
    sample: Pictured,
    columns: Mapping[str, Sequence[tuple[Pictured, float, int]]],
    facts: Mapping[str, object],
    path: Path,
    *,
    kind: str = "sample",
    residues: Mapping[str, Sequence[Pictured]] | None = None,
) -> Path:
    """Write the page, a single file that opens offline, atomically; return its path.

    Args:
        sample: whose neighbours are shown.
        columns: model -> neighbours, nearest first: the sample, its distance, and how many models have it as a
            neighbour.
        facts: how the neighbours were found, name -> value.
        path: of the file.
        kind: what the neighbours are, such as ``atom``.
        residues: model -> neighbours that are residues, of which sequence logos are drawn; default none.
    """
    several = {one.id: count for found in columns.values() for one, _, count in found if count > 1}
    # The same neighbour has the same mark in every column, the most widely shared the first.
    order = sorted(several, key=lambda name: -several[name])
    page = (
        environment()
        .get_template("neighbours.html.j2")
        .render(
            version=importlib.metadata.version("hyle"),
            sample=sample,
            columns=columns,
            facts=facts,
            kind=kind,
            logos=sequence_logos(residues) if residues else {},
            marks={name: i + 1 for i, name in enumerate(order)},
            everywhere=[name for name in order if several[name] == len(columns)],
        )
    )
    return write_atomically(path, page.encode("utf-8", "replace"))
