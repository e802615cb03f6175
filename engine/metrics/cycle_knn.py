"""Cycle k-nearest-neighbour score."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import renamed_arguments
from ..context import MetricContext, tie_counts
from ..neighbours import Lookup, NeighbourMetric, all_pairs, pair_tables, relabelled, share, stack
from ..permutation import Permutations
from ._metric import Metric, Result


@renamed_arguments(metric="neighbour_metric")
def cycle_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Share of the samples to which a step to a neighbour in y and a step to a neighbour in x can lead back.

    ``mean_i [i in union of kNN_x(j) over j in kNN_y(i)]``, a row not being its own neighbour, ties to the lowest index:
    from i to its k nearest neighbours in y, from each of them to its k nearest in x. Huh et al.'s code, in which x is
    the first argument.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; the space of the second step.
        y: [n, d2], row i being the same sample as row i of x; the space of the first step.
        k: neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first.

    Returns:
        Scalar in [0, 1]. Where x and y are independent, on average ``mean_i 1 - C(n-1-d_i, k) / C(n-1, k)``, d_i being
        the number of rows of x that have i among their neighbours: at most k^2 / (n - 1). NaN where an input is not
        finite or constant.

    Not symmetric, and not 1 for x with itself: neighbourhood is not mutual. It saturates soon, one way back among k^2
    being enough. Invariant to rotation, to isotropic scale and to a common permutation of rows, ``euclidean`` also to
    translation, and every metric with ``centre``. Cost O(n^2 (d1 + d2) + n k log k), memory O(b n + n k) for blocks of
    b rows.
    Source: Huh et al. (2024), arXiv 2405.07987; the bound: Gröger et al. (2026), arXiv 2602.14486.

    Raises:
        ValueError: x and y have different numbers of rows, k out of range, an unknown metric.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> x = np.eye(4)[[0, 0, 1, 1]] + 0.1 * np.eye(4)
        >>> float(cycle_knn(x, x, k=1))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    return jnp.where(finite, _cycles(stack(tables))[0, 1], jnp.nan)


@jax.jit
def _cycles(tables: Lookup, order: jax.Array | None = None) -> jax.Array:
    """[m, m] of tables [m, n, k], the rows of the second in another order."""
    dtype, (_, n, _) = tables.value.dtype, tables.indices.shape
    unknown = jnp.isnan(tables.value).any((1, 2))

    def returns(x: Lookup, y: Lookup) -> jax.Array:
        start = jnp.broadcast_to(jnp.arange(n, dtype=y.indices.dtype)[:, None], y.indices.shape)
        return share(x.find(y.indices, start)[0].any(1).sum(), n, dtype)

    others = tables
    if order is not None:
        columns = relabelled(order, tables.indices.swapaxes(1, 2), tables.value.swapaxes(1, 2), ascending=True)
        others = Lookup(*(part.swapaxes(1, 2) for part in columns))
    values = all_pairs(lambda a, b: (returns(a, b), returns(b, a)), tables, others)
    return jnp.where(unknown[:, None] | unknown, jnp.nan, values)


@jax.jit
def _null_cycles(tables: Lookup, orders: jax.Array) -> jax.Array:
    return jax.lax.map(lambda order: _cycles(tables, order), orders)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    return context.null_pairs(_null_cycles, stack(context.lookups(context.k, context.neighbour_metric)), permutations)


def cycle_chance(table: Lookup) -> float:
    """Mean over the permutations of y: k rows drawn from n - 1 hit one of those that have i among their neighbours."""
    n, k = table.indices.shape
    pointing = np.bincount(np.asarray(table.indices).ravel(), minlength=n)
    missed = np.prod([np.maximum(1 - pointing / (n - 1 - drawn), 0) for drawn in range(k)], 0)
    return float(1 - missed.mean())


def _evaluate(context: MetricContext) -> Result:
    tables = context.lookups(context.k, context.neighbour_metric)
    chance = np.array([cycle_chance(table) for table in tables])
    return Result(
        np.asarray(_cycles(stack(tables)), np.float64),
        np.repeat(chance[:, None], context.m, 1),
        {"estimator": "share of samples with a way back", **context.neighbour_attributes()},
        {"ties": tie_counts(context)},
    )


METRICS = (
    Metric(
        name="cycle_knn",
        long_name="cycle k-NN",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=("neighbours",),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="1 - C(n-1-d, k) / C(n-1, k), averaged over the in-degrees d in x; at most k^2 / (n - 1)",
        meaning="From how many samples does a step in one model and a step in the other lead back?",
        citation="Huh et al. 2024, arXiv:2405.07987",
    ),
)
