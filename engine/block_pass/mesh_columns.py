"""The program for rows that do not fit on one device: each keeps its columns, and compares every block with these.

What a device finds for its columns is merged with what the others find, so that no device ever has the rows of all.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, each_row
from ..gram import Kernel, Norms, Prepared, kernel_entries, multiplied
from ..neighbours import CERTAIN, NeighbourMetric, Neighbours, build_table, candidates, exact_distances, recompute_exact
from .mesh_layout import AXIS, Inputs, Layout, rank_sums
from .plan import PassPlan


class _Columns(NamedTuple):
    """The columns of one device, followed by the b rows of the block.

    Args:
        first: index of the first row of the device.
        row: int32 [c], the row of each column.
        known: bool [c], the columns that are rows of this device, without padding and without those of the block.
        query: int32 [b], the rows of the block.
        local: int32 [b], their columns: those of the device if it has them.
        mine: bool [b], whether it has.
    """

    first: jax.Array
    row: jax.Array
    known: jax.Array
    query: jax.Array
    local: jax.Array
    mine: jax.Array

    @property
    def self(self) -> jax.Array:
        """Bool [b, c], the column that is the row itself."""
        return jnp.arange(len(self.row), dtype=jnp.int32)[None, :] == self.local[:, None]

    def of(self, rows: jax.Array) -> jax.Array:
        """Append the rows of the block to those of the device, wherever they are."""
        own = rows[jnp.clip(self.query - self.first, 0, len(rows) - 1)]
        return jnp.concatenate([rows, jax.lax.psum(jnp.where(self.mine[:, None], own, 0), AXIS)])

    def norms(self, norms: Norms) -> Norms:
        """Take those of the columns of one model."""
        return jax.tree.map(lambda leaf: leaf[self.row] if leaf.ndim else leaf, norms)

    def take(self, values: jax.Array, wanted: jax.Array) -> jax.Array:
        """Take entries [..., k] of values [..., c] by the rows ``wanted`` of any device."""
        at = wanted - self.first
        here = (at >= 0) & (at < len(self.row) - len(self.query))
        own = jnp.take_along_axis(values, jnp.where(here, at, 0), -1)
        return jax.lax.psum(jnp.where(here, own, 0), AXIS)


def run_on_columns(parts: tuple[Any, ...], start: jax.Array, *, plan: PassPlan, layout: Layout) -> dict[str, Any]:
    """Process some blocks of rows, the same on every device, and return what `run_blocks` does for each."""
    inputs = Inputs(*parts)
    n, norms = inputs.norms.squares.shape[1], inputs.norms
    share = inputs.rows[0].shape[1]
    first = jax.lax.axis_index(AXIS) * share
    own = first + jnp.arange(share, dtype=jnp.int32)
    bounds = list(pairwise(np.cumsum([0, *(len(rows) for rows in inputs.rows)])))

    def process(at: jax.Array) -> dict[str, Any]:
        place = (start + at) * layout.block + jnp.arange(layout.block, dtype=jnp.int32)
        inside, place = place < layout.q, jnp.minimum(place, layout.q - 1)
        query = inputs.query[place]
        mine = (query >= first) & (query < first + share)
        local = jnp.where(mine, query - first, share + jnp.arange(layout.block, dtype=jnp.int32))
        row = jnp.concatenate([jnp.minimum(own, n - 1), query])
        known = jnp.concatenate([own < n, jnp.zeros(layout.block, bool)])
        columns = _Columns(first, row, known, query, local, mine)

        def searched(model: tuple[Any, ...]) -> tuple[jax.Array | None, list[Neighbours]]:
            rows, points, whole, kept = model
            one = Prepared(columns.of(rows), columns.of(points), columns.norms(whole))
            gram = multiplied(one.points[local], one.points, plan.precision)
            tables = [_table(one, whole, gram, columns, k, metric, known) for metric, k in plan.tables]
            if layout.distinct:
                tables.append(_table(one, whole, gram, columns, layout.distinct, "euclidean", known & kept[row]))
            return gram if plan.kernels or plan.ranks else None, tables

        models = [
            (rows, points, jax.tree.map(lambda leaf, a=a, b=b: leaf[a:b], norms), inputs.kept[a:b])
            for rows, points, (a, b) in zip(inputs.rows, inputs.points, bounds, strict=True)
        ]
        found = [jax.lax.map(searched, each) for each in models]
        result: dict[str, Any] = {
            "tables": jax.tree.map(lambda *tables: jnp.concatenate(tables), *(tables for _, tables in found))
        }
        grams = jnp.concatenate([gram for gram, _ in found]) if plan.kernels or plan.ranks else norms.mean
        if plan.kernels:
            result["kernels"] = [_kernel_sums(norms, grams, inputs.sigmas, columns, inside, k) for k in plan.kernels]
        if plan.ranks:
            near = result["tables"][[metric for metric, _ in plan.tables].index("euclidean")].indices
            wanted = jnp.moveaxis(near[:, :, : plan.ranks], 0, 1).reshape(layout.block, -1)

            def ranked(model: tuple[Any, ...]) -> jax.Array:
                (rows, _, whole, _), gram, table = model
                one = Prepared(columns.of(rows), gram, columns.norms(whole))
                values = _ranks(one, whole, gram, columns, wanted, table)
                values = jnp.where(inside[:, None], values, 0).reshape(layout.block, len(near), -1)
                return rank_sums(values, inputs.group[place], layout.groups)

            shares = zip(models, bounds, strict=True)
            result["ranks"] = jnp.concatenate(
                [jax.lax.map(ranked, (each, grams[a:b], near[a:b])) for each, (a, b) in shares]
            )
        return result

    return jax.lax.map(process, jnp.arange(layout.at_once, dtype=jnp.int32))


def _table(
    one: Prepared, whole: Norms, gram: jax.Array, columns: _Columns, k: int, metric: NeighbourMetric, where: jax.Array
) -> Neighbours:
    """Find the k nearest rows of all devices: the nearest of each with their exact distances, in order."""
    found = candidates(one.norms, gram, columns.local, k, metric, where)
    at = recompute_exact(one, columns.local, found.indices, found.incomplete, metric, where)
    far = exact_distances(one, columns.local, at, metric)
    far = jnp.where(where[at] & (at != columns.local[:, None]), far, jnp.inf)

    def in_order(far: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        far, index = each_row(lambda *row: tuple(jax.lax.sort(row, num_keys=2)), far, index)
        return far[:, : k + 1], index[:, : k + 1]

    both = in_order(far, columns.row[at])
    far, index = (jax.lax.all_gather(part, AXIS, axis=1, tiled=True) for part in both)
    return build_table(whole, *in_order(far, index), k, metric)


def _kernel_sums(
    norms: Norms, grams: jax.Array, sigmas: jax.Array, columns: _Columns, inside: jax.Array, kernel: Kernel
) -> tuple[jax.Array, jax.Array]:
    """Compute the inner products [m, m] of rows of kernels minus their means, and the means [m, b]."""
    n, m = norms.squares.shape[1], len(grams)
    every = columns.known[None, :] & ~columns.self & inside[:, None]

    def entries(whole: Norms, gram: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
        keep = every & ~whole.all_equal
        return jnp.where(keep, kernel_entries(columns.norms(whole), gram, columns.local, kernel, sigma), 0), keep

    values, keep = jax.vmap(entries)(norms, grams, sigmas)
    means = jax.lax.psum(values.sum(2), AXIS) / (n - 1)
    flat = jnp.where(keep, values - means[:, :, None], 0).reshape(m, -1)
    return jax.lax.psum(jnp.matmul(flat, flat.T, precision=HIGHEST), AXIS), means


def _ranks(
    one: Prepared, whole: Norms, gram: jax.Array, columns: _Columns, wanted: jax.Array, table: jax.Array
) -> jax.Array:
    """Compute what `ranks` and `recompute_exact_ranks` do: the ranks [b, c] of wanted rows of all devices."""
    query = columns.query
    far = jnp.where(columns.known[None, :] & ~columns.self, one.norms.distances(gram, columns.local), jnp.inf)
    limit = columns.take(far, wanted)
    error = 2 * whole.gram_rtol * (whole.squares[query][:, None] + whole.squares[wanted])
    same = wanted[:, :, None] == table[:, None, :]
    in_table = same.any(2)
    counted = 1 + jax.lax.psum(each_row(partial(_count, columns.row), far, wanted, limit + error, limit - error), AXIS)
    found = jnp.where(in_table, 1 + same.argmax(2).astype(far.dtype), counted)
    incomplete = (~in_table & (limit <= CERTAIN * error)).any(1)

    def replace(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        incomplete, found = state
        which = incomplete.argmax()
        row = columns.local[which]
        difference = jax.lax.optimization_barrier((one.rows - one.rows[row]) * (1 / whole.scale))
        far = jnp.where(columns.known & ~columns.self[which], (difference * difference).sum(1), jnp.inf)
        limit = columns.take(far, wanted[which])
        next_up = jnp.maximum(jnp.nextafter(limit, jnp.inf), jnp.finfo(far.dtype).tiny)
        counted = 1 + jax.lax.psum(_count(columns.row, far, wanted[which], next_up, limit), AXIS)
        return incomplete.at[which].set(False), found.at[which].set(counted)

    # The same rows on every device, since nothing in them depends on the columns of one.
    return jax.lax.while_loop(lambda state: state[0].any(), replace, (incomplete, found))[1]


def _count(index: jax.Array, far: jax.Array, wanted: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """Count the columns [c] nearer than wanted rows [k]: than ``before`` for lower rows, than ``after`` for higher."""
    limit = jnp.where(index[None, :] < wanted[:, None], before[:, None], after[:, None])
    return jnp.matmul((far[None, :] < limit).astype(far.dtype), jnp.ones_like(far), precision=HIGHEST)
