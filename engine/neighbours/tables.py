"""Neighbour tables of whole representations, in blocks of rows and in threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ..base import BLOCK_BYTES, Threads, block_size, use_numpy
from ..gram import Prepared, gram_of
from .search import (
    NeighbourMetric,
    Neighbours,
    candidates,
    exact_distances,
    exact_distances_where,
    recompute_exact,
    select_k_nearest,
)
from .search_numpy import candidates_numpy, select_k_nearest_numpy

# Blocks, at least, into which the rows of one model are parted for threads.
MIN_ROW_BLOCKS = 4


# Pairs of rows up to which one thread is as fast as several.
MAX_PAIRS_SINGLE_THREAD = 2**23


# Share of rows up to which they are measured one by one.
MAX_FRACTION_ROWWISE = 0.25


def whole_gram(prepared: Prepared) -> np.ndarray | None:
    """Inner products of all points [n, n], on a CPU and where they fit in memory; else None."""
    n, points = len(prepared.rows), prepared.points
    if not use_numpy(prepared.points) or n * n * points.dtype.itemsize > BLOCK_BYTES:
        return None
    rows, line = np.asarray(points), 64 // points.dtype.itemsize
    room = np.empty(n * n + line, points.dtype)
    first = -room.ctypes.data % 64 // points.dtype.itemsize  # at the start of a line, else JAX copies what it is given
    # Of one array with itself NumPy multiplies one half only.
    return np.matmul(rows, rows.T, out=room[first : first + n * n].reshape(n, n))


def find_table(
    prepared: Prepared,
    k: int,
    metric: NeighbourMetric,
    *,
    where: jax.Array | None = None,
    ordered: bool = True,
    measured: bool = False,
) -> Neighbours:
    """Find the k nearest neighbours of every row of one view, outside of `jax.jit`, in threads.

    Args:
        prepared: of n rows.
        k: 1 <= k <= n - 1.
        metric: see `hyle.engine._neighbours.neighbours`.
        where: bool [n]; rows where it is False are nobody's neighbour.
        ordered: False where only the distances count, or by a similarity the set of the k nearest.
        measured: whether all are measured by subtraction, so that equal distances are equal to the last digit.
    """
    return find_tables(prepared, [(metric, k)], where=where, ordered=k * ordered, measured=measured)[0]


def find_tables(
    prepared: Prepared,
    wanted: Sequence[tuple[NeighbourMetric, int]],
    *,
    where: jax.Array | None = None,
    ordered: int = 0,
    measured: bool = False,
    whole: np.ndarray | None = None,
) -> list[Neighbours]:
    """Find the tables of several neighbour metrics, as `find_table` does, from one Gram product [n, n].

    On a CPU that is half a product where it fits in memory as a whole, since it is symmetric.
    """
    n, host = len(prepared.rows), use_numpy(prepared.points)
    size = n if host and n * n <= MAX_PAIRS_SINGLE_THREAD else max(1, min(-(-n // MIN_ROW_BLOCKS), block_size(n, n)))
    whole = whole_gram(prepared) if whole is None else whole

    def one(start: int) -> list[Neighbours]:
        query = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
        if whole is None:
            gram = gram_of(prepared.points, query)
        else:
            gram = whole[start : start + size] if start + size <= n else whole[query]
        find = partial(block_table, prepared, gram, query, ordered=ordered, measured=measured, where=where)
        return jax.device_get([find(k, metric) for metric, k in wanted])

    if size == n:
        parts = [one(0)]
    else:
        with Threads() as pool:
            parts = list(pool.map(one, range(0, n, size)))
    return [join_blocks([part[i] for part in parts], n) for i in range(len(wanted))]


def block_table(
    prepared: Prepared,
    gram: jax.Array,
    query: np.ndarray,
    k: int,
    metric: NeighbourMetric,
    *,
    recall: float | None = None,
    ordered: int = 0,
    measured: bool = False,
    where: jax.Array | None = None,
) -> Neighbours:
    """Find the k nearest neighbours of some rows.

    On a CPU only those rows are measured again whose neighbours are not certain: their order, where that of Euclidean
    ones counts, else their distances, or, by a similarity, the set alone. Elsewhere all whose order counts.
    """
    host = recall is None and use_numpy(prepared.points)
    if host:
        found = candidates_numpy(prepared.norms, gram, query, k, metric, where, ordered=ordered)
    else:
        found = _candidates(prepared.norms, gram, query, k, metric, where, recall=recall)
    index, lost = found.indices, np.asarray(found.incomplete)
    if metric != "euclidean":
        some = np.asarray(found.set_uncertain)
    elif ordered:
        some = np.asarray(found.imprecise) | np.asarray(found.order_uncertain)
    else:
        some = np.asarray(found.imprecise)
        lost = lost & some  # else what was left out is as far as what was found, within the error
    if lost.any():
        index = _recompute_exact(prepared, query, index, lost, metric, where)
        some = some | lost
    if measured or some.mean() > MAX_FRACTION_ROWWISE or (some.any() and jax.default_backend() != "cpu"):
        far = _exact_distances(prepared, query, index, metric)
    else:
        far = (
            _exact_distances_where(prepared, query, index, found.approx_distance, some, metric)
            if some.any()
            else found.approx_distance
        )
    return (select_k_nearest_numpy if host else _select_k_nearest)(prepared.norms, query, index, far, k, metric, where)


def join_blocks(parts: Sequence[Neighbours], n: int) -> Neighbours:
    """Join the tables of blocks of rows into the table of n rows; rows beyond the last are dropped."""
    return Neighbours(*(jnp.asarray(np.concatenate(column)[:n]) for column in zip(*parts, strict=True)))


_exact_distances = jax.jit(exact_distances, static_argnames=("metric",))


_exact_distances_where = jax.jit(exact_distances_where, static_argnames=("metric",))


_recompute_exact = jax.jit(recompute_exact, static_argnames=("metric",))


_candidates = jax.jit(candidates, static_argnames=("k", "metric", "recall"))


_select_k_nearest = jax.jit(select_k_nearest, static_argnames=("k", "metric"))
