"""Neighbour tables of whole representations, in blocks of rows and in threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ..base import BLOCK_BYTES, Threads, block_size, on_host
from ..gram import View, gram_of
from .search import NeighbourMetric, Neighbours, candidates, measure, measure_some, nearest, settle
from .search_numpy import candidates_on_host, nearest_on_host

# Blocks, at least, into which the rows of one model are parted for threads.
THREAD_BLOCKS = 4


# Pairs of rows up to which one thread is as fast as several.
ALONE = 2**23


# Share of rows up to which they are measured one by one.
FEW = 0.25


def whole_gram(seen: View) -> np.ndarray | None:
    """Inner products of all points [n, n], on a CPU and where they fit in memory; else None."""
    n, points = len(seen.rows), seen.points
    if not on_host(seen.points) or n * n * points.dtype.itemsize > BLOCK_BYTES:
        return None
    rows, line = np.asarray(points), 64 // points.dtype.itemsize
    room = np.empty(n * n + line, points.dtype)
    first = -room.ctypes.data % 64 // points.dtype.itemsize  # at the start of a line, else JAX copies what it is given
    # Of one array with itself NumPy multiplies one half only.
    return np.matmul(rows, rows.T, out=room[first : first + n * n].reshape(n, n))


def find_table(
    seen: View,
    k: int,
    metric: NeighbourMetric,
    *,
    where: jax.Array | None = None,
    ordered: bool = True,
    measured: bool = False,
) -> Neighbours:
    """Find the k nearest neighbours of every row of one view, outside of `jax.jit`, in threads.

    Args:
        seen: of n rows.
        k: 1 <= k <= n - 1.
        metric: see `hyle.engine._neighbours.neighbours`.
        where: bool [n]; rows where it is False are nobody's neighbour.
        ordered: False where only the distances count, or by a similarity the set of the k nearest.
        measured: whether all are measured by subtraction, so that equal distances are equal to the last digit.
    """
    return find_tables(seen, [(metric, k)], where=where, ordered=k * ordered, measured=measured)[0]


def find_tables(
    seen: View,
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
    n, host = len(seen.rows), on_host(seen.points)
    size = n if host and n * n <= ALONE else max(1, min(-(-n // THREAD_BLOCKS), block_size(n, n)))
    whole = whole_gram(seen) if whole is None else whole

    def one(start: int) -> list[Neighbours]:
        own = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
        if whole is None:
            gram = gram_of(seen.points, own)
        else:
            gram = whole[start : start + size] if start + size <= n else whole[own]
        find = partial(block_table, seen, gram, own, ordered=ordered, measured=measured, where=where)
        return jax.device_get([find(k, metric) for metric, k in wanted])

    if size == n:
        parts = [one(0)]
    else:
        with Threads() as pool:
            parts = list(pool.map(one, range(0, n, size)))
    return [join_blocks([part[i] for part in parts], n) for i in range(len(wanted))]


def block_table(
    seen: View,
    gram: jax.Array,
    own: np.ndarray,
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
    host = recall is None and on_host(seen.points)
    if host:
        found = candidates_on_host(seen.norms, gram, own, k, metric, where, ordered=ordered)
    else:
        found = _candidates(seen.norms, gram, own, k, metric, where, recall=recall)
    index, lost = found.indices, np.asarray(found.doubtful)
    if metric != "euclidean":
        some = np.asarray(found.unsure)
    elif ordered:
        some = np.asarray(found.vague) | np.asarray(found.mixed)
    else:
        some = np.asarray(found.vague)
        lost = lost & some  # else what was left out is as far as what was found, within the error
    if lost.any():
        index = _settle(seen, own, index, lost, metric, where)
        some = some | lost
    if measured or some.mean() > FEW or (some.any() and jax.default_backend() != "cpu"):
        far = _measure(seen, own, index, metric)
    else:
        far = _measure_some(seen, own, index, found.rough, some, metric) if some.any() else found.rough
    return (nearest_on_host if host else _nearest)(seen.norms, own, index, far, k, metric, where)


def join_blocks(parts: Sequence[Neighbours], n: int) -> Neighbours:
    """Join the tables of blocks of rows into the table of n rows; rows beyond the last are dropped."""
    return Neighbours(*(jnp.asarray(np.concatenate(column)[:n]) for column in zip(*parts, strict=True)))


_measure = jax.jit(measure, static_argnames=("metric",))


_measure_some = jax.jit(measure_some, static_argnames=("metric",))


_settle = jax.jit(settle, static_argnames=("metric",))


_candidates = jax.jit(candidates, static_argnames=("k", "metric", "recall"))


_nearest = jax.jit(nearest, static_argnames=("k", "metric"))
