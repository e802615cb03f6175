"""A pass over blocks of rows, in which one Gram product per model and block gives everything that the metrics need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from ..base import (
    BLOCK_BYTES,
    MIN_BLOCK,
    Checkpoint,
    Threads,
    free_bytes,
    mesh_of,
    multiply_each,
    namespace,
    release_memory,
    use_numpy,
)
from ..gram import (
    MAX_ENTRIES,
    HalfSums,
    Kernel,
    Norms,
    Prepared,
    half_sums,
    in_numpy,
    kernel_products,
    kernel_products_numpy,
    stacked,
)
from ..neighbours import (
    Neighbours,
    block_table,
    find_tables,
    hnsw_tables,
    products_fit,
    ranks,
    ranks_numpy,
    recompute_exact_ranks,
    whole_gram,
)
from .collected import Collected
from .mesh import run_mesh_pass
from .plan import PassPlan, PassResult
from .segments import Segments

# Number of jobs into which the kernel products of one block of rows are divided.
KERNEL_TASKS_PER_BLOCK = 8
# Columns whose products take as long as searching the neighbours.
SEARCH = 200
# Number of blocks after which freed memory is returned to the system: the next block takes longer without it.
BLOCKS_RELEASED = 8
# Index of a padding row, beyond the last row.
PADDING_INDEX = np.iinfo(np.int32).max


class _Block(NamedTuple):
    """Results of one block of b rows of one model."""

    gram: Any  # [b, n]
    tables: list[Neighbours]
    squares: float | None  # the sum of the squared inner products, unless the linear kernel tells it


def run_pass(
    representations: Sequence[Prepared],
    plan: PassPlan,
    *,
    sigmas: Sequence[Any] | None = None,
    block: int | None = None,
    mesh: Mesh | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PassResult:
    """Compute the planned quantities of m models in one pass over all rows.

    Args:
        representations: m, of the same n samples.
        plan: the quantities to compute.
        sigmas: m bandwidths, for the RBF kernel.
        block: number of rows of a block; by default as many as fit in `free_bytes`, an eighth of the available memory
            and at most `BLOCK_BYTES` (`ACCELERATOR_BYTES` on an accelerator), but at least `MIN_BLOCK`.
        mesh: devices among which the rows are divided, see `run_mesh_pass`; by default the device of the points, a mesh
            of one, if it is an accelerator.
        checkpoint: where blocks are saved from which an interrupted pass continues; it has the same result to the bit.
        progress: called with (rows done, total rows) after each block.

    Different models are processed in as many threads as there are cores, since XLA runs operations other than matrix
    products on one core. If only exact neighbour tables are planned, and no block, a CPU processes each model by
    itself, see `find_tables`; if only kernels are, it computes one half of each, see `HalfSums`. Sums over blocks are
    computed in float64. Cost m n^2 d + m^2 n^2; memory O(m b n + m n k).
    """
    if plan.search == "hnsw":
        return _approximate_tables(representations, plan, checkpoint, progress)
    if mesh is None and jax.default_backend() != "cpu":
        mesh = mesh_of(representations[0].points)
    if mesh is not None:
        options: dict[str, Any] = {"block": block, "checkpoint": checkpoint, "progress": progress}
        return run_mesh_pass(representations, plan, mesh, sigmas=sigmas, **options)
    n, m = len(representations[0].rows), len(representations)
    if all(use_numpy(prepared.points) for prepared in representations):
        representations = [in_numpy(prepared) for prepared in representations]
    if not plan.kernels and not plan.ranks and block is None and use_numpy(representations[0].points):
        return _tables_only(representations, plan, checkpoint, progress)
    if block is None:
        width = m * n * representations[0].points.dtype.itemsize
        # The free memory is another one when an interrupted pass continues.
        free = BLOCK_BYTES if checkpoint else free_bytes()
        block = -(-n // -(-n // min(n, max(MIN_BLOCK, free // width))))
    numpy = all(isinstance(prepared.rows, np.ndarray) for prepared in representations)
    if numpy and plan.kernels and not plan.tables and n > 2:  # ranks are never without a table
        return _kernels_only(representations, plan, sigmas, block, checkpoint, progress)
    checkpoint = checkpoint and checkpoint.of("pass", plan, block, *_inputs(representations, sigmas))
    norms = stacked([prepared.norms for prepared in representations])
    widths = None if sigmas is None else namespace(*sigmas).stack(list(sigmas))
    small = m * n * n <= MAX_ENTRIES and numpy
    found = Collected(plan, m, n, representations[0].points.dtype)
    saved = Segments(found, checkpoint)
    work = [prepared.rows.shape[1] for prepared in representations]
    with Threads() as pool:
        for start in range(saved.rows, n, block):
            rows = np.arange(start, start + block, dtype=np.int32)
            query = np.minimum(rows, n - 1)
            gram = partial(_gram, query=query)
            grams = multiply_each(gram, representations, work) if numpy else list(pool.map(gram, representations))
            process = partial(_process_block, rows=rows, plan=plan, found=found)
            results = list(pool.map(process, range(m), representations, grams))
            if small:
                each_norms = [prepared.norms for prepared in representations]
                jobs = [pool.submit(kernel_products_numpy, each_norms, grams, rows, plan.kernels, widths)]
                starts: Sequence[int] = [0]
            else:
                starts = range(0, block, -(-block // KERNEL_TASKS_PER_BLOCK)) if plan.kernels else []
                jobs = [pool.submit(_products, norms, grams, rows, plan.kernels, widths, at) for at in starts]
            if results[0].squares is not None:
                found.add_squares(np.array([each.squares for each in results]))
            if plan.ranks:
                # [b, m k], the neighbours of each row in all models.
                near = np.concatenate([_euclidean(each.tables, plan).indices[:, : plan.ranks] for each in results], 1)
                columns = list(pool.map(partial(_ranks, rows=rows, near=near, plan=plan), representations, results))
                found.add_ranks(np.stack([column.reshape(m, -1).mean(1) for column in columns], 1)[None])
            products = [job.result() for job in jobs]
            for at, product in zip(starts, products, strict=True):
                for kernel, (total, mean) in enumerate(product):
                    found.add_kernel(kernel, start + at, total, mean)
            del results, grams, jobs  # before the next block is computed
            if start // block % BLOCKS_RELEASED == BLOCKS_RELEASED - 1 or start + block >= n:
                release_memory()
            saved.done(min(n, start + block))
            if progress is not None:
                progress(min(n, start + block), n)
    return found.result(norms, block)


def _kernels_only(
    representations: Sequence[Prepared],
    plan: PassPlan,
    sigmas: Sequence[Any] | None,
    block: int,
    checkpoint: Checkpoint | None,
    progress: Callable[[int, int], None] | None,
) -> PassResult:
    """Compute kernels only, of which one half is enough."""
    checkpoint = checkpoint and checkpoint.of("kernels", plan, block, *_inputs(representations, sigmas))
    found = HalfSums(representations, plan.kernels, sigmas)
    half_sums(found, len(representations[0].rows), block, saved=Segments(found, checkpoint), progress=progress)
    return PassResult(block=block, sums=found.sums(), squares=None if "linear" in plan.kernels else found.squares())


def _tables_only(
    representations: Sequence[Prepared],
    plan: PassPlan,
    checkpoint: Checkpoint | None,
    progress: Callable[[int, int], None] | None,
) -> PassResult:
    """Compute neighbour tables only, of several models at a time if the products of all their rows fit in memory."""
    n, m = len(representations[0].rows), len(representations)
    found = Collected(plan, m, n, representations[0].points.dtype)
    spare: list[np.ndarray] = []  # the memory of models before, since new memory takes time

    def of_model(model: int, threads: int) -> float | None:
        prepared = representations[model]
        try:
            scratch = spare.pop()
        except IndexError:
            scratch = None
        whole = whole_gram(prepared, scratch, threads=threads)
        squares = None if whole is None else float(np.einsum("ij,ij->i", whole, whole).sum(dtype=np.float64))
        own = checkpoint and checkpoint.of("tables", plan, prepared.rows)
        part = own.load("tables") if own else None
        if part is None:
            options: dict[str, Any] = {"ordered": plan.ordered, "whole": whole, "threads": threads}
            found.add_tables(model, 0, find_tables(prepared, plan.tables, **options))
            if own:
                own.save("tables", found.tables_of(model))
        else:
            found.add_tables_of(model, part)
        if whole is not None and prepared.whole is None:
            spare.append(whole)
        return squares

    widths = [prepared.rows.shape[1] for prepared in representations]
    work = [width + SEARCH for width in widths]
    done = None if progress is None else lambda count: progress(count * n // m, n)
    squares = multiply_each(of_model, range(m), work, beside=products_fit(n, widths), done=done)
    result = found.result(None, 0)
    result.squares = None if None in squares else np.array(squares)
    return result


def _approximate_tables(
    representations: Sequence[Prepared],
    plan: PassPlan,
    checkpoint: Checkpoint | None,
    progress: Callable[[int, int], None] | None,
) -> PassResult:
    """Compute approximate neighbour tables, each model on one core."""
    n, m = len(representations[0].rows), len(representations)
    found, recalls = Collected(plan, m, n, representations[0].points.dtype), np.empty(m)

    def of_model(model: int) -> None:
        prepared = representations[model]
        own = checkpoint and checkpoint.of("tables", plan, prepared.rows)
        part = own.load("tables") if own else None
        if part is None:
            tables, recalls[model] = hnsw_tables(prepared, plan.tables)
            found.add_tables(model, 0, tables)
            if own:
                own.save("tables", found.tables_of(model) | {"recall": recalls[model : model + 1]})
        else:
            recalls[model] = part["recall"][0]
            found.add_tables_of(model, part)

    with Threads() as pool:
        for done, _ in enumerate(pool.map(of_model, range(m)), 1):
            if progress is not None:
                progress(done * n // m, n)
    result = found.result(None, 0)
    result.recall = recalls
    return result


def _inputs(representations: Sequence[Prepared], sigmas: Sequence[Any] | None) -> list[Any]:
    """Return what the results of a pass depend on."""
    return [*(prepared.rows for prepared in representations), [float(sigma) for sigma in sigmas or ()]]


def _gram(prepared: Prepared, threads: int | None = None, *, query: np.ndarray) -> Any:
    return prepared.gram(query, threads)


def _process_block(
    model: int, prepared: Prepared, gram: Any, *, rows: np.ndarray, plan: PassPlan, found: Collected
) -> _Block:
    """Compute the neighbour tables of one block of one model, of which ``gram`` is the Gram product."""
    n = len(prepared.rows)
    query = np.minimum(rows, n - 1)
    tables = [block_table(prepared, gram, query, k, metric, ordered=plan.ordered) for metric, k in plan.tables]
    squares = None
    if isinstance(gram, np.ndarray) and "linear" not in plan.kernels and not plan.features:
        inside = gram[: n - rows[0]]
        squares = float(np.einsum("ij,ij->i", inside, inside).sum(dtype=np.float64))
    block = _Block(gram, jax.device_get(tables), squares)
    found.add_tables(model, int(rows[0]), block.tables)
    return block


def _euclidean(tables: Sequence[Neighbours], plan: PassPlan) -> Neighbours:
    return tables[[metric for metric, _ in plan.tables].index("euclidean")]


def _ranks(prepared: Prepared, block: _Block, *, rows: np.ndarray, near: np.ndarray, plan: PassPlan) -> np.ndarray:
    """Compute the sums [m k] over rows of the ranks in one model of the neighbours [b, m k] in all models."""
    n = len(prepared.rows)
    query = np.minimum(rows, n - 1)
    table = _euclidean(block.tables, plan).indices
    if isinstance(prepared.rows, np.ndarray):
        values = ranks_numpy(prepared, block.gram, query, near, table)
        return np.asarray(values, np.float64)[: n - rows[0]].sum(0)
    values, incomplete = count_ranks(prepared.norms, block.gram, query, near, table)
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
    """Compute the kernel products of one of the `KERNEL_TASKS_PER_BLOCK` tasks of a block.

    Args:
        norms: of m representations, stacked.
        grams: m Gram products [b, n].
        rows: int32 [b], row indices of the block.
        kernels: see `kernel_products`.
        widths: [m], bandwidths of the RBF kernel.
        at: position in the block of the first row of the task.

    Returns:
        For each kernel the inner products [m, m] and the means [m, rows of the task], in float64.
    """
    size = -(-len(rows) // KERNEL_TASKS_PER_BLOCK)
    first = min(at, len(rows) - size)
    task = rows[first : first + size]
    task = np.where(task < rows[at], PADDING_INDEX, task)
    products = products_of_kernels(norms, grams, task, kernels, widths, first)
    return [(np.asarray(total, np.float64), np.asarray(mean, np.float64)[:, at - first :]) for total, mean in products]


_recompute_exact_ranks = jax.jit(recompute_exact_ranks)
count_ranks = jax.jit(ranks)
products_of_kernels = jax.jit(kernel_products, static_argnames=("kernels",))
