"""Sums over the edges that two masked kernels share, estimated from the edges of some rows, the queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ...context import Queries
from ...neighbours import Neighbours, lookup, position
from .edge_pairs import pair_types
from .masked_kernels import _SWAPPED, Edges, Term


class QueryEdges(NamedTuple):
    """The edges from q queries to their neighbours among all n rows.

    Args:
        edges: [k, q]; ``mutual`` is known only for neighbours that are queries, and False for the others.
        at: int32 [k, q], the position of each neighbour among the queries; -1 for one that is none.
        mutual_share: [1 + g], the share of edges that are mutual, weighted by the squares of their weights: of all
            queries, and without each group.
    """

    edges: Edges
    at: np.ndarray
    mutual_share: np.ndarray


def query_edges(table: Neighbours, queries: Queries) -> Edges:
    """Return the kernel at the neighbours [q, k] of the queries, in float64; NaN if all rows are equal."""
    ordered = lookup(table)
    index, value = np.asarray(ordered.indices), np.asarray(ordered.value, np.float64)
    at = queries.place[index]
    found, _ = ordered.find(np.maximum(at, 0), np.broadcast_to(queries.rows[:, None], at.shape))
    largest = np.abs(value).max()
    return Edges(index.T, value.T / (largest if largest > 0 else 1), (found & (at >= 0)).T)


def placed(edges: Edges, queries: Queries) -> QueryEdges:
    """Find which neighbours are queries, and the share of edges that are mutual."""
    at = queries.place[edges.indices]
    edges = edges._replace(weight=np.asarray(edges.weight, np.float64))
    column, inner = _inner(at)
    squares = np.square(edges.weight[inner])
    both = queries.pair_sums(column, at[inner], squares)
    mutual = queries.pair_sums(column, at[inner], squares * edges.mutual[inner])
    # NaN where no query is a neighbour of another: nothing is known of mutual edges.
    return QueryEdges(edges, at, np.divide(mutual, both, out=np.full_like(both, np.nan), where=both > 0))


def _inner(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the source of each edge that ends in another query, and bool [k, q], which edges these are."""
    inner = (at >= 0) & (at != np.arange(at.shape[1]))
    return np.nonzero(inner)[1], inner


class QuerySums(NamedTuple):
    """Sums over the edges that two models share, estimated from queries.

    Args:
        forward: [1 + g], of the first and the second model: from all queries, and without each group.
        backward: [1 + g], of the second and the first.
        pair: int64 [s], a number of the two queries that each edge between queries connects, the same in both
            directions.
        residual: [s], what the edge adds to the sums because it is known whether it is mutual; all 0 if the terms do
            not depend on that.
    """

    forward: np.ndarray
    backward: np.ndarray
    pair: np.ndarray
    residual: np.ndarray


def query_sums(a: QueryEdges, b: QueryEdges, terms: Mapping[Term, float], queries: Queries) -> QuerySums:
    """Estimate the sums of `shared_sum` over all rows, for (a, b) and (b, a).

    Sums over edges and over rows with their own edges are scaled by n / q. Those over pairs of edges that meet in a row
    are over pairs of queries, scaled by n (n - 1) / (q (q - 1)). Whether an edge is mutual is known only if it
    ends in a query: the share of mutual edges of both models is applied to all shared edges, and the difference from it
    is estimated from those between queries. For q = n all of these are exact.
    """
    find = position(a.edges.indices, b.edges.indices)
    place, source = np.nonzero(find >= 0)
    other = find[place, source], source
    at, target = a.at[place, source], a.edges.indices[place, source]
    p, q = a.edges.weight[place, source], b.edges.weight[other]
    loop, product = at == source, p * q
    inner, edge = (at >= 0) & ~loop, ~loop
    size, every = a.at.shape[1], np.arange(a.at.shape[1])
    rows_p, rows_q = (np.bincount(source, values, size) for values in (p, q))
    share = np.sqrt(a.mutual_share * b.mutual_share)
    mutual = product * (a.edges.mutual[place, source] & b.edges.mutual[other])

    def single(some: np.ndarray, values: np.ndarray) -> np.ndarray:
        return queries.single * queries.sums(source[some], values[some])

    def double(values: np.ndarray) -> np.ndarray:
        return queries.double * queries.pair_sums(source[inner], at[inner], values[inner])

    def meeting(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Sum edges times the row that they end in."""
        ends = weights * rows[np.maximum(at, 0)]
        return single(loop, ends) + double(ends)

    def trace() -> np.ndarray:
        return single(loop, product) + share * (single(edge, product) - double(product)) + double(mutual)

    def columns() -> np.ndarray:
        return queries.single * queries.sums(source, product) + queries.double * _common_targets(
            source, target, p, q, queries
        )

    compute: Mapping[Term, Callable[[], np.ndarray]] = {
        "product": lambda: queries.single * queries.sums(source, product),
        "trace": trace,
        "rows": lambda: queries.single * queries.sums(every, rows_p * rows_q),
        "columns": columns,
        "through": lambda: meeting(p, rows_q),
        "back": lambda: meeting(q, rows_p),
        "sums": lambda: queries.single**2 * queries.sums(source, p) * queries.sums(source, q),
    }
    swapped: list[Term] = [_SWAPPED.get(term, term) for term in terms]
    sums = {term: compute[term]() for term in {*terms, *swapped}}
    factors = list(terms.values())
    forward, backward = (
        np.sum([factor * sums[term] for term, factor in zip(names, factors, strict=True)], 0)
        for names in (list(terms), swapped)
    )
    ends = np.sort([source[inner], at[inner]], axis=0)
    residual = terms.get("trace", 0) * queries.double[0] * (mutual - share[0] * product)[inner]
    return QuerySums(forward, backward, ends[0] * np.int64(size) + ends[1], residual)


def pair_variance(sums: QuerySums, first: QuerySums, second: QuerySums) -> float:
    """Estimate how much of the variance of A(K, L) / sqrt(A(K, K) A(L, L)) is of single pairs of queries.

    Args:
        sums: of the two models.
        first: of the first model with itself.
        second: of the second model with itself.

    Whether an edge is mutual is known for the few between queries, each of which adds to the three sums. The part of
    the variance that does not come from differences between single queries is the sum of the squares of what each pair
    adds, for q much smaller than n; for any q, it is that times (1 - q / n)^2.
    """
    own = [float(each.forward[0]) for each in (first, second)]
    if not min(own) > 0:
        return float("nan")
    root = (own[0] * own[1]) ** 0.5
    value = float(sums.forward[0]) / root
    halves = [-value / 2 * each.residual / a for each, a in zip((first, second), own, strict=True)]
    _, pair = np.unique(np.concatenate([each.pair for each in (sums, first, second)]), return_inverse=True)
    return float(np.square(np.bincount(pair, np.concatenate([sums.residual / root, *halves]))).sum())


def _common_targets(
    source: np.ndarray, target: np.ndarray, p: np.ndarray, q: np.ndarray, queries: Queries
) -> np.ndarray:
    """Sum p of one edge times q of another over pairs of edges that end in the same row, from different queries."""
    group = queries.group[source]
    into = [np.bincount(target, values, queries.n)[target] for values in (p, q)]
    _, key = np.unique(group * np.int64(queries.n) + target, return_inverse=True)
    of_group = np.bincount(key, q)[key]
    removed = np.bincount(group, p * into[1] + q * into[0] - p * of_group - p * q, len(queries.sizes))
    return (p * into[1]).sum() - (p * q).sum() - np.array([0.0, *removed])


def query_incidences(model: QueryEdges, queries: Queries) -> np.ndarray:
    """Estimate the `incidences` of the edges of all rows, float64 [2, types]."""
    index, weight = model.edges.indices, model.edges.weight
    loop = model.at == np.arange(model.at.shape[1])
    _, inner = _inner(model.at)
    ends = model.at[inner]
    single, double = float(queries.single[0]), float(queries.double[0])
    same = single * float(weight[~loop].sum())
    both = double * float(weight[inner].sum())
    mutual = double * float((weight * model.edges.mutual)[inner].sum())

    def columns(values: np.ndarray) -> np.ndarray:
        return np.bincount(index.ravel(), values.ravel(), queries.n)

    return pair_types(
        weight,
        loop,
        same=same,
        reverse=float(model.mutual_share[0]) * (same - both) + mutual,
        rows=lambda u, v: single * float(u @ v),
        into=lambda p, v: double * float(p[inner] @ v[ends]),
        one_target=lambda p, q: double * float(columns(p) @ columns(q) - (p * q).sum()),
    )
