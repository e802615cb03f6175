"""Ties at the k-th neighbour: their number, and neighbour tables of permuted samples that break them anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..gram import prepare
from ..neighbours import NeighbourMetric, Neighbours, find_table
from ..permutation import Permutations
from .context import MetricContext

# A model whose tied rows are more than this share is searched anew for every permutation. Below it, ties are accidents
# of rounding: in float32 a few of thousands of rows.
TIED_SHARE = 0.005
# Largest number of neighbours that are kept to break ties anew: 1.5 GB of indices, values and ranks.
MAX_TIED_PAIRS = 2**26


def tie_counts(context: MetricContext) -> np.ndarray:
    """Count the rows of each model whose k-th and next neighbour are equally near; int [m]."""
    return np.array(
        [int(table.tied.sum()) for table in context.tables(context.config.k, context.config.neighbour_metric)]
    )


def tied_models(context: MetricContext, k: int, metric: NeighbourMetric, *, with_self: bool = False) -> list[int]:
    """Return the models in which more than `TIED_SHARE` of the rows have a tie at the k-th neighbour.

    Args:
        context: with the tables.
        k: number of neighbours.
        metric: neighbour metric.
        with_self: whether a row counts among its own neighbours, and so leaves room for k - 1 others.
    """

    def ties(table: Neighbours) -> int:
        tied = table.value[:, k - 2] == table.value[:, k - 1] if with_self else table.tied
        return int(tied.sum())

    tables = context.tables(k, metric)
    return [model for model, table in enumerate(tables) if ties(table) > TIED_SHARE * context.n]


def permuted_table(
    context: MetricContext, model: int, order: np.ndarray, k: int, metric: NeighbourMetric
) -> Neighbours:
    """Find the neighbours of the rows of a model in another order, int32 [n].

    The first call searches all neighbours that are as near as the k-th. Later ones only sort these by distance and new
    row number: O(n l log l) for at most l such neighbours. Where there are too many to keep, every call is a search.
    """
    key = ("wider table", model, k, metric, context.outside is None)
    wider = context.cached(key, lambda: _with_all_ties(context, model, k, metric))
    if wider is None:
        where = None if context.outside is None else context.outside[order]
        return find_table(prepare(context.arrays[model][order]), k, metric, where=where)
    indices, value, level = wider
    number = np.empty(context.n, np.int64)
    number[order] = np.arange(context.n)
    ranked = level[order] * context.n + number[indices[order]]
    if ranked.shape[1] > k:
        ranked = np.partition(ranked, k - 1, axis=1)[:, :k]
    value = value[order]
    tied = value[:, k - 1] == value[:, k] if value.shape[1] > k else np.zeros(context.n, bool)
    return Neighbours((np.sort(ranked, axis=1) % context.n).astype(np.int32), value[:, :k], tied)


def _with_all_ties(
    context: MetricContext, model: int, k: int, metric: NeighbourMetric
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Find the k nearest neighbours and all that are as near as the k-th.

    Returns:
        Indices, values and ranks of the distances, in which ties are equal, [n, l] each, l >= k; None if l n exceeds
        `MAX_TIED_PAIRS`, or if no row is nearer than another.
    """
    width, n = k, context.n
    while True:
        width = min(2 * width + 1, context.most_neighbours)
        if width * n > MAX_TIED_PAIRS:
            return None
        table = find_table(context.prepared()[model], width, metric, where=context.outside, measured=True)
        value = np.asarray(table.value)
        if not np.isfinite(value).all():
            return None
        if width == context.most_neighbours or (value[:, k - 1] != value[:, -1]).all():
            level = np.cumsum(np.diff(value, axis=1, prepend=value[:, :1]) != 0, axis=1)
            return np.asarray(table.indices), value, level


def search_tied_tables(
    context: MetricContext,
    permutations: Permutations,
    metric: NeighbourMetric,
    against: Callable[[Neighbours, int, np.ndarray], tuple[Any, Any]],
    values: np.ndarray,
    *,
    with_self: bool = False,
) -> None:
    """Replace the scores of permuted models with ties by those of tables that are searched anew.

    A score breaks ties by the lowest index, in all models alike, so that models with many ties look similar. The rows
    of a permuted model have other indices: a table whose rows are merely relabelled breaks ties by the old ones, which
    agree with those of no other model, and every score of two models with ties would seem to be above chance.

    Args:
        context: with the tables of k neighbours.
        permutations: K permutations.
        metric: neighbour metric.
        against: of the table of a permuted model, its index, and the order; returns the scores [m] of all models with
            it as y, and those with it as x.
        values: [K, m, m], the scores under permutations; overwritten in place.
        with_self: as in `tied_models`.

    Cost O(n^2 d + K n l log l) for each model with ties, in which rows have at most l neighbours as near as the k-th.
    """
    for model in tied_models(context, context.config.k, metric, with_self=with_self):
        others = context.in_order[:, model]  # in these pairs it is the model that is permuted
        for number, order in enumerate(permutations.orders):
            table = permuted_table(context, model, order, context.config.k, metric)
            forward, backward = against(table, model, order)
            values[number, model, others] = np.asarray(backward)[others]
            values[number, others, model] = np.asarray(forward)[others]
