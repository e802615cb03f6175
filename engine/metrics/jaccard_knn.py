"""Jaccard similarity of nearest-neighbour sets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import namespace, renamed_arguments
from ..neighbours import Lookup, NeighbourMetric, pair_tables, position, share, stack
from ..permutation import Shared
from ._neighbour_metric import all_equal, build_neighbour_metric, nan_unless, neighbour_count


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

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(jaccard_knn(x, 2 * x, k=5))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    both = stack(tables)
    dtype, common = both.value.dtype, np.arange(k + 1)
    weight = common / (2 * k - common)
    total = (_count.pairs(both)[0, 1] * namespace(both.indices).asarray(weight, dtype)).sum()
    return nan_unless(finite & ~all_equal(both).any(), share(total, len(tables[0].indices), dtype))


def _rows_by_overlap(a: Any, b: Any) -> Any:
    """Count the rows with 0, 1, ... k common neighbours, int32 [k + 1]."""
    k, _ = a.shape
    common = (position(a, b) >= 0).sum(0, dtype=jnp.int32)
    if isinstance(common, np.ndarray):
        return np.bincount(common, minlength=k + 1)
    return jnp.zeros(k + 1, jnp.int32).at[common].add(1)


def _shared_rows_by_overlap(shared: Shared, count: int, n: int, k: int) -> np.ndarray:
    common = np.bincount(shared.number.astype(np.int64) * n + shared.source, minlength=count * n).reshape(count, n)
    return np.stack([(common == overlap).sum(1) for overlap in range(k + 1)], 1)


def _score(rows: np.ndarray, n: int, k: int) -> np.ndarray:
    common = np.arange(k + 1)
    # Not a matrix product, which would add in an order that depends on the number of scores.
    return (rows * (common / (2 * k - common))).sum(-1) / n


def _chance(table: Lookup, n: int) -> float:
    """Compute the mean of h / (2 k - h) where h of the k rows drawn from n - 1 are among k given ones."""
    from scipy.special import gammaln  # imported here because it takes a fifth of a second

    k = table.indices.shape[1]

    def log_choose(total: int, taken: np.ndarray) -> np.ndarray:
        return gammaln(total + 1) - gammaln(taken + 1) - gammaln(total - taken + 1)

    common = np.arange(max(0, 2 * k - (n - 1)), k + 1)
    log = log_choose(k, common) + log_choose(n - 1 - k, k - common) - log_choose(n - 1, np.array(k))
    return float((np.exp(log) * common / (2 * k - common)).sum())


_count = neighbour_count(_rows_by_overlap, symmetric=True)

METRICS = (
    build_neighbour_metric(
        _count,
        _score,
        name="jaccard_knn",
        long_name="Jaccard k-NN overlap",
        estimator="overlap / union",
        symmetric=True,
        chance_level=lambda table, context: _chance(table, context.candidates + 1),
        chance="mean of h / (2k - h), h hypergeometric; about k / (2 (n - 1) - k)",
        meaning="Of a sample's nearest neighbours in either model, what share is common to both?",
        citation="Klabunde et al. 2025, arXiv:2305.06329",
        by_row=True,
        shared_counts=_shared_rows_by_overlap,
    ),
)
