"""Jaccard similarity of nearest-neighbour sets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import gammaln

from ..base import renamed_arguments
from ..context import MetricContext, Progress, tie_counts
from ..neighbours import Lookup, NeighbourMetric, all_pairs, pair_tables, position, relabelled, share, stack
from ..permutation import Permutations, Shared, shifted_tables
from ._metric import Metric, Result


@renamed_arguments(metric="neighbour_metric")
def jaccard_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Mean Jaccard similarity of the sets of k nearest neighbours in two representations.

    ``mean_i |A_i & B_i| / |A_i | B_i|`` with A_i = kNN_x(i) and B_i = kNN_y(i), a row not being its own neighbour, ties
    to the lowest index. Ranks single rows as `mutual_knn` does, h / (2 k - h) for an overlap of h, but disagreement
    costs more.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first.

    Returns:
        Scalar in [0, 1]; where x and y are independent, the mean of h / (2 k - h) over the hypergeometric h, a little
        more than k / (2 (n - 1) - k) where k << n; NaN where an input is not finite or constant.

    Symmetric; invariant to rotation, to isotropic scale and to a common permutation of rows, ``euclidean`` also to
    translation, and every metric with ``centre``. Cost and memory as `mutual_knn`.
    Source: Klabunde et al. (2025), arXiv 2305.06329, k-NN Jaccard similarity.

    Raises:
        ValueError: x and y have different numbers of rows, k out of range, an unknown metric.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(jaccard_knn(x, 2 * x, k=5))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    return jnp.where(finite, _jaccards(stack(tables))[0, 1], jnp.nan)


@jax.jit
def _jaccards(tables: Lookup, order: jax.Array | None = None) -> jax.Array:
    """[m, m] of tables [m, n, k], the rows of the second in another order."""
    dtype, (_, n, k) = tables.value.dtype, tables.indices.shape
    unknown = jnp.isnan(tables.value).any((1, 2))

    def jaccard(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        common = (position(a, b) >= 0).sum(0).astype(dtype)
        value = share((common / (2 * k - common)).sum(), n, dtype)
        return value, value

    index = tables.indices.swapaxes(1, 2)
    values = all_pairs(jaccard, index, None if order is None else relabelled(order, index)[0])
    return jnp.where(unknown[:, None] | unknown, jnp.nan, values)


@jax.jit
def _null_jaccards(tables: Lookup, orders: jax.Array) -> jax.Array:
    return jax.lax.map(lambda order: _jaccards(tables, order), orders)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    n, k, count = context.n, context.k, len(permutations)

    def jaccard(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
        common = np.bincount(shared.number.astype(np.int64) * n + shared.source, minlength=count * n)
        value = (common / (2 * k - common)).reshape(count, n).mean(1)
        return value, value

    def shifted(tables: Lookup, progress: Progress) -> np.ndarray:
        return shifted_tables(tables, permutations, jaccard, progress)

    tables = stack(context.lookups(context.k, context.neighbour_metric))
    return context.null_pairs(_null_jaccards, tables, permutations, shifted)


def _chance(n: int, k: int) -> float:
    """Mean of h / (2 k - h), h of k drawn from n - 1 being among k given ones."""

    def log_choose(total: int, taken: np.ndarray) -> np.ndarray:
        return gammaln(total + 1) - gammaln(taken + 1) - gammaln(total - taken + 1)

    common = np.arange(max(0, 2 * k - (n - 1)), k + 1)
    log = log_choose(k, common) + log_choose(n - 1 - k, k - common) - log_choose(n - 1, np.array(k))
    return float((np.exp(log) * common / (2 * k - common)).sum())


def _evaluate(context: MetricContext) -> Result:
    tables = context.lookups(context.k, context.neighbour_metric)
    return Result(
        np.asarray(_jaccards(stack(tables)), np.float64),
        np.full((context.m, context.m), _chance(context.n, context.k)),
        {"estimator": "overlap / union", **context.neighbour_attributes()},
        {"ties": tie_counts(context)},
    )


METRICS = (
    Metric(
        name="jaccard_knn",
        long_name="Jaccard k-NN overlap",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("neighbours",),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="mean of h / (2k - h), h hypergeometric; about k / (2 (n - 1) - k)",
        meaning="Of all the samples that either model calls a neighbour, which share do both?",
        citation="Klabunde et al. 2025, arXiv:2305.06329",
    ),
)
