"""How far samples lie from those that a model was at home with, computed in its own space."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.stats import rankdata

from ..base import InputError, check_k, matrix, renamed_arguments
from ..gram import prepare
from ..neighbours import NeighbourMetric, find_table


class Shift(NamedTuple):
    """The degree of shift of some samples against others, in one representation.

    Args:
        ratio: median distance of a shifted sample to its k-th nearest reference sample, over that of the reference
            samples themselves: 1 where nothing has shifted.
        auc: probability that a shifted sample is further from the reference than a reference sample is from the
            others: 0.5 where nothing has shifted, 1 where the two are apart.
        distance: [n_shifted], of each shifted sample, over the median of the reference samples.
    """

    ratio: float
    auc: float
    distance: np.ndarray


@renamed_arguments(metric="neighbour_metric")
def degree_of_shift(
    reference: Any, shifted: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "euclidean"
) -> Shift:
    """Measure how far samples lie from reference samples, in the space of one model.

    Args:
        reference: [n, d], the embeddings of samples in distribution.
        shifted: [m, d], the embeddings of the others by the same model.
        k: the neighbour whose distance counts, 1 <= k <= n - 1.
        neighbour_metric: ``euclidean`` or ``cosine``.

    Invariant to rotation and isotropic scale. Cost O((n + m)^2 d).
    Source: k-NN distance as a score of what is out of distribution, Sun et al. (2022), arXiv 2204.06507.

    Raises:
        ValueError: other widths, k out of range, or an inner product asked for.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 4))
        >>> 0.4 < degree_of_shift(x[:100], x[100:]).auc < 0.6
        True
    """
    if neighbour_metric == "inner_product":
        raise InputError("an inner product is no distance: use euclidean or cosine")
    inside, outside = matrix(reference, "reference"), matrix(shifted, "shifted")
    if inside.shape[1] != outside.shape[1]:
        raise InputError(f"reference has {inside.shape[1]} columns and shifted {outside.shape[1]}: use one model's")
    n = len(inside)
    check_k(k, n)
    every = jnp.concatenate([inside, outside])
    table = find_table(prepare(every), k, neighbour_metric, where=jnp.arange(len(every)) < n, measured=True)
    far = np.asarray(table.value[:, k - 1], np.float64)
    far = 1 - far if neighbour_metric == "cosine" else far
    ranks = rankdata(far)[n:]
    m = len(outside)
    auc = (ranks.sum() - m * (m + 1) / 2) / (n * m)
    middle = np.median(far[:n])
    return Shift(float(np.median(far[n:]) / middle), float(auc), far[n:] / middle)
