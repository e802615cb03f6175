"""Neighbour tables of whole representations, computed in blocks of rows and in threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from ..base import BLOCK_BYTES, MIN_BLOCK, Threads, block_size, count_cores, use_numpy
from ..gram import Prepared, gram_of_all, in_numpy
from .bounds import NeighbourMetric
from .row_blocks import join_blocks
from .search import Neighbours, candidates, exact_distances, exact_distances_where, recompute_exact, select_k_nearest
from .search_numpy import candidates_numpy
from .tiles import pairs_in_tiles, tables_by_tiles
from .uncertain import table_of_candidates, uncertain_rows

# Bytes of the Gram products of several models that are multiplied at the same time, with their points.
WHOLE_BYTES = 2**28
# Minimum number of blocks into which the rows of one model are divided among threads.
MIN_ROW_BLOCKS = 4
# Number of pairs of rows up to which one thread is as fast as several.
MAX_PAIRS_SINGLE_THREAD = 2**23
# Fraction of rows up to which their exact distances are computed row by row.
MAX_FRACTION_ROWWISE = 0.25


def whole_gram(prepared: Prepared, out: np.ndarray | None = None, *, threads: int | None = None) -> np.ndarray | None:
    """Compute the inner products [n, n] of all points, on a CPU and if they fit in `BLOCK_BYTES`; else return None.

    Args:
        prepared: of n rows.
        out: [n, n] of the dtype of the points, which the products may overwrite.
        threads: number of them; default one per core.
    """
    if prepared.whole is not None:
        return prepared.whole
    if not use_numpy(prepared.points) or not _fits(len(prepared.rows)):
        return None
    return gram_of_all(np.asarray(prepared.points), out, threads=threads)


def products_fit(n: int, widths: Sequence[int]) -> bool:
    """Return whether the inner products of all rows of several models fit in memory, each model on another core.

    Args:
        n: number of rows of float32.
        widths: columns of each model, whose points are copied meanwhile.
    """
    each = n * (n + max(widths)) * np.dtype(np.float32).itemsize
    return _fits(n) and min(len(widths), count_cores()) * each <= WHOLE_BYTES


def multiplied_pairs(n: int) -> int:
    """Return the pairs of n rows of float32 whose inner products `find_tables` computes on a CPU."""
    return n * (n + 1) // 2 if _fits(n) else pairs_in_tiles(n)


def searched_pairs(n: int) -> int:
    """Return the pairs of n rows of float32 whose distances `find_tables` computes on a CPU."""
    return n * n if _fits(n) else pairs_in_tiles(n)


def _fits(n: int) -> bool:
    return n * n * np.dtype(np.float32).itemsize <= BLOCK_BYTES


def find_table(
    prepared: Prepared,
    k: int,
    metric: NeighbourMetric,
    *,
    where: Any = None,
    ordered: bool = True,
    measured: bool = False,
) -> Neighbours:
    """Find the k nearest neighbours of every row of one representation, outside of `jax.jit`, in threads.

    Args:
        prepared: of n rows.
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        ordered: whether the order of Euclidean neighbours must be exact, rather than only their sorted distances up to
            rounding. For a similarity, only the set of the k nearest is exact, unless ``measured``.
        measured: whether to compute all distances by subtraction, so that equal distances are exactly equal.
    """
    return find_tables(prepared, [(metric, k)], where=where, ordered=k * ordered, measured=measured)[0]


def find_tables(
    prepared: Prepared,
    wanted: Sequence[tuple[NeighbourMetric, int]],
    *,
    where: Any = None,
    ordered: int = 0,
    measured: bool = False,
    whole: np.ndarray | None = None,
    threads: int | None = None,
) -> list[Neighbours]:
    """Find the tables of several neighbour metrics from one Gram product [n, n]; see `find_table`.

    Args:
        prepared: of n rows.
        wanted: pairs (metric, k).
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        ordered: number of nearest Euclidean neighbours whose order must be exact.
        measured: whether to compute all distances by subtraction, so that equal distances are exactly equal.
        whole: the Gram product, see `whole_gram`; computed by default if it fits in memory.
        threads: number of them; default one per core.

    Returns:
        One table per entry of ``wanted``.

    On a CPU, the Gram product costs half, since it is symmetric: as a whole if it fits in memory, else in tiles.
    """
    n, numpy = len(prepared.rows), use_numpy(prepared.points)
    if numpy:
        prepared = in_numpy(prepared)
    size = min(-(-n // MIN_ROW_BLOCKS), max(MIN_BLOCK, block_size(n, n)))
    size = n if numpy and n * n <= MAX_PAIRS_SINGLE_THREAD else max(1, size)
    whole = whole_gram(prepared, threads=threads) if whole is None else whole

    def search(gram: Any, query: np.ndarray) -> list[Neighbours]:
        find = partial(block_table, prepared, gram, query, ordered=ordered, measured=measured, where=where)
        return [find(k, metric) for metric, k in wanted]

    def of_block(start: int) -> list[Neighbours]:
        query = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
        if whole is None:
            gram = prepared.gram(query)
        else:
            gram = whole[start : start + size] if start + size <= n else whole[query]
        found: list[Neighbours] = jax.device_get(search(gram, query))
        return found

    if numpy and whole is None:
        where = None if where is None else np.asarray(where)
        return tables_by_tiles(prepared, wanted, where=where, ordered=ordered, measured=measured)
    if size == n:
        parts = [of_block(0)]
    else:
        with Threads(threads) as pool:
            parts = list(pool.map(of_block, range(0, n, size)))
    return [join_blocks([block[i] for block in parts], n) for i in range(len(wanted))]


def block_table(
    prepared: Prepared,
    gram: Any,
    query: np.ndarray,
    k: int,
    metric: NeighbourMetric,
    *,
    ordered: int = 0,
    measured: bool = False,
    where: Any = None,
) -> Neighbours:
    """Find the k nearest neighbours of the query rows.

    Args:
        prepared: of n rows.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        ordered: number of nearest Euclidean neighbours whose order must be exact.
        measured: whether to compute all distances by subtraction, so that equal distances are exactly equal.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.

    Returns:
        The table of the b query rows.

    Exact distances are computed only for rows with uncertain results: for a similarity, the set of neighbours; for
    Euclidean neighbours, their order if ``ordered``, and their distances. On a CPU only for these rows; for all rows if
    there are many, or on an accelerator if there is any.
    """
    if use_numpy(prepared.points):
        prepared, where = in_numpy(prepared), None if where is None else np.asarray(where)
        close = candidates_numpy(prepared.norms, np.asarray(gram), query, k, metric, where, ordered=ordered)
        return table_of_candidates(prepared, close, query, k, metric, ordered=ordered, measured=measured, where=where)
    found = _candidates(prepared.norms, gram, query, k, metric, where)
    index = found.indices
    uncertain, incomplete = uncertain_rows(found, metric, ordered=ordered)
    if incomplete.any():
        index, uncertain = _recompute_exact(prepared, query, index, incomplete, metric, where), uncertain | incomplete
    if measured or uncertain.mean() > MAX_FRACTION_ROWWISE or (uncertain.any() and jax.default_backend() != "cpu"):
        far = _exact_distances(prepared, query, index, metric)
    elif uncertain.any():
        far = _exact_distances_where(prepared, query, index, found.approx_distance, uncertain, metric)
    else:
        far = found.approx_distance
    return _select_k_nearest(prepared.norms, query, index, far, k, metric, where)


def nearest_of(table: Neighbours, k: int) -> Neighbours:
    """Return the table of the k nearest neighbours, from a sorted table of at least k."""
    if table.indices.shape[1] == k:
        return table
    tied = table.value[:, k - 1] == table.value[:, k]
    return Neighbours(table.indices[:, :k], table.value[:, :k], tied)


def empty_table(n: int, k: int, dtype: Any) -> Neighbours:
    """Return a table in NumPy to be filled."""
    return Neighbours(np.empty((n, k), np.int32), np.empty((n, k), dtype), np.empty(n, bool))


_exact_distances = jax.jit(exact_distances, static_argnames=("metric",))
_exact_distances_where = jax.jit(exact_distances_where, static_argnames=("metric",))
_recompute_exact = jax.jit(recompute_exact, static_argnames=("metric",))
_candidates = jax.jit(candidates, static_argnames=("k", "metric"))
_select_k_nearest = jax.jit(select_k_nearest, static_argnames=("k", "metric"))
