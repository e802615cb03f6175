"""The nearest candidates of every row on a CPU, where NumPy sorts short rows many times faster than XLA does."""

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

# Numbers, at most, that lie side by side and of which the smallest is sought first: a line of the cache.
GROUP = 16
# Distances that are formed at once, so that they stay in the cache.
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
    """Do what `hyle.engine._neighbours.candidates` does, and tell whether the order of some nearest is certain.

    With ``beside``, a factor and the Gram product of another representation, gram + factor * other is searched: that of
    the two side by side.

    Of the groups that a row is parted into, only as many as there are candidates can hold them: those whose smallest
    numbers are the smallest. Cost O(b n), of which all but a few per cent is the forming of distances.
    """
    spare = min(gram.shape[1] - 1, k + EXTRA_CANDIDATES)
    group = 1 << min(GROUP, max(1, len(norms.squares) // (2 * spare))).bit_length() - 1
    products, (b, n) = np.asarray(gram), gram.shape
    factor, other = (None, None) if beside is None else (beside[0], np.asarray(beside[1]))
    size = min(b, max(GROUP, CHUNK // n // GROUP * GROUP))
    low, index = np.empty((b, spare), np.float32), np.empty((b, spare), np.int32)
    for start in range(0, b, size):
        some = slice(min(start, b - size), min(start, b - size) + size)  # all of one size, for which to compile once
        more = None if other is None else (factor, other[some])
        values, minima = _grouped(norms, products[some], query[some], metric, group, where, more)
        low[some], index[some] = smallest(values, minima, group, spare)
    return _judged(norms, query, low, index, k, metric, min(k, ordered))


def select_k_nearest_numpy(
    norms: Norms,
    query: np.ndarray,
    index: Any,
    exact: Any,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Do what `hyle.engine._neighbours.select_k_nearest` does."""
    index, exact = np.asarray(index), np.asarray(exact)
    lost = index == query[:, None]
    if where is not None:
        lost |= ~np.asarray(where)[index]
    return _finish(
        norms,
        *unpack_sort_keys(np.sort(pack_sort_keys(np.where(lost, np.float32(np.inf), exact), index), axis=1)),
        k,
        metric,
    )


def smallest(values: Any, minima: Any, group: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest numbers of every row.

    Args:
        values: float32 [b, n].
        minima: float32 [b, ceil(n / group)], the smallest of each group of neighbouring columns.
        group: numbers in each group but the last, 1 <= group <= n.
        count: of numbers wanted, 1 <= count <= n.

    Returns:
        the numbers [b, count], ascending, ties to the lowest index, and their int32 indices. Rows that hold NaN are
        filled up with infinity and index 0.
    """
    values, minima = np.asarray(values), np.asarray(minima)
    (b, n), groups = values.shape, minima.shape[1]
    limit = np.sort(minima, axis=1)[:, count - 1] if groups > count else np.full(b, np.inf, np.float32)
    row, first = np.divmod(np.flatnonzero(minima <= limit[:, None]), groups)
    first = np.minimum(first * group, n - group)
    lines = np.lib.stride_tricks.sliding_window_view(values.ravel(), group)[row * n + first]
    if n % group:  # the last group has some columns of the one before, which must not come twice
        lines[first == n - group, : -n % group] = np.inf
    at, within = np.divmod(np.flatnonzero(lines <= limit[row, None]), group)
    row, column = row[at], first[at] + within
    counts = np.bincount(row, minlength=b)
    table = np.full((b, max(count, counts.max())), pack_sort_keys(np.float32(np.inf), 0))
    table[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = pack_sort_keys(
        lines[at, within], column
    )
    return unpack_sort_keys(np.sort(table, axis=1)[:, :count])


@partial(jax.jit, static_argnames=("metric", "group"))
def _grouped(
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
def _judged(
    norms: Norms, query: jax.Array, low: jax.Array, index: jax.Array, k: int, metric: NeighbourMetric, ordered: int
) -> Candidates:
    found = certify_candidates(norms, query, low, index, k, metric)
    high = 2 * found.approx_distance - low
    return found._replace(order_uncertain=(high[:, :-1] >= low[:, 1:])[:, :ordered].any(1))


_finish = jax.jit(build_table, static_argnames=("k", "metric"))
