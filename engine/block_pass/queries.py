"""A pass over blocks of some rows, the queries, whose neighbours are searched among all rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from ..base import MIN_BLOCK, Threads, free_bytes, use_numpy
from ..gram import Prepared, in_numpy
from ..neighbours import Neighbours, block_table, join_blocks, ranks_numpy
from .mesh import mesh_of, run_mesh_pass
from .plan import PassPlan, QueryResult
from .run import _recompute_exact_ranks, count_ranks


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
    block: int | None = None,
    mesh: Mesh | None = None,
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
        block: number of queries of a block; by default as many as fit in `free_bytes`, but at least `MIN_BLOCK`.
        mesh: devices among which the queries are divided, see `run_mesh_pass`; by default the device of the points, a
            mesh of one, if it is an accelerator.
        progress: called with (queries done, q) after each block.

    Cost m q n d; memory O(m q k) and blocks of b n: of all models at once if ranks are planned, else one per core.
    """
    if mesh is None and jax.default_backend() != "cpu":
        mesh = mesh_of(representations[0].points)
    if mesh is not None:
        return run_mesh_pass(
            representations, plan, mesh, query=rows, group=group, distinct=distinct, block=block, progress=progress
        )
    m, n, q = len(representations), len(representations[0].rows), len(rows)
    if all(use_numpy(prepared.points) for prepared in representations):
        representations = [in_numpy(prepared) for prepared in representations]
    if block is None:
        held = m if plan.ranks else min(m, os.cpu_count() or 1)
        block = max(MIN_BLOCK, free_bytes() // (held * n * representations[0].points.dtype.itemsize))
    block = -(-q // -(-q // min(q, block)))
    masks = distinct[1] if distinct else [None] * m
    tables: list[list[list[Neighbours]]] = []  # by block, model and table
    rank_sums = np.zeros((group.max() + 1, m, m))
    with Threads() as pool:
        for start in range(0, q, block):
            size = min(block, q - start)
            # The last block is filled up, so that programs are compiled for one shape.
            query = rows[np.minimum(np.arange(start, start + block), q - 1)]
            search = partial(_search, query=query, plan=plan, k=distinct[0] if distinct else 0)
            found = list(pool.map(search, representations, masks))
            if plan.ranks:
                at = [metric for metric, _ in plan.tables].index("euclidean")
                near = np.concatenate([np.asarray(each.tables[at].indices)[:, : plan.ranks] for each in found], 1)
                columns = pool.map(partial(_ranks, query=query, near=near, table=at), representations, found)
                means = np.stack([column[:size].reshape(size, m, -1).mean(2) for column in columns], 2)
                np.add.at(rank_sums, group[start : start + size], means)
            tables.append([each.tables for each in found])
            if progress is not None:
                progress(start + size, q)
    joined = [
        [join_blocks(list(parts), q) for parts in zip(*blocks, strict=True)] for blocks in zip(*tables, strict=True)
    ]
    return QueryResult(
        block=block,
        tables={metric: [of_model[at] for of_model in joined] for at, (metric, _) in enumerate(plan.tables)},
        distinct=[of_model[-1] for of_model in joined] if distinct else [],
        rank_sums=rank_sums if plan.ranks else None,
    )


def _search(prepared: Prepared, mask: np.ndarray | None, *, query: np.ndarray, plan: PassPlan, k: int) -> _Block:
    """Find the planned tables of one block of one model, and the one of k distinct neighbours after them."""
    gram = prepared.gram(query)
    tables = [block_table(prepared, gram, query, width, metric, ordered=plan.ordered) for metric, width in plan.tables]
    if k:
        tables.append(block_table(prepared, gram, query, k, "euclidean", where=mask))
    return _Block(gram if plan.ranks else None, jax.device_get(tables))


def _ranks(prepared: Prepared, found: _Block, *, query: np.ndarray, near: np.ndarray, table: int) -> np.ndarray:
    """Compute the ranks [b, c] in one model of the neighbours [b, c] of the queries in all models."""
    nearest = found.tables[table].indices
    if isinstance(prepared.points, np.ndarray):
        return np.asarray(ranks_numpy(prepared, found.gram, query, near, nearest), np.float64)
    values, incomplete = count_ranks(prepared.norms, found.gram, query, near, nearest)
    if np.asarray(incomplete).any():
        values = _recompute_exact_ranks(prepared, query, near, values, incomplete)
    return np.asarray(values, np.float64)
