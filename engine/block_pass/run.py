"""The pass: rows are visited in blocks, and one Gram product per model and block gives all that the metrics need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import Threads, free_bytes, use_numpy
from ..gram import Kernel, Norms, Prepared, Sums, diagonal, gram_of, kernel_products, stacked
from ..neighbours import (
    Neighbours,
    block_table,
    find_tables,
    join_blocks,
    ranks,
    recompute_exact_ranks,
    whole_gram,
)
from .plan import PassPlan, PassResult

# Rows on which the recall of approximate neighbours is measured.
RECALL_ROWS = 256
# Jobs into which the products of the kernels of one block of rows are parted.
KERNEL_TASKS_PER_BLOCK = 2
# A row that is beyond the last.
PADDING_INDEX = np.iinfo(np.int32).max


class _Block(NamedTuple):
    """What one block of rows leaves of one model."""

    gram: jax.Array  # [b, n]
    tables: list[Neighbours]
    recall: float


def run_pass(
    representations: Sequence[Prepared],
    plan: PassPlan,
    *,
    sigmas: Sequence[jax.Array] | None = None,
    block: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PassResult:
    """Visit all rows of m views once.

    Args:
        representations: of the same n samples.
        plan: what of them.
        sigmas: m bandwidths, for the RBF kernel.
        block: rows at once; default as many as an eighth of the free memory holds, and no more than `BLOCK_BYTES`
            (`ACCELERATOR_BYTES`).
        progress: called with (rows done, rows in all) after each block.

    Work of different models runs in as many threads as there are cores, since XLA's own operations other than products
    of matrices run on one. Where neighbours alone are wanted, a CPU takes one model after the other, see `find_tables`.
    Sums over blocks are taken in float64. Cost m n^2 d + m^2 n^2; memory O(m b n + m n k).
    """
    n, m = len(representations[0].rows), len(representations)
    if (
        not plan.kernels
        and not plan.ranks
        and plan.recall is None
        and block is None
        and use_numpy(representations[0].points)
    ):
        return _tables_alone(representations, plan, progress)
    if block is None:
        width = m * n * representations[0].points.dtype.itemsize
        block = -(-n // -(-n // max(1, min(n, free_bytes() // width))))
    norms = stacked([prepared.norms for prepared in representations])
    widths = None if sigmas is None else jnp.stack(list(sigmas))
    products = {kernel: np.zeros((m, m)) for kernel in plan.kernels}
    means: dict[Kernel, list[np.ndarray]] = {kernel: [] for kernel in plan.kernels}
    parts: list[list[list[Neighbours]]] = []
    rank_sums = np.zeros((m, m))
    with Threads() as pool:
        for start in range(0, n, block):
            rows = np.arange(start, start + block, dtype=np.int32)
            found = list(pool.map(partial(_visit, rows=rows, plan=plan), representations))
            grams = [one.gram for one in found]
            if start == 0:
                recalls = [one.recall for one in found]
            some = range(0, block, -(-block // KERNEL_TASKS_PER_BLOCK)) if plan.kernels else ()
            jobs = [pool.submit(_products, norms, grams, rows, plan.kernels, widths, at) for at in some]
            if plan.ranks:
                # [b, m k]: of each row, its neighbours in every model.
                near = np.concatenate([_euclidean(one.tables, plan).indices[:, : plan.ranks] for one in found], 1)
                columns = list(pool.map(partial(_ranks, rows=rows, near=near, plan=plan), representations, found))
                rank_sums += np.stack([column.reshape(m, -1).mean(1) for column in columns], 1)
            for job in jobs:
                for kernel, (total, mean) in zip(plan.kernels, job.result(), strict=True):
                    products[kernel] += total
                    means[kernel].append(mean)
            parts.append([one.tables for one in found])
            if progress is not None:
                progress(min(n, start + block), n)
    result = PassResult(block=block, recall=np.array(recalls) if plan.recall is not None else None)
    for kernel in plan.kernels:
        whole = np.concatenate(means[kernel], 1)[:, :n]
        result.sums[kernel] = Sums(products[kernel], whole, np.asarray(diagonal(norms, kernel), np.float64))
    for i, (metric, _) in enumerate(plan.tables):
        result.tables[metric] = [join_blocks([part[model][i] for part in parts], n) for model in range(m)]
    if plan.ranks:
        result.ranks = rank_sums / n
    return result


def _tables_alone(
    representations: Sequence[Prepared], plan: PassPlan, progress: Callable[[int, int], None] | None
) -> PassResult:
    """Gather neighbours and nothing else, one model after the other."""
    n, found, squares = len(representations[0].rows), [], []
    for done, prepared in enumerate(representations, 1):
        whole = whole_gram(prepared)
        if whole is not None:
            squares.append(np.einsum("ij,ij->i", whole, whole).sum(dtype=np.float64))
        found.append(find_tables(prepared, plan.tables, ordered=plan.ordered, whole=whole))
        if progress is not None:
            progress(done * n // len(representations), n)
    return PassResult(
        tables={metric: [one[i] for one in found] for i, (metric, _) in enumerate(plan.tables)},
        squares=np.array(squares) if squares else None,
    )


def _visit(prepared: Prepared, *, rows: np.ndarray, plan: PassPlan) -> _Block:
    n = len(prepared.rows)
    query = np.minimum(rows, n - 1)
    gram = gram_of(prepared.points, query)
    tables, shares = [], []
    for metric, k in plan.tables:
        tables.append(block_table(prepared, gram, query, k, metric, recall=plan.recall, ordered=plan.ordered))
        if plan.recall is not None and rows[0] == 0:
            some = slice(None, RECALL_ROWS)
            exact = block_table(prepared, gram[some], query[some], k, metric)
            pairs = zip(np.asarray(exact.indices), np.asarray(tables[-1].indices), strict=False)
            shares.append(np.mean([len(np.intersect1d(*pair)) / k for pair in pairs]))
    return _Block(gram, jax.device_get(tables), float(np.mean(shares)) if shares else 1.0)


def _euclidean(tables: Sequence[Neighbours], plan: PassPlan) -> Neighbours:
    return tables[[metric for metric, _ in plan.tables].index("euclidean")]


def _ranks(prepared: Prepared, found: _Block, *, rows: np.ndarray, near: np.ndarray, plan: PassPlan) -> np.ndarray:
    """Sum over rows of the ranks in one model of the neighbours [b, m k] in every model; [m k]."""
    n = len(prepared.rows)
    query = np.minimum(rows, n - 1)
    values, incomplete = count_ranks(prepared.norms, found.gram, query, near, _euclidean(found.tables, plan).indices)
    if np.asarray(incomplete).any():
        values = _recompute_exact_ranks(prepared, query, near, values, incomplete)
    return np.asarray(values, np.float64)[: n - rows[0]].sum(0)


def _products(
    norms: Norms,
    grams: Sequence[jax.Array],
    rows: np.ndarray,
    kernels: tuple[Kernel, ...],
    widths: jax.Array | None,
    at: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Multiply the rows of a block that belong to one of `KERNEL_TASKS_PER_BLOCK` tasks; the first is at ``at``."""
    size = -(-len(rows) // KERNEL_TASKS_PER_BLOCK)
    first = min(at, len(rows) - size)
    mine = rows[first : first + size]
    found = products_of_kernels(norms, grams, np.where(mine < rows[at], PADDING_INDEX, mine), kernels, widths, first)
    return [(np.asarray(total, np.float64), np.asarray(mean, np.float64)[:, at - first :]) for total, mean in found]


_recompute_exact_ranks = jax.jit(recompute_exact_ranks)
count_ranks = jax.jit(ranks)
products_of_kernels = jax.jit(kernel_products, static_argnames=("kernels",))
