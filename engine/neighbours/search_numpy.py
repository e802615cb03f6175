"""NumPy versions of the candidate search for a CPU, where NumPy sorts short rows many times faster than XLA."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import pack_sort_keys, unpack_sort_keys
from ..gram import Norms, Prepared
from .bounds import Candidates, NeighbourMetric, certify_candidates, distance_lower_bound, is_excluded
from .search import EXTRA_CANDIDATES, Neighbours, build_table

# Maximum number of adjacent entries of which the minimum is computed first: one cache line.
GROUP = 16
# Number of distances computed at once, so that they stay in the cache.
CHUNK = 2**21
# The same where NumPy computes them.
CHUNK_NUMPY = 2**18
# With at most this many rows, NumPy computes the distances, for which no program is compiled.
MAX_ROWS_NUMPY = 2048


def candidates_numpy(
    norms: Norms,
    gram: Any,
    query: np.ndarray,
    k: int,
    metric: NeighbourMetric,
    where: Any = None,
    ordered: int = 0,
    beside: tuple[Any, Any] | None = None,
) -> Candidates:
    """Select candidate neighbours of each query row; NumPy version of `candidates`.

    Args:
        norms: of the representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        ordered: number of nearest neighbours whose order must be certain for ``order_uncertain`` to be False.
        beside: a factor and the Gram product [b, n] of another representation; the search then uses
            gram + factor * other, the Gram product of the two representations concatenated, of which ``norms`` are.

    Cost O(b n), nearly all of it for computing the distances.
    """
    norms = jax.tree.map(np.asarray, norms)
    spare = min(gram.shape[1] - 1, k + EXTRA_CANDIDATES)
    low, index = lowest_bounds(norms, gram, query, spare, metric, where, beside)
    return certify_numpy(norms, query, low, index, k, metric, min(k, ordered))


def lowest_bounds(
    norms: Norms,
    gram: Any,
    query: np.ndarray,
    count: int,
    metric: NeighbourMetric,
    where: Any = None,
    beside: tuple[Any, Any] | None = None,
    columns: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the columns with the lowest bounds of their distances to each query row.

    Args:
        norms: of the representation, NumPy arrays.
        gram: [b, c], inner products of the query points with those of the columns.
        query: int32 [b].
        count: number of columns to find, at most c.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        beside: see `candidates_numpy`.
        columns: int32 [c], the rows of the columns; default all n.

    Returns:
        The bounds [b, count], ascending, see `distance_lower_bound`, and the int32 [b, count] positions of the columns.

    Each row is divided into groups of adjacent entries. Only as many groups as there are candidates can contain them:
    those with the smallest minima.
    """
    products, (b, c) = np.asarray(gram), gram.shape
    group = 1 << min(GROUP, max(1, c // (2 * count))).bit_length() - 1
    few = len(norms.squares) <= MAX_ROWS_NUMPY
    factor, other = (None, None) if beside is None else map(np.asarray, beside)
    where = None if where is None else np.asarray(where)
    size = min(b, max(GROUP, (CHUNK_NUMPY if few else CHUNK) // c // GROUP * GROUP))
    low, index = np.empty((b, count), np.float32), np.empty((b, count), np.int32)
    for start in range(0, b, size):
        chunk = slice(min(start, b - size), min(start, b - size) + size)  # all of the same size, to compile once
        both = None if other is None else (factor, other[chunk])
        if few:
            values = _lower_bounds(norms, products[chunk], query[chunk], metric, where, both, columns)
            low[chunk], index[chunk] = smallest_of_columns(values, group, count)
        else:
            values, minima = _group_minima(norms, products[chunk], query[chunk], metric, group, where, both, columns)
            low[chunk], index[chunk] = smallest(values, minima, group, count)
    return low, index


def select_k_nearest_numpy(
    norms: Norms,
    query: np.ndarray,
    index: Any,
    exact: Any,
    k: int,
    metric: NeighbourMetric,
    where: Any = None,
) -> Neighbours:
    """Select the k nearest candidates by their distances; NumPy version of `select_k_nearest`.

    Args:
        norms: of the representation.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        exact: float32 [b, c], their distances as in `Candidates`.
        k: 1 <= k <= c.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
    """
    norms = jax.tree.map(np.asarray, norms)
    index, exact = np.asarray(index), np.asarray(exact)
    excluded = index == query[:, None]
    if where is not None:
        excluded |= is_excluded(np.asarray(where), query[:, None], index)
    sort_keys = np.sort(pack_sort_keys(np.where(excluded, np.float32(np.inf), exact), index), axis=1)
    return build_table(norms, *unpack_sort_keys(sort_keys), k, metric)


def smallest(values: Any, minima: Any, group: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest values of every row.

    Args:
        values: float32 [b, g * group]; what is added to the last group is NaN.
        minima: float32 [b, g], the minimum of each group of adjacent columns.
        group: number of columns of each group.
        count: number of values to find in each row, from 1 to the number of columns.

    Returns:
        The values [b, count], ascending, ties broken by the lowest index, and their int32 indices [b, count]. Rows
        that contain NaN are padded with infinity and index 0.
    """
    values, minima = np.asarray(values), np.asarray(minima)
    b, groups = minima.shape
    limit = _limit(minima, count) if groups > count else np.full(b, np.inf, np.float32)
    # Indices of lines and entries, which `numpy.take` reads without Python's lock.
    near = np.flatnonzero(minima <= limit[:, None])
    lines, row = values.reshape(-1, group).take(near, 0), near // groups
    inside = np.flatnonzero(lines <= limit.take(row)[:, None])
    line, offset = np.divmod(inside, group)
    column = (near - row * groups) * group
    return _in_order(row.take(line), column.take(line) + offset, lines.ravel().take(inside), b, count)


def smallest_of_columns(values: np.ndarray, group: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest values of every row, as `smallest` does, for so few columns that a row is in the cache.

    Args:
        values: float32 [b, n].
        group: a power of two, number of columns of each group, which are far apart: their minima are those of long
            slices, which NumPy computes fast.
        count: number of values to find in each row, 1 <= count <= n.
    """
    b, n = values.shape
    groups = n // group
    minima = values[:, : groups * group]
    while minima.shape[1] > groups:
        half = minima.shape[1] // 2
        minima = np.minimum(minima[:, :half], minima[:, half:])
    limit = _limit(minima, count) if groups > count else np.full(b, np.inf, np.float32)
    row, first = np.divmod(np.flatnonzero(minima <= limit[:, None]), groups)
    entries = (row * n + first)[:, None] + groups * np.arange(group)
    lines = values.ravel().take(entries)
    inside = np.flatnonzero(lines <= limit.take(row)[:, None])
    rows, found = row.take(inside // group), lines.ravel().take(inside)
    columns = entries.ravel().take(inside) - rows * n
    left, beyond = np.nonzero(values[:, groups * group :] <= limit[:, None])
    if not len(left):
        return _in_order(rows, columns, found, b, count)
    rows, columns = np.concatenate([rows, left]), np.concatenate([columns, groups * group + beyond])
    found = np.concatenate([found, values[left, groups * group + beyond]])
    order = np.argsort(rows, kind="stable")
    return _in_order(rows[order], columns[order], found[order], b, count)


def _in_order(
    row: np.ndarray, column: np.ndarray, values: np.ndarray, b: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest values [b, count] of each row and their columns, from values in the order of their rows."""
    counts = np.bincount(row, minlength=b)
    table = np.full((b, max(count, counts.max())), pack_sort_keys(np.float32(np.inf), 0))
    # Row r begins at r times the width of the table, and its values at the sum of the counts before it.
    begin = np.arange(b) * table.shape[1] - (np.cumsum(counts) - counts)
    table.reshape(-1)[np.arange(len(row)) + np.repeat(begin, counts)] = pack_sort_keys(values, column)
    return unpack_sort_keys(np.sort(table, axis=1)[:, :count])


def _limit(minima: np.ndarray, count: int) -> np.ndarray:
    """Return a number [b] that at least ``count`` of the minima of each row do not exceed, and hardly more of them.

    Columns far apart are merged, until few are left to be sorted: of the smallest minima, few meet each other.
    """
    while minima.shape[1] > 8 * count:
        half, odd = divmod(minima.shape[1], 2)
        merged = np.minimum(minima[:, :half], minima[:, half : 2 * half])
        if odd:
            np.minimum(merged[:, 0], minima[:, -1], out=merged[:, 0])
        minima = merged
    return np.partition(minima, count - 1, axis=1)[:, count - 1]


def exact_distances_numpy(
    prepared: Prepared, query: np.ndarray, index: np.ndarray, metric: NeighbourMetric
) -> np.ndarray:
    """Compute the distances of query rows to candidates by subtraction; NumPy version of `exact_distances`.

    Args:
        prepared: of n rows.
        query: int32 [b].
        index: int32 [b, c], the candidates.
        metric: see `neighbours`.

    Returns:
        float32 [b, c].
    """
    far = np.empty(index.shape, np.float32)
    size = max(1, CHUNK // (index.shape[1] * prepared.rows.shape[1]))
    for start in range(0, len(query), size):
        chunk = slice(start, start + size)
        others, rows = _scaled(prepared, index[chunk], metric), _scaled(prepared, query[chunk], metric)
        if metric == "inner_product":
            far[chunk] = -(others * rows[:, None]).sum(2)
            continue
        others -= rows[:, None]
        far[chunk] = np.square(others, out=others).sum(2)
        if metric == "cosine":
            empty = prepared.norms.inverse == 0
            far[chunk][empty[query[chunk]][:, None] | empty[index[chunk]]] = 2
    return far


def nearest_of_all(
    prepared: Prepared, row: int, count: int, metric: NeighbourMetric, where: np.ndarray | None = None
) -> np.ndarray:
    """Find the rows that are nearest to one row by exact distances to all, int32 [count], ties by the lowest index.

    Args:
        prepared: of n rows.
        row: the query row.
        count: number of rows to find, at most n - 1.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
    """
    every, one = np.arange(len(prepared.rows), dtype=np.int32), np.array([row])
    parts = np.array_split(every, -(-prepared.rows.size // CHUNK))  # not a copy of all rows at once
    far = np.concatenate([exact_distances_numpy(prepared, one, part[None], metric)[0] for part in parts])
    far[row] = np.inf
    if where is not None:
        far[is_excluded(where, row, slice(None))] = np.inf
    sort_keys = np.partition(pack_sort_keys(far, every), count - 1)[:count]
    return unpack_sort_keys(np.sort(sort_keys))[1]


def _scaled(prepared: Prepared, rows: np.ndarray, metric: NeighbourMetric) -> np.ndarray:
    """Return some of the input rows, not centred, in the units of the points, or of unit length for the cosine.

    From the input rows, so that ties between rows of integers stay exact.
    """
    factor = 1 / prepared.norms.scale
    if metric == "cosine":
        return prepared.rows[rows] * (factor * prepared.norms.inverse[rows])[..., None]
    return prepared.rows[rows] * factor


def _lower_bounds(
    norms: Norms,
    gram: Any,
    query: Any,
    metric: NeighbourMetric,
    where: Any,
    beside: tuple[Any, Any] | None,
    columns: Any,
) -> Any:
    gram = gram if beside is None else gram + beside[0] * beside[1]
    return distance_lower_bound(norms, gram, query, metric, where, columns)


@partial(jax.jit, static_argnames=("metric", "group"))
def _group_minima(
    norms: Norms,
    gram: Any,
    query: Any,
    metric: NeighbourMetric,
    group: int,
    where: Any,
    beside: tuple[Any, Any] | None,
    columns: Any,
) -> tuple[Any, Any]:
    low = _lower_bounds(norms, gram, query, metric, where, beside, columns)
    beyond = ((0, 0), (0, -low.shape[1] % group))
    minima = jnp.pad(low, beyond, constant_values=jnp.inf).reshape(len(low), -1, group).min(2)
    return jnp.pad(low, beyond, constant_values=jnp.nan), minima


def certify_numpy(
    norms: Norms, query: np.ndarray, low: np.ndarray, index: np.ndarray, k: int, metric: NeighbourMetric, ordered: int
) -> Candidates:
    """Determine how certain candidates are, as `certify_candidates` does, and whether the order of the nearest is.

    Args:
        norms: of the representation, NumPy arrays.
        query: int32 [b].
        low: [b, c], lower bounds of the distances, ascending.
        index: int32 [b, c], the candidates.
        k: 1 <= k <= c.
        metric: see `neighbours`.
        ordered: number of nearest neighbours whose order must be certain for ``order_uncertain`` to be False.
    """
    found = certify_candidates(norms, query, low, index, k, metric)
    with np.errstate(invalid="ignore"):  # inf - inf where too few rows are left as neighbours: no order to examine
        high = 2 * found.approx_distance[:, :ordered] - low[:, :ordered]
        follow = low[:, 1 : ordered + 1]
        return found._replace(order_uncertain=(high[:, : follow.shape[1]] >= follow).any(1))
