"""Compare seed replicates, models trained twice from different random weights: a ceiling for the agreement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .numbers import number
from .scores import model_names, read_scores

if TYPE_CHECKING:
    import xarray as xr


def seed_replicates(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return index pairs (model, seed replicate); replicates are named ``<model>-seed<number>``."""
    return [
        (i, j)
        for i, first in enumerate(names)
        for j, second in enumerate(names)
        if re.fullmatch(re.escape(first) + r"-seed\d+", second)
    ]


def replicate_ceiling(comparison: xr.Dataset) -> str | None:
    """Return sentences on how much models agree with their seed replicates, None if there are no such pairs."""
    names = model_names(comparison)
    pairs = seed_replicates(names)
    scores = read_scores(comparison) if pairs else {}
    if not scores:
        return None
    sentences = []
    for pair in pairs:
        values = ", ".join(f"{score.label} {number(score.mutual[pair], 2)}" for score in scores.values())
        sentences.append(f"{names[pair[0]]} and its seed replicate: {values}.")
    return " ".join([*sentences, "Compare other pairs with this, not with a perfect score."])
