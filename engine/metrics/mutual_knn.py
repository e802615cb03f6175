"""Mutual k-nearest-neighbour overlap."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import renamed_arguments
from ..context import MetricContext, Progress, tie_counts
from ..neighbours import Lookup, NeighbourMetric, all_pairs, pair_tables, position, relabelled, share, stack
from ..permutation import Permutations, Shared, shifted_tables
from ._metric import Metric, Result


@renamed_arguments(metric="neighbour_metric")
def mutual_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Mean share of the k nearest neighbours that two representations have in common.

    ``mean_i |kNN_x(i) & kNN_y(i)| / k``, a row not being its own neighbour, ties to the lowest index.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first; as published, rows are not centred.

    Returns:
        Scalar in [0, 1]; k / (n - 1) on average where x and y are independent; NaN where an input is not
        finite or constant.

    Symmetric; invariant to rotation, to isotropic scale and to a common permutation of rows, ``euclidean`` also to
    translation, and every metric with ``centre``. Cost O(n^2 (d1 + d2) + n k^2), beyond 64 neighbours n k log k, memory
    O(b n + n k) for blocks of b rows.
    Source: Huh et al. (2024), arXiv 2405.07987.

    Raises:
        ValueError: x and y have different numbers of rows, k out of range, an unknown metric.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(mutual_knn(x, 2 * x, k=5))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    return jnp.where(finite, _overlaps(stack(tables))[0, 1], jnp.nan)


@jax.jit
def _overlaps(tables: Lookup, order: jax.Array | None = None) -> jax.Array:
    """[m, m] of tables [m, n, k], the rows of the second in another order."""
    unknown = jnp.isnan(tables.value).any((1, 2))

    def overlap(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = share((position(a, b) >= 0).sum(), a.size, tables.value.dtype)
        return value, value

    index = tables.indices.swapaxes(1, 2)
    values = all_pairs(overlap, index, None if order is None else relabelled(order, index)[0])
    return jnp.where(unknown[:, None] | unknown, jnp.nan, values)


@jax.jit
def _null_overlaps(tables: Lookup, orders: jax.Array) -> jax.Array:
    return jax.lax.map(lambda order: _overlaps(tables, order), orders)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    def overlap(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
        value = np.bincount(shared.number, minlength=len(permutations)) / (context.n * context.k)
        return value, value

    def shifted(tables: Lookup, progress: Progress) -> np.ndarray:
        return shifted_tables(tables, permutations, overlap, progress)

    tables = stack(context.lookups(context.k, context.neighbour_metric))
    return context.null_pairs(_null_overlaps, tables, permutations, shifted)


def _evaluate(context: MetricContext) -> Result:
    tables = context.lookups(context.k, context.neighbour_metric)
    return Result(
        np.asarray(_overlaps(stack(tables)), np.float64),
        np.full((context.m, context.m), context.k / (context.n - 1)),
        {"estimator": "overlap / k", **context.neighbour_attributes()},
        {"ties": tie_counts(context)},
    )


METRICS = (
    Metric(
        name="mutual_knn",
        long_name="mutual k-NN overlap",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("neighbours",),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="k / (n - 1)",
        meaning="Which share of a sample's nearest neighbours do the two models agree on?",
        citation="Huh et al. 2024, arXiv:2405.07987",
    ),
)
