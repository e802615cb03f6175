"""Constructor of the metrics that score pairs of k-nearest-neighbour tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..context import MetricContext, Progress, tie_counts
from ..neighbours import Lookup, all_pairs, relabelled, stack
from ..permutation import Permutations, Shared, shifted_tables
from ._metric import Metric, Result

# Scores [m, m] of m stacked tables [m, n, k], optionally with the rows of the second of each pair in another order.
PairScores = Callable[..., jax.Array]


def index_columns(tables: Lookup, order: jax.Array | None) -> jax.Array:
    """Return the neighbour indices int32 [m, k, n] of tables [m, n, k], with the rows in another order if one is given.

    The neighbours of a row are in ascending order only as far as `position` requires it.
    """
    columns = tables.indices.swapaxes(1, 2)
    return columns if order is None else relabelled(order, columns)[0]


def sorted_tables(tables: Lookup, order: jax.Array | None) -> Lookup:
    """Return tables [m, n, k] with the rows in another order if one is given, neighbours in ascending order."""
    if order is None:
        return tables
    columns = relabelled(order, tables.indices.swapaxes(1, 2), tables.value.swapaxes(1, 2), ascending=True)
    return Lookup(*(part.swapaxes(1, 2) for part in columns))


def pair_scores(
    score: Callable[[Any, Any, Any], jax.Array],
    *,
    symmetric: bool,
    arrange: Callable[[Lookup, jax.Array | None], Any] = index_columns,
) -> PairScores:
    """Compile the score of two neighbour tables into one call that scores all pairs of m stacked tables.

    Args:
        score: of the tables of x and y, as `arrange` returns them for one model, and the floating dtype of the result;
            returns a scalar.
        symmetric: whether swapping the two tables leaves the score unchanged, so that it is computed once per pair.
        arrange: layout of the tables that `score` takes, with the rows in another order.

    Returns:
        Function of tables [m, n, k] and an optional order int32 [n] of the rows of the second of each pair; returns
        [m, m], entry (a, b) with x = a and y = b, NaN for models whose rows are all equal.
    """

    @jax.jit
    def scores(tables: Lookup, order: jax.Array | None = None) -> jax.Array:
        dtype = tables.value.dtype
        undefined = jnp.isnan(tables.value).any((1, 2))

        def both_directions(a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
            value = score(a, b, dtype)
            return value, value if symmetric else score(b, a, dtype)

        values = all_pairs(both_directions, arrange(tables, None), None if order is None else arrange(tables, order))
        return jnp.where(undefined[:, None] | undefined, jnp.nan, values)

    return scores


def build_neighbour_metric(
    scores: PairScores,
    *,
    name: str,
    long_name: str,
    estimator: str,
    symmetric: bool,
    chance_level: Callable[[Lookup], float],
    chance: str,
    meaning: str,
    citation: str,
    shared_score: Callable[[Shared, int, int, int], np.ndarray] | None = None,
) -> Metric:
    """Build the `Metric` of a score in [0, 1] of two k-nearest-neighbour tables.

    Args:
        scores: from `pair_scores`.
        name: as in `Metric`.
        long_name: as in `Metric`.
        estimator: the attribute of that name.
        symmetric: as in `Metric`.
        chance_level: of the table [n, k] of x, the score expected for an unrelated y.
        chance: as in `Metric`.
        meaning: as in `Metric`.
        citation: as in `Metric`.
        shared_score: for a symmetric score, an equivalent that is cheaper under permutations along a cycle: of the
            edges shared by two models under all permutations, the number K of permutations, n and k; returns [K].
    """

    @jax.jit
    def null_scores(tables: Lookup, orders: jax.Array) -> jax.Array:
        return jax.lax.map(lambda order: scores(tables, order), orders)

    def null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
        def score_shared(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
            assert shared_score is not None
            value = shared_score(shared, len(permutations), context.n, context.config.k)
            return value, value

        def shifted(tables: Lookup, progress: Progress) -> np.ndarray:
            return shifted_tables(tables, permutations, score_shared, progress)

        tables = stack(context.lookups(context.config.k, context.config.neighbour_metric))
        return context.null_pairs(null_scores, tables, permutations, None if shared_score is None else shifted)

    def evaluate(context: MetricContext) -> Result:
        tables = context.lookups(context.config.k, context.config.neighbour_metric)
        levels = np.array([chance_level(table) for table in tables])
        return Result(
            np.asarray(scores(stack(tables)), np.float64),
            np.repeat(levels[:, None], context.m, 1),
            {"estimator": estimator, **context.neighbour_attributes()},
            {"ties": tie_counts(context)},
        )

    return Metric(
        name=name,
        long_name=long_name,
        kind="pair",
        evaluate=evaluate,
        null=null_distribution,
        needs=("neighbours",),
        symmetric=symmetric,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance=chance,
        meaning=meaning,
        citation=citation,
    )
