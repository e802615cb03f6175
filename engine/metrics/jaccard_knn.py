"""Jaccard similarity of nearest-neighbour sets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import gammaln

from ..base import renamed_arguments
from ..neighbours import Lookup, NeighbourMetric, pair_tables, position, share, stack
from ..permutation import Shared
from ._neighbour_metric import build_neighbour_metric, pair_scores


@renamed_arguments(metric="neighbour_metric")
def jaccard_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Compute the mean Jaccard similarity of the sets of k nearest neighbours in two representations.

    ``mean_i |A_i & B_i| / |A_i | B_i|`` with A_i = kNN_x(i) and B_i = kNN_y(i). A row is not its own neighbour; ties
    are broken by the lowest index. An overlap of h neighbours scores h / (2 k - h), so that rows are ordered as by
    `mutual_knn`, but disagreement is penalised more.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: number of neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first.

    Returns:
        Scalar in [0, 1]. For independent x and y it is on average the mean of h / (2 k - h) over the hypergeometric h,
        slightly more than k / (2 (n - 1) - k) for k << n. NaN if an input is not finite or constant.

    Symmetric; invariant to rotation, isotropic scaling and a common permutation of rows. ``euclidean`` is also
    invariant to translation, and so is every neighbour metric with ``centre``. Cost and memory as for `mutual_knn`.
    Source: Klabunde et al. (2025), arXiv 2305.06329, k-NN Jaccard similarity.

    Raises:
        ValueError: x and y have different numbers of rows, k is out of range, or the neighbour metric is unknown.
        TypeError: an input is complex.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(jaccard_knn(x, 2 * x, k=5))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    return jnp.where(finite, _scores(stack(tables))[0, 1], jnp.nan)


def _jaccard(a: jax.Array, b: jax.Array, dtype: Any) -> jax.Array:
    k, n = a.shape
    common = (position(a, b) >= 0).sum(0).astype(dtype)
    return share((common / (2 * k - common)).sum(), n, dtype)


def _shared_jaccard(shared: Shared, count: int, n: int, k: int) -> np.ndarray:
    common = np.bincount(shared.number.astype(np.int64) * n + shared.source, minlength=count * n)
    return (common / (2 * k - common)).reshape(count, n).mean(1)


def _chance(table: Lookup) -> float:
    """Compute the mean of h / (2 k - h) where h of the k rows drawn from n - 1 are among k given ones."""
    n, k = table.indices.shape

    def log_choose(total: int, taken: np.ndarray) -> np.ndarray:
        return gammaln(total + 1) - gammaln(taken + 1) - gammaln(total - taken + 1)

    common = np.arange(max(0, 2 * k - (n - 1)), k + 1)
    log = log_choose(k, common) + log_choose(n - 1 - k, k - common) - log_choose(n - 1, np.array(k))
    return float((np.exp(log) * common / (2 * k - common)).sum())


_scores = pair_scores(_jaccard, symmetric=True)

METRICS = (
    build_neighbour_metric(
        _scores,
        name="jaccard_knn",
        long_name="Jaccard k-NN overlap",
        estimator="overlap / union",
        symmetric=True,
        chance_level=_chance,
        chance="mean of h / (2k - h), h hypergeometric; about k / (2 (n - 1) - k)",
        meaning="Of a sample's nearest neighbours in either model, what share is common to both?",
        citation="Klabunde et al. 2025, arXiv:2305.06329",
        shared_score=_shared_jaccard,
    ),
)
