"""Order of the models, the same in all heat maps, so that they can be compared by eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names, read_scores

if TYPE_CHECKING:
    import xarray as xr


def order_models(comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None) -> list[str]:
    """Return the model names ordered by average-linkage clustering with optimal leaf ordering.

    The distance is that of the main metric (CKA if the Comparison has it) from its best value, averaged over both
    directions. A pair without a score counts as unrelated. The tree can be read from either end: from the one that
    places the controls last.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    names = model_names(comparison)
    scores = read_scores(comparison) if scores is None else scores
    if len(names) < 3 or not scores:
        return names
    strength = next(iter(scores.values())).strength
    distance = np.clip(1.0 - np.nan_to_num((strength + strength.T) / 2, nan=0.0, posinf=0.0, neginf=0.0), 0.0, None)
    np.fill_diagonal(distance, 0.0)
    leaves = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))
    control = np.array([modality == CONTROL for modality in modalities(comparison)])[leaves]
    place = np.arange(len(names)) - (len(names) - 1) / 2
    return [names[i] for i in (leaves[::-1] if place[control].sum() < 0 else leaves)]
