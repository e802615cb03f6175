"""Order of the models, the same in all heat maps, so that they can be compared by eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names, read_scores

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Merge:
    """One merge of a hierarchical clustering, as a bracket of the dendrogram.

    Args:
        places: positions of the two clusters; leaf i of the order is at i.
        heights: distances at which the two clusters were formed, 0 for a single model.
        height: distance of the two clusters.
    """

    places: tuple[float, float]
    heights: tuple[float, float]
    height: float


@dataclass(frozen=True)
class Clustering:
    """Average-linkage clustering of the models.

    Args:
        order: the model names in the order of the leaves.
        merges: every merge after those of its parts; empty for fewer than three models with a score.
    """

    order: list[str]
    merges: list[Merge]


def order_models(comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None) -> list[str]:
    """Return the model names in the order of `cluster_models`."""
    return cluster_models(comparison, scores).order


def cluster_models(comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None) -> Clustering:
    """Cluster the models by average linkage with optimal leaf ordering.

    The distance is that of the main metric (CKA if the Comparison has it) from its best value, averaged over both
    directions. A pair without a score counts as unrelated. Models that have no score with any other come last, and are
    not in the tree. The tree can be read from either end: from the one that places the controls last.
    """
    names = model_names(comparison)
    scores = read_scores(comparison) if scores is None else scores
    if len(names) < 3 or not scores:
        return Clustering(names, [])
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    strength = next(iter(scores.values())).strength
    mean = (strength + strength.T) / 2
    scored = (np.isfinite(mean) & ~np.eye(len(names), dtype=bool)).any(1)
    placed, rest = np.flatnonzero(scored), [names[i] for i in np.flatnonzero(~scored)]
    if len(placed) < 3:
        return Clustering([names[i] for i in placed] + rest, [])
    mean = mean[np.ix_(placed, placed)]
    distance = np.clip(1.0 - np.nan_to_num(mean, nan=0.0, posinf=0.0, neginf=0.0), 0.0, None)
    np.fill_diagonal(distance, 0.0)
    table = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    leaves = leaves_list(table)
    control = np.array([modality == CONTROL for modality in modalities(comparison)])[placed][leaves]
    place = np.arange(len(placed)) - (len(placed) - 1) / 2
    if place[control].sum() < 0:
        leaves = leaves[::-1]
    return Clustering([names[placed[i]] for i in leaves] + rest, _merges(table, leaves))


def _merges(table: np.ndarray, leaves: np.ndarray) -> list[Merge]:
    """Return the brackets of a linkage matrix; cluster m + i is that of its row i."""
    place = dict(zip(leaves.tolist(), map(float, range(len(leaves))), strict=True))
    height, merges = dict.fromkeys(place, 0.0), []
    for i, (first, second, distance, _) in enumerate(table.tolist(), start=len(leaves)):
        a, b = int(first), int(second)
        merges.append(Merge((place[a], place[b]), (height[a], height[b]), distance))
        place[i], height[i] = (place[a] + place[b]) / 2, distance
    return merges
