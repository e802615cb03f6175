"""Models whose embeddings have the same geometry, which all scores between them show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..comparison import PairScores

# Metrics that reach their best value only where all distances are proportional. Neighbours alone do not tell.
_OF_GEOMETRY = {
    "bures",
    "cka",
    "cka_rbf",
    "distance_correlation",
    "procrustes",
    "procrustes_angular",
    "procrustes_root",
}
# Single precision leaves errors of about 1e-7.
_ROUNDING = 1e-5


def same_geometry(names: Sequence[str], scores: Mapping[str, PairScores]) -> list[str]:
    """Return a sentence on each group of models that every metric scores like a model with itself.

    Args:
        names: of the m models.
        scores: each metric, [m, m]; the diagonal is the score of a model with itself.
    """
    if not _OF_GEOMETRY.intersection(scores):
        return []
    same = np.logical_and.reduce([_like_itself(score.values) for score in scores.values()])
    groups: list[list[int]] = []
    for i in range(len(names)):
        group = next((group for group in groups if same[group[0], i]), None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    return [_sentence([names[i] for i in group]) for group in groups if len(group) > 1]


def _like_itself(values: np.ndarray) -> np.ndarray:
    """Return which pairs [m, m] score like both of their models with themselves, in both directions."""
    own = np.diag(values)
    near = (abs(values - own) <= _ROUNDING) & (abs(values - own[:, None]) <= _ROUNDING)
    return np.asarray(near & near.T)


def _sentence(names: Sequence[str]) -> str:
    *rest, last = names
    return (
        f"{', '.join(rest)} and {last} have the same geometry: they differ at most by rotation, translation and scale."
    )
