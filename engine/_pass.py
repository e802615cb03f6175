"""The pass: rows are visited in blocks, and one Gram product per model and block gives all that the metrics need."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._kernels import Kernel, Sums, diagonal, kernel_products
from ._keys import on_host
from ._neighbours import NeighbourMetric, Neighbours, candidates, measure, measure_some, nearest, settle
from ._neighbours_on_host import candidates_on_host, nearest_on_host
from ._ranks import ranks, settle_ranks
from ._rows import block_size
from ._view import Norms, View, stacked

# Bytes, at most, of the Gram products that one block of rows leaves of all models until they are used.
BLOCK_BYTES = 2**27
# The same where there is an accelerator.
ACCELERATOR_BYTES = 2**32
# Rows on which the recall of approximate neighbours is measured.
RECALL_ROWS = 256
# Blocks, at least, into which the rows of one model are parted for threads.
THREAD_BLOCKS = 4
# Jobs into which the products of the kernels of one block of rows are parted.
JOBS = 2
# A row that is beyond the last.
NOBODY = np.iinfo(np.int32).max
# Pairs of rows up to which one thread is as fast as several.
ALONE = 2**23
# Share of rows up to which they are measured one by one.
FEW = 0.25


@dataclass(frozen=True)
class Wanted:
    """What the pass is to gather.

    Args:
        kernels: whose inner products.
        tables: neighbours by metric.
        ranks: of how many Euclidean neighbours the ranks in all other models are wanted; 0 for none. Small ones are
            read off the Euclidean table, which must be among the tables.
        recall: share of the neighbours that the search is to find, where it may leave some out; None finds all.
        ordered: of how many nearest Euclidean neighbours the order counts, not the distance alone.
    """

    kernels: tuple[Kernel, ...] = ()
    tables: tuple[tuple[NeighbourMetric, int], ...] = ()
    ranks: int = 0
    recall: float | None = None
    ordered: int = 0


@dataclass
class Gathered:
    """What the pass has gathered of m models.

    Args:
        sums: by kernel, in float64.
        tables: by neighbour metric, one for each model; Euclidean ones nearest first where their order counts, up to
            rounding where not; the k of others as a set.
        ranks: [m, m] in float64, entry (a, b) the mean rank in b of the nearest neighbours in a.
        block: rows that were visited at once.
        recall: [m], the share of the neighbours found, over all tables and the first `RECALL_ROWS` rows; None where
            all are found.
        squares: [m], sums of the squares of all inner products of the points of a model, where whole products were had.
    """

    sums: dict[Kernel, Sums] = field(default_factory=dict)
    tables: dict[NeighbourMetric, list[Neighbours]] = field(default_factory=dict)
    ranks: np.ndarray | None = None
    block: int = 0
    recall: np.ndarray | None = None
    squares: np.ndarray | None = None


class _Block(NamedTuple):
    """What one block of rows leaves of one model."""

    gram: jax.Array  # [b, n]
    tables: list[Neighbours]
    recall: float


def gather(
    views: Sequence[View],
    wanted: Wanted,
    *,
    sigmas: Sequence[jax.Array] | None = None,
    block: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gathered:
    """Visit all rows of m views once.

    Args:
        views: of the same n samples.
        wanted: what of them.
        sigmas: m bandwidths, for the RBF kernel.
        block: rows at once; default as many as an eighth of the free memory holds, and no more than `BLOCK_BYTES`
            (`ACCELERATOR_BYTES`).
        progress: called with (rows done, rows in all) after each block.

    Work of different models runs in as many threads as there are cores, since XLA's own operations other than products
    of matrices run on one. Where neighbours alone are wanted, a CPU takes one model after the other, see `find_tables`.
    Sums over blocks are taken in float64. Cost m n^2 d + m^2 n^2; memory O(m b n + m n k).
    """
    n, m = len(views[0].rows), len(views)
    if not wanted.kernels and not wanted.ranks and wanted.recall is None and block is None and on_host(views[0].points):
        return _tables_alone(views, wanted, progress)
    if block is None:
        width = m * n * views[0].points.dtype.itemsize
        block = -(-n // -(-n // max(1, min(n, _free_bytes() // width))))
    norms = stacked([seen.norms for seen in views])
    widths = None if sigmas is None else jnp.stack(list(sigmas))
    products = {kernel: np.zeros((m, m)) for kernel in wanted.kernels}
    means: dict[Kernel, list[np.ndarray]] = {kernel: [] for kernel in wanted.kernels}
    parts: list[list[list[Neighbours]]] = []
    rank_sums = np.zeros((m, m))
    with Threads() as pool:
        for start in range(0, n, block):
            rows = np.arange(start, start + block, dtype=np.int32)
            found = list(pool.map(partial(_visit, rows=rows, wanted=wanted), views))
            grams = [one.gram for one in found]
            if start == 0:
                recalls = [one.recall for one in found]
            some = range(0, block, -(-block // JOBS)) if wanted.kernels else ()
            jobs = [pool.submit(_products, norms, grams, rows, wanted.kernels, widths, at) for at in some]
            if wanted.ranks:
                # [b, m k]: of each row, its neighbours in every model.
                near = np.concatenate([_euclidean(one.tables, wanted).indices[:, : wanted.ranks] for one in found], 1)
                columns = list(pool.map(partial(_ranks, rows=rows, near=near, wanted=wanted), views, found))
                rank_sums += np.stack([column.reshape(m, -1).mean(1) for column in columns], 1)
            for job in jobs:
                for kernel, (total, mean) in zip(wanted.kernels, job.result(), strict=True):
                    products[kernel] += total
                    means[kernel].append(mean)
            parts.append([one.tables for one in found])
            if progress is not None:
                progress(min(n, start + block), n)
    gathered = Gathered(block=block, recall=np.array(recalls) if wanted.recall is not None else None)
    for kernel in wanted.kernels:
        whole = np.concatenate(means[kernel], 1)[:, :n]
        gathered.sums[kernel] = Sums(products[kernel], whole, np.asarray(diagonal(norms, kernel), np.float64))
    for i, (metric, _) in enumerate(wanted.tables):
        gathered.tables[metric] = [_join([part[model][i] for part in parts], n) for model in range(m)]
    if wanted.ranks:
        gathered.ranks = rank_sums / n
    return gathered


def _tables_alone(views: Sequence[View], wanted: Wanted, progress: Callable[[int, int], None] | None) -> Gathered:
    """Gather neighbours and nothing else, one model after the other."""
    n, found, squares = len(views[0].rows), [], []
    for done, seen in enumerate(views, 1):
        whole = _whole_gram(seen)
        if whole is not None:
            squares.append(np.einsum("ij,ij->i", whole, whole).sum(dtype=np.float64))
        found.append(find_tables(seen, wanted.tables, ordered=wanted.ordered, whole=whole))
        if progress is not None:
            progress(done * n // len(views), n)
    return Gathered(
        tables={metric: [one[i] for one in found] for i, (metric, _) in enumerate(wanted.tables)},
        squares=np.array(squares) if squares else None,
    )


def _whole_gram(seen: View) -> np.ndarray | None:
    """Inner products of all points [n, n], on a CPU and where they fit in memory; else None."""
    n, points = len(seen.rows), seen.points
    if not on_host(seen.points) or n * n * points.dtype.itemsize > BLOCK_BYTES:
        return None
    rows, line = np.asarray(points), 64 // points.dtype.itemsize
    room = np.empty(n * n + line, points.dtype)
    first = -room.ctypes.data % 64 // points.dtype.itemsize  # at the start of a line, else JAX copies what it is given
    # Of one array with itself NumPy multiplies one half only.
    return np.matmul(rows, rows.T, out=room[first : first + n * n].reshape(n, n))


def _free_bytes() -> int:
    """Bytes that one block may take: an eighth of what is free, within bounds."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        free = (
            os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
        )
        return min(BLOCK_BYTES, free // 8) if free else BLOCK_BYTES
    memory = device.memory_stats() or {}
    free = memory.get("bytes_limit", 0) - memory.get("bytes_in_use", 0)
    return min(ACCELERATOR_BYTES, free // 8) if free > 0 else BLOCK_BYTES


class Threads(ThreadPoolExecutor):
    """As many threads as this process may use cores.

    The caller's precision holds in them: what `jax.enable_x64` sets is one thread's own, and float64 would be cut to
    float32 without an error in the others.
    """

    def __init__(self, count: int | None = None) -> None:
        cores = (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) or 1
        super().__init__(count or cores)
        self._x64 = jnp.result_type(float) == np.float64

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a job."""
        return super().submit(_run, self._x64, fn, *args, **kwargs)


def _run(x64: bool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with jax.enable_x64(x64):
        return function(*args, **kwargs)


def _visit(seen: View, *, rows: np.ndarray, wanted: Wanted) -> _Block:
    n = len(seen.rows)
    own = np.minimum(rows, n - 1)
    gram = gram_of(seen.points, own)
    tables, shares = [], []
    for metric, k in wanted.tables:
        tables.append(_table(seen, gram, own, k, metric, recall=wanted.recall, ordered=wanted.ordered))
        if wanted.recall is not None and rows[0] == 0:
            some = slice(None, RECALL_ROWS)
            exact = _table(seen, gram[some], own[some], k, metric)
            pairs = zip(np.asarray(exact.indices), np.asarray(tables[-1].indices), strict=False)
            shares.append(np.mean([len(np.intersect1d(*pair)) / k for pair in pairs]))
    return _Block(gram, jax.device_get(tables), float(np.mean(shares)) if shares else 1.0)


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
    whole = _whole_gram(seen) if whole is None else whole

    def one(start: int) -> list[Neighbours]:
        own = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
        if whole is None:
            gram = gram_of(seen.points, own)
        else:
            gram = whole[start : start + size] if start + size <= n else whole[own]
        find = partial(_table, seen, gram, own, ordered=ordered, measured=measured, where=where)
        return jax.device_get([find(k, metric) for metric, k in wanted])

    if size == n:
        parts = [one(0)]
    else:
        with Threads() as pool:
            parts = list(pool.map(one, range(0, n, size)))
    return [_join([part[i] for part in parts], n) for i in range(len(wanted))]


def _table(
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


def _euclidean(tables: Sequence[Neighbours], wanted: Wanted) -> Neighbours:
    return tables[[metric for metric, _ in wanted.tables].index("euclidean")]


def _ranks(seen: View, found: _Block, *, rows: np.ndarray, near: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Sum over rows of the ranks in one model of the neighbours [b, m k] in every model; [m k]."""
    n = len(seen.rows)
    own = np.minimum(rows, n - 1)
    values, doubtful = _count_ranks(seen.norms, found.gram, own, near, _euclidean(found.tables, wanted).indices)
    if np.asarray(doubtful).any():
        values = _settle_ranks(seen, own, near, values, doubtful)
    return np.asarray(values, np.float64)[: n - rows[0]].sum(0)


def _products(
    norms: Norms,
    grams: Sequence[jax.Array],
    rows: np.ndarray,
    kernels: tuple[Kernel, ...],
    widths: jax.Array | None,
    at: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Multiply those rows of a block that one of the `JOBS` jobs does, the first of which stands at a place in it."""
    size = -(-len(rows) // JOBS)
    first = min(at, len(rows) - size)
    mine = rows[first : first + size]
    found = _kernel_products(norms, grams, np.where(mine < rows[at], NOBODY, mine), kernels, widths, first)
    return [(np.asarray(total, np.float64), np.asarray(mean, np.float64)[:, at - first :]) for total, mean in found]


def _join(parts: Sequence[Neighbours], n: int) -> Neighbours:
    return Neighbours(*(jnp.asarray(np.concatenate(column)[:n]) for column in zip(*parts, strict=True)))


# Those that take points or a view know the width of a model, and are compiled for each; they are short.
@jax.jit
def gram_of(points: jax.Array, own: jax.Array) -> jax.Array:
    """Inner products [b, n] of rows own [b] of some points [n, d] with all."""
    return jnp.matmul(points[own], points.T, precision=jax.lax.Precision.HIGHEST)


_measure = jax.jit(measure, static_argnames=("metric",))
_measure_some = jax.jit(measure_some, static_argnames=("metric",))
_settle = jax.jit(settle, static_argnames=("metric",))
_settle_ranks = jax.jit(settle_ranks)
_candidates = jax.jit(candidates, static_argnames=("k", "metric", "recall"))
_nearest = jax.jit(nearest, static_argnames=("k", "metric"))
_count_ranks = jax.jit(ranks)
_kernel_products = jax.jit(kernel_products, static_argnames=("kernels",))
