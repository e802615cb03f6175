"""The pass: rows are visited in blocks, and one Gram product per model and block gives all that the metrics need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import Threads, free_bytes, on_host
from ..gram import Kernel, Norms, Sums, View, diagonal, gram_of, kernel_products, stacked
from ..neighbours import (
    Neighbours,
    block_table,
    find_tables,
    join_blocks,
    ranks,
    settle_ranks,
    whole_gram,
)
from .plan import Gathered, Wanted

# Rows on which the recall of approximate neighbours is measured.
RECALL_ROWS = 256
# Jobs into which the products of the kernels of one block of rows are parted.
JOBS = 2
# A row that is beyond the last.
NOBODY = np.iinfo(np.int32).max


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
        block = -(-n // -(-n // max(1, min(n, free_bytes() // width))))
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
        gathered.tables[metric] = [join_blocks([part[model][i] for part in parts], n) for model in range(m)]
    if wanted.ranks:
        gathered.ranks = rank_sums / n
    return gathered


def _tables_alone(views: Sequence[View], wanted: Wanted, progress: Callable[[int, int], None] | None) -> Gathered:
    """Gather neighbours and nothing else, one model after the other."""
    n, found, squares = len(views[0].rows), [], []
    for done, seen in enumerate(views, 1):
        whole = whole_gram(seen)
        if whole is not None:
            squares.append(np.einsum("ij,ij->i", whole, whole).sum(dtype=np.float64))
        found.append(find_tables(seen, wanted.tables, ordered=wanted.ordered, whole=whole))
        if progress is not None:
            progress(done * n // len(views), n)
    return Gathered(
        tables={metric: [one[i] for one in found] for i, (metric, _) in enumerate(wanted.tables)},
        squares=np.array(squares) if squares else None,
    )


def _visit(seen: View, *, rows: np.ndarray, wanted: Wanted) -> _Block:
    n = len(seen.rows)
    own = np.minimum(rows, n - 1)
    gram = gram_of(seen.points, own)
    tables, shares = [], []
    for metric, k in wanted.tables:
        tables.append(block_table(seen, gram, own, k, metric, recall=wanted.recall, ordered=wanted.ordered))
        if wanted.recall is not None and rows[0] == 0:
            some = slice(None, RECALL_ROWS)
            exact = block_table(seen, gram[some], own[some], k, metric)
            pairs = zip(np.asarray(exact.indices), np.asarray(tables[-1].indices), strict=False)
            shares.append(np.mean([len(np.intersect1d(*pair)) / k for pair in pairs]))
    return _Block(gram, jax.device_get(tables), float(np.mean(shares)) if shares else 1.0)


def _euclidean(tables: Sequence[Neighbours], wanted: Wanted) -> Neighbours:
    return tables[[metric for metric, _ in wanted.tables].index("euclidean")]


def _ranks(seen: View, found: _Block, *, rows: np.ndarray, near: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Sum over rows of the ranks in one model of the neighbours [b, m k] in every model; [m k]."""
    n = len(seen.rows)
    own = np.minimum(rows, n - 1)
    values, doubtful = count_ranks(seen.norms, found.gram, own, near, _euclidean(found.tables, wanted).indices)
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
    found = products_of_kernels(norms, grams, np.where(mine < rows[at], NOBODY, mine), kernels, widths, first)
    return [(np.asarray(total, np.float64), np.asarray(mean, np.float64)[:, at - first :]) for total, mean in found]


_settle_ranks = jax.jit(settle_ranks)
count_ranks = jax.jit(ranks)
products_of_kernels = jax.jit(kernel_products, static_argnames=("kernels",))
