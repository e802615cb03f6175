"""Exact search for the k nearest neighbours of every row, in blocks of rows."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp

from ..base import InputError, block_size, blocks, each_row, namespace, root
from ..gram import Norms, Prepared, prepare
from .bounds import Candidates, NeighbourMetric, certify_candidates, distance_lower_bound, is_excluded
from .top_k import in_groups, smallest_in_groups

# Number of candidates beyond k whose distances are recomputed, since the Gram product misorders near ties.
EXTRA_CANDIDATES = 6


class Neighbours(NamedTuple):
    """The neighbour table of one representation.

    Args:
        indices: int32 [n, k], nearest first, the row itself excluded, ties broken by the lowest index.
        value: [n, k], Euclidean distance, cosine similarity or inner product, according to the metric; NaN if all rows
            are equal (for cosine: parallel), so that no row is nearer than another.
        tied: bool [n], whether the k-th and the next neighbour are equally near.
    """

    indices: Any
    value: Any
    tied: Any


def check_metric(metric: str) -> None:
    """Raise ValueError unless this is a neighbour metric."""
    if metric not in get_args(NeighbourMetric):
        raise InputError(f"unknown neighbour metric {metric!r}: use {', '.join(get_args(NeighbourMetric))}")


@partial(jax.jit, static_argnames=("k", "metric"))
def neighbours(
    x: jax.Array, k: int, metric: NeighbourMetric = "euclidean", where: jax.Array | None = None
) -> Neighbours:
    """Find the k nearest neighbours of every row.

    Args:
        x: floating [n, d].
        k: 1 <= k <= n - 1.
        metric: ``euclidean`` (nearest first), ``cosine`` or ``inner_product`` (most similar first). Cosine ranks unit
            rows by their distance, which keeps its precision where all similarities are near 1.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.

    Candidates are selected from the Gram product, whose squared distances have an error of a few eps (|a|^2 + |b|^2),
    and their distances are recomputed by subtraction. If the k-th neighbour of a row is not nearer, beyond that error,
    than all rows that are no candidates (many ties, or tight clusters far apart), the distances of this row to all
    others are recomputed. The order is therefore always exact, whatever the size of the blocks.

    Cost: one product n x n x d, and n k d for the recomputed distances; memory O(b n + n k) for blocks of b rows.
    """
    n = len(x)
    prepared = prepare(x)

    def block(rows: jax.Array) -> Neighbours:
        query = jnp.minimum(rows, n - 1)
        return search(prepared, prepared.gram(query), query, k, metric, where)

    tables = jax.lax.map(block, blocks(n, block_size(n, n)))
    return Neighbours(*(column.reshape(-1, *column.shape[2:])[:n] for column in tables))


def search(
    prepared: Prepared,
    gram: jax.Array,
    query: jax.Array,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Find the k nearest neighbours of the query rows from their Gram product.

    Args:
        prepared: of n rows.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.

    Returns:
        The table of the b query rows.
    """
    found = candidates(prepared.norms, gram, query, k, metric, where)
    index = recompute_exact(prepared, query, found.indices, found.incomplete, metric, where)
    return select_k_nearest(
        prepared.norms, query, index, exact_distances(prepared, query, index, metric), k, metric, where
    )


def candidates(
    norms: Norms,
    gram: Any,
    query: Any,
    k: int,
    metric: NeighbourMetric,
    where: Any = None,
) -> Candidates:
    """Select k + `EXTRA_CANDIDATES` candidate neighbours of each query row from the Gram product.

    Args:
        norms: of the representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
    """
    n = gram.shape[1]
    below, spare = distance_lower_bound(norms, gram, query, metric, where), min(n - 1, k + EXTRA_CANDIDATES)
    if in_groups(n, spare):
        low, index, left = smallest_in_groups(below, spare)
        return certify_candidates(norms, query, low, index, k, metric, left)
    negative, index = jax.lax.top_k(-below, spare)
    return certify_candidates(norms, query, -negative, index, k, metric)


def recompute_exact(
    prepared: Prepared,
    query: jax.Array,
    index: jax.Array,
    incomplete: jax.Array,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> jax.Array:
    """Replace the candidates of incomplete rows by the nearest rows according to exact distances to all rows.

    Args:
        prepared: of n rows.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        incomplete: bool [b], rows to replace.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.

    Returns:
        int32 [b, c].
    """
    # A while loop has no reverse-mode derivative, and needs none here: it returns row indices.
    prepared = jax.lax.stop_gradient(prepared)
    rows = jnp.arange(len(prepared.rows), dtype=jnp.int32)

    def replace(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        incomplete, index = state
        which = incomplete.argmax()
        exact = _exact_distances(prepared, query[which], slice(None), metric)
        excluded = rows == query[which]
        if where is not None:
            excluded |= is_excluded(where, query[which], slice(None))
        _, nearest = jax.lax.top_k(-jnp.where(excluded, jnp.inf, exact), index.shape[1])
        return incomplete.at[which].set(False), index.at[which].set(nearest)

    return jax.lax.while_loop(lambda state: state[0].any(), replace, (incomplete, index))[1]


def exact_distances(prepared: Prepared, query: jax.Array, index: jax.Array, metric: NeighbourMetric) -> jax.Array:
    """Compute the distances of the query rows to their candidates by subtraction; smaller is nearer.

    Args:
        prepared: of n rows.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        metric: see `neighbours`.

    Returns:
        [b, c], distances as in `Candidates`.
    """
    return each_row(lambda row, others: _exact_distances(prepared, row, others, metric), query, index)


def exact_distances_where(
    prepared: Prepared,
    query: jax.Array,
    index: jax.Array,
    approx_distance: jax.Array,
    some: jax.Array,
    metric: NeighbourMetric,
) -> jax.Array:
    """Compute exact distances of some of the query rows, and keep the approximate ones of the others.

    Args:
        prepared: of n rows.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        approx_distance: [b, c], see `Candidates`.
        some: bool [b], the query rows to recompute.
        metric: see `neighbours`.

    Returns:
        [b, c].
    """

    def replace(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        some, approx_distance = state
        which = some.argmax()
        exact = _exact_distances(prepared, query[which], index[which], metric)
        return some.at[which].set(False), approx_distance.at[which].set(exact)

    return jax.lax.while_loop(lambda state: state[0].any(), replace, (some, approx_distance))[1]


def _exact_distances(
    prepared: Prepared, row: jax.Array, index: jax.Array | slice, metric: NeighbourMetric
) -> jax.Array:
    # From the input rows, not the centred ones: ties between rows of integers stay exact.
    factor, inverse = 1 / prepared.norms.scale, prepared.norms.inverse
    others, vector = prepared.rows[index], prepared.rows[row]
    if metric == "inner_product":
        others = jax.lax.optimization_barrier(others)  # else XLA gathers entry by entry
        return -((others * factor) * (vector * factor)).sum(1)
    if metric == "cosine":
        others, vector = others * (factor * inverse[index])[:, None], vector * (factor * inverse[row])
    else:
        others, vector = others * factor, vector * factor
    difference = jax.lax.optimization_barrier(others - vector)  # as above
    exact = (difference * difference).sum(1)  # matmul rounds its last rows differently: equal rows would not tie
    return jnp.where((inverse[row] == 0) | (inverse[index] == 0), 2, exact) if metric == "cosine" else exact


def select_k_nearest(
    norms: Norms,
    query: jax.Array,
    index: jax.Array,
    exact: jax.Array,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Select the k nearest candidates by their distances, ties broken by the lowest index.

    Args:
        norms: of the representation.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        exact: [b, c], their distances as in `Candidates`.
        k: 1 <= k <= c.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
    """
    excluded = index == query[:, None]
    if where is not None:
        excluded |= is_excluded(where, query[:, None], index)
    exact = jnp.where(excluded, jnp.inf, exact)
    exact, index = each_row(lambda *row: jax.lax.sort(row, num_keys=2), exact, index)
    return build_table(norms, exact, index, k, metric)


def build_table(norms: Norms, exact: Any, index: Any, k: int, metric: NeighbourMetric) -> Neighbours:
    """Build the table of the k nearest from sorted candidates.

    Args:
        norms: of the representation.
        exact: [b, c], distances as in `Candidates`, ascending.
        index: int32 [b, c].
        k: 1 <= k <= c.
        metric: see `neighbours`.
    """
    xp = namespace(norms.squares, exact)
    tied = exact[:, k - 1] == exact[:, k] if exact.shape[1] > k else xp.zeros(len(exact), bool)
    exact, index = exact[:, :k], index[:, :k]
    if metric == "cosine":
        return Neighbours(index, xp.where(norms.all_parallel, xp.nan, 1 - exact / 2), tied)
    value = root(exact) * norms.scale if metric == "euclidean" else -exact * norms.scale * norms.scale
    return Neighbours(index, xp.where(norms.all_equal, xp.nan, value), tied)
