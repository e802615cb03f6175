"""Constructor of the metrics that score pairs of k-nearest-neighbour tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import namespace, scalar
from ..context import MetricContext, Progress, Queries, null_pairs, search_tied_tables, tie_counts
from ..neighbours import Lookup, Neighbours, all_pairs, lookup, relabelled
from ..permutation import MAX_ROWS, Permutations, Shared, shifted_overlaps, shifted_pairs
from ._metric import Metric, Result

# Counts of m stacked tables [m, n, k], optionally with the rows of the second of each pair in another order.
PairCounts = Callable[..., jax.Array]


def index_columns(tables: Lookup, order: jax.Array | None) -> jax.Array:
    """Return the neighbour indices int32 [m, k, n] of tables [m, n, k], with the rows in another order if one is given.

    The neighbours of a row are in ascending order only as far as `position` requires it.
    """
    columns = tables.indices.swapaxes(1, 2)
    if isinstance(columns, np.ndarray):
        columns = np.ascontiguousarray(columns)  # rows one after the other are compared at once
    return columns if order is None else relabelled(order, columns)[0]


def sorted_tables(tables: Lookup, order: jax.Array | None) -> Lookup:
    """Return tables [m, n, k] with the rows in another order if one is given, neighbours in ascending order."""
    if order is None:
        return tables
    columns = relabelled(order, tables.indices.swapaxes(1, 2), tables.value.swapaxes(1, 2), ascending=True)
    return Lookup(*(part.swapaxes(1, 2) for part in columns))


class NeighbourCount(NamedTuple):
    """The counts on which a score of neighbour tables depends, of all pairs and of all against one.

    Counts are integers, so that a score and its values under permutations are compared without rounding errors.

    Args:
        pairs: function of tables [m, n, k] and an optional order int32 [n] of the rows of the second of each pair;
            returns int32 [m, m, ...], entry (a, b) with x = a and y = b.
        against: function of tables [m, n, k] and of one table [n, k]; returns the counts int32 [m, ...] with that table
            as y, and those with it as x.
    """

    pairs: PairCounts
    against: Callable[[Lookup, Lookup], tuple[jax.Array, jax.Array]]


def neighbour_count(
    count: Callable[[Any, Any], jax.Array],
    *,
    symmetric: bool,
    arrange: Callable[[Lookup, jax.Array | None], Any] = index_columns,
) -> NeighbourCount:
    """Compile the counts of two neighbour tables into calls that treat many pairs.

    Args:
        count: of the tables of x and y, as `arrange` returns them for one model; returns int32 [...].
        symmetric: whether swapping the two tables leaves the counts unchanged, so that they are computed once per pair.
        arrange: layout of the tables that `count` takes, with the rows in another order.
    """

    def both_directions(a: Any, b: Any) -> tuple[jax.Array, jax.Array]:
        value = count(a, b)
        return value, value if symmetric else count(b, a)

    @jax.jit
    def compiled_pairs(tables: Lookup, order: jax.Array | None = None) -> jax.Array:
        return all_pairs(both_directions, arrange(tables, None), None if order is None else arrange(tables, order))

    def pairs(tables: Lookup, order: jax.Array | None = None) -> Any:
        if order is None and isinstance(tables.indices, np.ndarray):
            return all_pairs(both_directions, arrange(tables, None))
        return compiled_pairs(tables, order)

    @jax.jit
    def compiled_against(tables: Any, second: Any) -> tuple[jax.Array, jax.Array]:
        return jax.lax.map(lambda first: both_directions(first, second), tables)

    def against(tables: Lookup, other: Lookup) -> tuple[Any, Any]:
        second = jax.tree.map(lambda leaf: leaf[0], arrange(jax.tree.map(lambda leaf: leaf[None], other), None))
        first = arrange(tables, None)
        if not isinstance(tables.indices, np.ndarray):
            return compiled_against(first, second)
        models = [jax.tree.map(lambda leaf, at=at: leaf[at], first) for at in range(len(tables.indices))]
        forward, backward = zip(*(both_directions(model, second) for model in models), strict=True)
        return np.stack(forward), np.stack(backward)

    return NeighbourCount(pairs, against)


def all_equal(tables: Lookup) -> Any:
    """Return bool [...], whether all rows of the model of a table [..., n, k] are equal: no score is defined."""
    return namespace(tables.value).isnan(tables.value).any((-2, -1))


def nan_unless(defined: Any, value: Any) -> jax.Array:
    """Return a score as a JAX scalar, NaN where it is not defined; outside of `jax.jit` nothing is compiled."""
    if isinstance(defined, np.ndarray | np.generic):
        return value if defined else scalar(np.nan, value.dtype)
    return jnp.where(defined, value, jnp.nan)


def build_neighbour_metric(
    count: NeighbourCount,
    score: Callable[[np.ndarray, int, int], np.ndarray],
    *,
    name: str,
    long_name: str,
    estimator: str,
    symmetric: bool,
    chance_level: Callable[[Lookup, MetricContext], float],
    chance: str,
    meaning: str,
    citation: str,
    shared_counts: Callable[[Shared, int, int, int], np.ndarray] | None = None,
    overlaps: bool = False,
    by_row: bool = False,
) -> Metric:
    """Build the `Metric` of a score in [0, 1] of two k-nearest-neighbour tables.

    Args:
        count: from `neighbour_count`.
        score: of counts [..., *], n and k; returns the scores [...] in float64. It is used for the score and for its
            values under permutations alike.
        name: as in `Metric`.
        long_name: as in `Metric`.
        estimator: the attribute of that name.
        symmetric: as in `Metric`.
        chance_level: of the table of x and the context, whose ``candidates`` are the rows that can be neighbours; the
            score expected for an unrelated y.
        chance: as in `Metric`.
        meaning: as in `Metric`.
        citation: as in `Metric`.
        shared_counts: for symmetric counts, an equivalent that is cheaper under permutations along a cycle: of the
            edges shared by two models under all permutations, the number K of permutations, n and k; returns the counts
            [K, ...].
        overlaps: whether the count is the number of shared edges, which for few samples is cheaper still.
        by_row: whether the score is a mean over rows and the chance level needs no table, so that both are known from
            some of the rows.
    """

    @jax.jit
    def null_counts(tables: Lookup, orders: jax.Array) -> jax.Array:
        return jax.lax.map(lambda order: count.pairs(tables, order), orders)

    def null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
        n, k = context.n, context.config.k

        def scored(counts: Any) -> np.ndarray:
            return score(np.asarray(counts), n, k)

        def score_shared(_a: int, _b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
            assert shared_counts is not None
            value = scored(shared_counts(shared, len(permutations), n, k))
            return value, value

        def shifted(tables: Lookup, progress: Progress) -> np.ndarray:
            columns = np.asarray(tables.indices).swapaxes(1, 2)
            if overlaps and n <= MAX_ROWS:
                return scored(shifted_overlaps(columns, permutations, progress))
            return shifted_pairs(columns, permutations, score_shared, progress)

        def against(tables: Lookup, other: Neighbours, _model: int, _order: np.ndarray) -> tuple[Any, Any]:
            forward, backward = count.against(tables, lookup(other))
            return scored(forward), scored(backward)

        tables = context.stacked_lookups(k, context.config.neighbour_metric)
        values = null_pairs(
            context,
            lambda tables, orders: scored(null_counts(tables, orders)),
            tables,
            permutations,
            None if shared_counts is None else shifted,
        )
        search_tied_tables(context, permutations, context.config.neighbour_metric, partial(against, tables), values)
        undefined = np.asarray(all_equal(tables))
        return np.where(undefined[:, None] | undefined, np.nan, values)

    def evaluate(context: MetricContext) -> Result:
        tables = context.lookups(context.config.k, context.config.neighbour_metric)
        levels = np.array([chance_level(table, context) for table in tables])
        stacked = context.stacked_lookups(context.config.k, context.config.neighbour_metric)
        ties, without = tie_counts(context), None
        undefined = np.asarray(all_equal(stacked))
        undefined = undefined[:, None] | undefined
        if context.queries is None:
            values = score(np.asarray(count.pairs(stacked)), context.n, context.config.k)
        else:
            values, without = of_queries(stacked, context.queries)
            without = np.where(undefined, np.nan, without)
            ties = np.rint(ties * context.queries.single[0]).astype(int)
        return Result(
            np.where(undefined, np.nan, values),
            np.repeat(levels[:, None], context.m, 1),
            {"estimator": estimator, **context.neighbour_attributes()},
            {"ties": ties},
            without=without,
        )

    def of_queries(tables: Lookup, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
        """Score tables [m, q, k] of the queries, and those without each group."""
        k, groups = tables.indices.shape[-1], range(len(queries.sizes))
        parts = [Lookup(*(part[:, queries.group == group] for part in tables)) for group in groups]
        counts = np.stack([np.asarray(count.pairs(part)) for part in parts])
        total, left = counts.sum(0), len(queries.rows) - queries.sizes
        without = [score(total - part, size, k) for part, size in zip(counts, left, strict=True)]
        return score(total, len(queries.rows), k), np.stack(without)

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
        exact=True,
        queries="sampled" if by_row else "refused",
    )
