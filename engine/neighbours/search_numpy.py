"""NumPy versions of the candidate search for a CPU, where NumPy sorts short rows many times faster than XLA."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import pack_sort_keys, unpack_sort_keys
from ..gram import Norms
from .search import (
    EXTRA_CANDIDATES,
    Candidates,
    NeighbourMetric,
    Neighbours,
    build_table,
    certify_candidates,
    distance_lower_bound,
)

# Maximum number of adjacent entries of which the minimum is computed first: one cache line.
GROUP = 16
# Number of distances computed at once, so that they stay in the cache.
CHUNK = 2**20


def candidates_numpy(
    norms: Norms,
    gram: jax.Array,
    query: np.ndarray,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
    ordered: int = 0,
    beside: tuple[jax.Array, jax.Array] | None = None,
) -> Candidates:
    """Select candidate neighbours of each query row; NumPy version of `candidates`.

    Args:
        norms: of the representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        where: bool [n]; rows with False are excluded as neighbours.
        ordered: number of nearest neighbours whose order must be certain for ``order_uncertain`` to be False.
        beside: a factor and the Gram product [b, n] of another representation; the search then uses
            gram + factor * other, the Gram product of the two representations concatenated, of which ``norms`` are.

    Each row is divided into groups of adjacent entries. Only as many groups as there are candidates can contain them:
    those with the smallest minima. Cost O(b n), nearly all of it for computing the distances.
    """
    spare = min(gram.shape[1] - 1, k + EXTRA_CANDIDATES)
    group = 1 << min(GROUP, max(1, len(norms.squares) // (2 * spare))).bit_length() - 1
    products, (b, n) = np.asarray(gram), gram.shape
    factor, other = (None, None) if beside is None else (beside[0], np.asarray(beside[1]))
    size = min(b, max(GROUP, CHUNK // n // GROUP * GROUP))
    low, index = np.empty((b, spare), np.float32), np.empty((b, spare), np.int32)
    for start in range(0, b, size):
        chunk = slice(min(start, b - size), min(start, b - size) + size)  # all of the same size, to compile once
        more = None if other is None else (factor, other[chunk])
        values, minima = _group_minima(norms, products[chunk], query[chunk], metric, group, where, more)
        low[chunk], index[chunk] = smallest(values, minima, group, spare)
    return _certify(norms, query, low, index, k, metric, min(k, ordered))


def select_k_nearest_numpy(
    norms: Norms,
    query: np.ndarray,
    index: Any,
    exact: Any,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Select the k nearest candidates by their distances; NumPy version of `select_k_nearest`.

    Args:
        norms: of the representation.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        exact: float32 [b, c], their distances as in `Candidates`.
        k: 1 <= k <= c.
        metric: see `neighbours`.
        where: bool [n]; rows with False are excluded as neighbours.
    """
    index, exact = np.asarray(index), np.asarray(exact)
    excluded = index == query[:, None]
    if where is not None:
        excluded |= ~np.asarray(where)[index]
    sort_keys = np.sort(pack_sort_keys(np.where(excluded, np.float32(np.inf), exact), index), axis=1)
    return _build_table(norms, *unpack_sort_keys(sort_keys), k, metric)


def smallest(values: Any, minima: Any, group: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest values of every row.

    Args:
        values: float32 [b, n].
        minima: float32 [b, ceil(n / group)], the minimum of each group of adjacent columns.
        group: number of columns of each group but the last, 1 <= group <= n.
        count: number of values to find in each row, 1 <= count <= n.

    Returns:
        The values [b, count], ascending, ties broken by the lowest index, and their int32 indices [b, count]. Rows
        that contain NaN are padded with infinity and index 0.
    """
    values, minima = np.asarray(values), np.asarray(minima)
    (b, n), groups = values.shape, minima.shape[1]
    limit = np.sort(minima, axis=1)[:, count - 1] if groups > count else np.full(b, np.inf, np.float32)
    row, first = np.divmod(np.flatnonzero(minima <= limit[:, None]), groups)
    first = np.minimum(first * group, n - group)
    lines = np.lib.stride_tricks.sliding_window_view(values.ravel(), group)[row * n + first]
    if n % group:  # the last group overlaps the one before, whose columns must not be counted twice
        lines[first == n - group, : -n % group] = np.inf
    line, offset = np.divmod(np.flatnonzero(lines <= limit[row, None]), group)
    row, column = row[line], first[line] + offset
    counts = np.bincount(row, minlength=b)
    table = np.full((b, max(count, counts.max())), pack_sort_keys(np.float32(np.inf), 0))
    table[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = pack_sort_keys(
        lines[line, offset], column
    )
    return unpack_sort_keys(np.sort(table, axis=1)[:, :count])


@partial(jax.jit, static_argnames=("metric", "group"))
def _group_minima(
    norms: Norms,
    gram: jax.Array,
    query: jax.Array,
    metric: NeighbourMetric,
    group: int,
    where: jax.Array | None,
    beside: tuple[jax.Array, jax.Array] | None,
) -> tuple[jax.Array, jax.Array]:
    low = distance_lower_bound(norms, gram if beside is None else gram + beside[0] * beside[1], query, metric, where)
    b, n = low.shape
    whole = n // group * group
    minima = low[:, :whole].reshape(b, -1, group).min(2)
    return low, minima if n == whole else jnp.concatenate([minima, low[:, whole:].min(1, keepdims=True)], 1)


@partial(jax.jit, static_argnames=("k", "metric", "ordered"))
def _certify(
    norms: Norms, query: jax.Array, low: jax.Array, index: jax.Array, k: int, metric: NeighbourMetric, ordered: int
) -> Candidates:
    found = certify_candidates(norms, query, low, index, k, metric)
    high = 2 * found.approx_distance - low
    return found._replace(order_uncertain=(high[:, :-1] >= low[:, 1:])[:, :ordered].any(1))


_build_table = jax.jit(build_table, static_argnames=("k", "metric"))
