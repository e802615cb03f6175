"""A pass over blocks of some rows, the queries, whose neighbours are searched among all rows."""

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
    count_cores,
    free_bytes,
    mesh_of,
    release_memory,
    use_numpy,
)
from ..gram import Prepared, in_numpy
from ..neighbours import Neighbours, block_table, ranks_numpy, rows_of_block, search_blocks
from .collected import Collected
from .mesh import run_mesh_pass
from .plan import PassPlan, QueryResult
from .run import _recompute_exact_ranks, count_ranks
from .segments import Segments


class _Block(NamedTuple):
    """Results of b queries of one model: [b, n] only where ranks are computed from it, and tables."""

    gram: Any
    tables: list[Neighbours]


def run_query_pass(
    representations: Sequence[Prepared],
    plan: PassPlan,
    rows: np.ndarray,
    group: np.ndarray,
    *,
    distinct: tuple[int, Sequence[np.ndarray | None]] | None = None,
    outside: np.ndarray | None = None,
    block: int | None = None,
    mesh: Mesh | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QueryResult:
    """Search the neighbours of q queries among all n rows of m models, and the ranks of these neighbours.

    Args:
        representations: m, of the same n samples.
        plan: the tables and ranks to compute; it has no kernels.
        rows: int32 [q], the queries.
        group: int [q], the group of each, over which ranks are summed.
        distinct: number of neighbours of the Euclidean tables in which only some rows are neighbours, and for each
            model which, bool [n]; None for all.
        outside: int32 [n], labels: the neighbours in the other tables have another label; None for any. Not for
            ranks, and not on a mesh.
        block: number of queries of a block; by default as many as fit in `free_bytes`, but at least `MIN_BLOCK`.
        mesh: devices among which the queries are divided, see `run_mesh_pass`; by default the device of the points, a
            mesh of one, if it is an accelerator.
        checkpoint: as in `run_pass`.
        progress: called with (queries done, q) after each block.

    Cost m q n d; memory O(m q k) and blocks of b n: of all models at once if ranks are planned, else one per core. On a
    CPU without ranks it is one block, and the points of one model after the other.
    """
    if mesh is None and outside is None and jax.default_backend() != "cpu":
        mesh = mesh_of(representations[0].points)
    if mesh is not None:
        options: dict[str, Any] = {"block": block, "checkpoint": checkpoint, "progress": progress}
        return run_mesh_pass(representations, plan, mesh, query=rows, group=group, distinct=distinct, **options)
    m, n, q = len(representations), len(representations[0].rows), len(rows)
    numpy = all(use_numpy(prepared.points) for prepared in representations)
    if numpy:
        representations = [in_numpy(prepared) for prepared in representations]
    k, masks = distinct or (0, [None] * m)
    if numpy and not plan.ranks:
        return _of_each(representations, plan, rows, k, masks, outside, block, checkpoint, progress)
    if block is None:
        # The free memory, and perhaps the cores, are others when an interrupted pass continues.
        held = m if plan.ranks or checkpoint else min(m, count_cores())
        free = BLOCK_BYTES if checkpoint else free_bytes()
        block = max(MIN_BLOCK, free // (held * n * representations[0].points.dtype.itemsize))
    block = -(-q // -(-q // min(q, block)))
    groups = int(group.max()) + 1
    found = Collected(plan, m, q, representations[0].points.dtype, groups=groups, distinct=k)
    inputs = (plan, block, rows, group, k, outside, *masks, *(prepared.rows for prepared in representations))
    saved = Segments(found, checkpoint and checkpoint.of("queries", *inputs))
    with Threads() as pool:
        for start in range(saved.rows, q, block):
            size = min(block, q - start)
            # The last block is filled up, so that programs are compiled for one shape.
            query = rows[np.minimum(np.arange(start, start + block), q - 1)]
            search = partial(_search, query=query, plan=plan, k=k, outside=outside)
            results = list(pool.map(search, representations, masks))
            for model, each in enumerate(results):
                found.add_tables(model, start, each.tables)
            if plan.ranks:
                at = [metric for metric, _ in plan.tables].index("euclidean")
                near = np.concatenate([np.asarray(each.tables[at].indices)[:, : plan.ranks] for each in results], 1)
                columns = pool.map(partial(_ranks, query=query, near=near, table=at), representations, results)
                means = np.stack([column[:size].reshape(size, m, -1).mean(2) for column in columns], 2)
                sums = np.zeros((groups, m, m))
                np.add.at(sums, group[start : start + size], means)
                found.add_ranks(sums)
            del results  # with the Gram products, before the next block is computed
            release_memory()
            saved.done(start + size)
            if progress is not None:
                progress(start + size, q)
    return found.result(None, block)


def _of_each(
    representations: Sequence[Prepared],
    plan: PassPlan,
    rows: np.ndarray,
    k: int,
    masks: Sequence[np.ndarray | None],
    outside: np.ndarray | None,
    block: int | None,
    checkpoint: Checkpoint | None,
    progress: Callable[[int, int], None] | None,
) -> QueryResult:
    """Compute neighbour tables only, one model after the other, in NumPy."""
    m, q, results = len(representations), len(rows), []
    for model, (prepared, mask) in enumerate(zip(representations, masks, strict=True)):
        found = Collected(plan, 1, q, prepared.points.dtype, distinct=k)
        size = rows_of_block(prepared, q) if block is None else min(q, block)
        inputs = (plan, size, rows, k, outside, mask, prepared.rows)
        saved = Segments(found, checkpoint and checkpoint.of("queries of one", *inputs))

        def search(gram: Any, query: np.ndarray, prepared: Prepared = prepared, mask: Any = mask) -> list[Neighbours]:
            return _tables(prepared, mask, gram, query, plan=plan, k=k, outside=outside)

        first = saved.rows
        for start, tables in search_blocks(prepared, rows[first:], search, size):
            found.add_tables(0, first + start, tables)
            done = first + start + len(tables[0].tied)
            saved.done(done, last=done == q)
            if progress is not None:
                progress((model * q + done) // m, q)
        results.append(found.result(None, size))
    whole = results[0]
    for other in results[1:]:
        whole.distinct += other.distinct
        for metric, of_models in whole.tables.items():
            of_models += other.tables[metric]
    return whole


def _search(
    prepared: Prepared,
    mask: np.ndarray | None,
    *,
    query: np.ndarray,
    plan: PassPlan,
    k: int,
    outside: np.ndarray | None,
) -> _Block:
    """Find the planned tables of one block of one model, and the one of k distinct neighbours after them."""
    gram = prepared.gram(query)
    tables = _tables(prepared, mask, gram, query, plan=plan, k=k, outside=outside)
    return _Block(gram if plan.ranks else None, jax.device_get(tables))


def _tables(
    prepared: Prepared,
    mask: np.ndarray | None,
    gram: Any,
    query: np.ndarray,
    *,
    plan: PassPlan,
    k: int,
    outside: np.ndarray | None,
) -> list[Neighbours]:
    find = partial(block_table, prepared, gram, query, ordered=plan.ordered, where=outside)
    tables = [find(width, metric) for metric, width in plan.tables]
    if k:
        tables.append(block_table(prepared, gram, query, k, "euclidean", where=mask))
    return tables


def _ranks(prepared: Prepared, found: _Block, *, query: np.ndarray, near: np.ndarray, table: int) -> np.ndarray:
    """Compute the ranks [b, c] in one model of the neighbours [b, c] of the queries in all models."""
    nearest = found.tables[table].indices
    if isinstance(prepared.rows, np.ndarray):
        return np.asarray(ranks_numpy(prepared, found.gram, query, near, nearest), np.float64)
    values, incomplete = count_ranks(prepared.norms, found.gram, query, near, nearest)
    if np.asarray(incomplete).any():
        values = _recompute_exact_ranks(prepared, query, near, values, incomplete)
    return np.asarray(values, np.float64)
