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
    shifted_groups: Sequence[Any] | None = None,
) -> Shift:
    """Measure how far samples are from reference samples, in the space of one model.

    Args:
        reference: [n, d], embeddings of the in-distribution samples.
        shifted: [m, d], embeddings of the other samples by the same model.
        k: number of the neighbour whose distance counts, 1 <= k <= n - 1.
        neighbour_metric: ``euclidean`` or ``cosine``.
        groups: [n], the group of each reference sample, such as the material that it is a state of: its neighbours are
            those of other groups. Default: each sample is a group.
        shifted_groups: [m], the group of each shifted sample, of the same labels, such as the crystal that it was
            before its geometry was changed: neighbours are those of other groups. Default: no shifted sample is a state
            of a reference sample.

    Invariant to rotation and isotropic scale. Cost O((n + m)^2 d).
    Source: k-NN distance as an out-of-distribution score, Sun et al. (2022), arXiv 2204.06507.

    Raises:
        ValueError: numbers of columns or of groups differ, k is out of range, ``shifted_groups`` without ``groups``, or
            ``neighbour_metric`` is an inner product.

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
    labels = _labels(groups, shifted_groups, n, len(outside))
    most = 0
    if groups is not None:
        most = int(np.bincount(labels[:n]).max())
        check_k(k, n - most + (shifted_groups is None))
    # Neighbours of a shifted sample that are states of itself take places in the table.
    places = k + (most if shifted_groups is not None else 0)
    table = find_table(prepare(points), places, neighbour_metric, where=jnp.arange(len(points)) < n, measured=True)
    distance = np.array(table.value[:, k - 1], np.float64)
    if groups is not None:
        own = find_table(prepare(points[:n]), k, neighbour_metric, where=jnp.asarray(labels[:n]), measured=True)
        distance[:n] = np.asarray(own.value[:, k - 1])
    if shifted_groups is not None:
        others = labels[np.asarray(table.indices)[n:]] != labels[n:, None]
        place = np.argmax(np.cumsum(others, 1) == k, 1)
        distance[n:] = np.asarray(table.value)[np.arange(n, len(points)), place]
    distance = 1 - distance if neighbour_metric == "cosine" else distance
    from scipy.stats import rankdata  # imported here because it takes half a second

    ranks = rankdata(distance)[n:]
    m = len(outside)
    auc = (ranks.sum() - m * (m + 1) / 2) / (n * m)
    median = np.median(distance[:n])
    return Shift(float(np.median(distance[n:]) / median), float(auc), distance[n:] / median)


def _labels(groups: Sequence[Any] | None, shifted: Sequence[Any] | None, n: int, m: int) -> np.ndarray:
    """Return the groups of the reference and of the shifted samples as int32 [n + m]; empty without groups."""
    if groups is None and shifted is None:
        return np.zeros(0, np.int32)
    if groups is None:
        raise InputError("shifted_groups are compared with groups, which are not given")
    for name, labels, size, of in (("groups", groups, n, "reference"), ("shifted_groups", shifted, m, "shifted")):
        if labels is not None and len(labels) != size:
            raise InputError(f"{name} has {len(labels)} labels for {size} {of} samples")
    codes: dict[Any, int] = {}
    every = [*groups, *(() if shifted is None else shifted)]
    return np.array([codes.setdefault(label, len(codes)) for label in every], np.int32)
