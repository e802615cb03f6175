"""How far samples are from the in-distribution samples of a model, measured in the model's own space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..base import InputError, check_k, matrix, renamed_arguments
from ..gram import prepare
from ..neighbours import NeighbourMetric, find_table


class Shift(NamedTuple):
    """Degree of shift of some samples relative to reference samples, in one representation.

    Args:
        ratio: median distance of a shifted sample to its k-th nearest reference sample, divided by that of the
            reference samples themselves: 1 for no shift.
        auc: probability that a shifted sample is further from the reference samples than a reference sample is from the
            others: 0.5 for no shift, 1 where the two sets are separated.
        distance: [n_shifted], k-th distance of each shifted sample, divided by the median of the reference samples.
    """

    ratio: float
    auc: float
    distance: np.ndarray


@renamed_arguments(metric="neighbour_metric")
def degree_of_shift(
    reference: Any,
    shifted: Any,
    /,
    *,
    k: int = 10,
    neighbour_metric: NeighbourMetric = "euclidean",
    groups: Sequence[Any] | None = None,
) -> Shift:
    """Measure how far samples are from reference samples, in the space of one model.

    Args:
        reference: [n, d], embeddings of the in-distribution samples.
        shifted: [m, d], embeddings of the other samples by the same model.
        k: number of the neighbour whose distance counts, 1 <= k <= n - 1.
        neighbour_metric: ``euclidean`` or ``cosine``.
        groups: [n], the group of each reference sample, such as the material that it is a state of: its neighbours are
            those of other groups. Shifted samples have no states of their own among the reference samples, and would
            look shifted otherwise. Default: each sample is a group.

    Invariant to rotation and isotropic scale. Cost O((n + m)^2 d).
    Source: k-NN distance as an out-of-distribution score, Sun et al. (2022), arXiv 2204.06507.

    Raises:
        ValueError: numbers of columns or of groups differ, k is out of range, or ``neighbour_metric`` is an inner
            product.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 4))
        >>> 0.4 < degree_of_shift(x[:100], x[100:]).auc < 0.6
        True
    """
    if neighbour_metric == "inner_product":
        raise InputError("an inner product is not a distance: use euclidean or cosine")
    inside, outside = matrix(reference, "reference"), matrix(shifted, "shifted")
    if inside.shape[1] != outside.shape[1]:
        raise InputError(
            f"reference has {inside.shape[1]} columns and shifted has {outside.shape[1]}: use embeddings of one model"
        )
    n = len(inside)
    check_k(k, n)
    points = jnp.concatenate([inside, outside])
    table = find_table(prepare(points), k, neighbour_metric, where=jnp.arange(len(points)) < n, measured=True)
    distance = np.array(table.value[:, k - 1], np.float64)
    if groups is not None:
        if len(groups) != n:
            raise InputError(f"groups has {len(groups)} labels for {n} reference samples")
        labels = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int32)
        check_k(k, n - int(np.bincount(labels).max()) + 1)
        own = find_table(prepare(points[:n]), k, neighbour_metric, where=jnp.asarray(labels), measured=True)
        distance[:n] = np.asarray(own.value[:, k - 1])
    distance = 1 - distance if neighbour_metric == "cosine" else distance
    from scipy.stats import rankdata  # imported here because it takes half a second

    ranks = rankdata(distance)[n:]
    m = len(outside)
    auc = (ranks.sum() - m * (m + 1) / 2) / (n * m)
    median = np.median(distance[:n])
    return Shift(float(np.median(distance[n:]) / median), float(auc), distance[n:] / median)
