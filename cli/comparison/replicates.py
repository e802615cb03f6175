"""One model trained twice, from other random weights: what two models can be asked to agree at most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .numbers import number
from .scores import model_names, read_scores

if TYPE_CHECKING:
    import xarray as xr


def seed_replicates(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of models and of their second trainings, which are called ``<model>-seed<number>``."""
    return [
        (i, j)
        for i, first in enumerate(names)
        for j, second in enumerate(names)
        if re.fullmatch(re.escape(first) + r"-seed\d+", second)
    ]


def replicate_ceiling(comparison: xr.Dataset) -> str | None:
    """Return a sentence of how much a model agrees with its second training, None where there is none of both."""
    names, scores = model_names(comparison), read_scores(comparison)
    if not scores:
        return None
    said = []
    for pair in seed_replicates(names):
        values = ", ".join(f"{score.label} {number(score.mutual[pair], 2)}" for score in scores.values())
        said.append(f"{names[pair[0]]} with its own second training: {values}.")
    return " ".join([*said, "Read other pairs against this, not against a perfect score."]) if said else None
