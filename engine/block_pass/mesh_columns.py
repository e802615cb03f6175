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

from ..base import AXIS, HIGHEST, each_row
from ..gram import Kernel, Norms, Prepared, kernel_entries, multiplied
from ..neighbours import CERTAIN, NeighbourMetric, Neighbours, build_table, candidates, exact_distances, recompute_exact
from .mesh_layout import Inputs, Layout, rank_sums
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

    def rows_of_block(self, *parts: jax.Array) -> jax.Array:
        """Return the rows of the block, wherever they are, in parts that each have a row for each of the device."""
        at = jnp.clip(self.query - self.first, 0, len(parts[0]) - 1)
        return jax.lax.psum(jnp.where(self.mine[:, None], jnp.stack([rows[at] for rows in parts]), 0), AXIS)

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

        def searched(columns: _Columns, model: tuple[Any, ...]) -> tuple[Any, Any, list[Neighbours]]:
            rows, points, whole, kept = model
            block = columns.rows_of_block(rows, points)
            both = [jnp.concatenate([part, own]) for part, own in zip((rows, points), block, strict=True)]
            one = Prepared(both[0], both[1], columns.norms(whole))
            gram = multiplied(one.points[columns.local], one.points, plan.precision)
            wanted = [(metric, k, known) for metric, k in plan.tables]
            if layout.distinct:
                wanted.append(("euclidean", layout.distinct, known & kept[columns.row]))
            tables = _tables(one, whole, gram, columns, wanted)
            return (gram, block[0], tables) if plan.kernels or plan.ranks else (None, None, tables)

        models = [
            (rows, points, jax.tree.map(lambda leaf, a=a, b=b: leaf[a:b], norms), inputs.kept[a:b])
            for rows, points, (a, b) in zip(inputs.rows, inputs.points, bounds, strict=True)
        ]
        found = []
        for each in models:
            found.append(jax.lax.map(partial(searched, columns), each))
            if found[-1][2]:
                columns = columns._replace(query=_after(found[-1][2][0].indices, columns.query))
        result: dict[str, Any] = {
            "tables": jax.tree.map(lambda *tables: jnp.concatenate(tables), *(tables for *_, tables in found))
        }
        grams = jnp.concatenate([gram for gram, *_ in found]) if plan.kernels or plan.ranks else norms.mean
        if plan.kernels:
            if plan.tables:
                columns = columns._replace(query=_after(result["tables"][0].indices, columns.query))
            result["kernels"] = _kernel_sums(norms, grams, inputs.sigmas, columns, inside, plan.kernels)
        if plan.ranks:
            near = result["tables"][[metric for metric, _ in plan.tables].index("euclidean")].indices
            wanted = jnp.moveaxis(near[:, :, : plan.ranks], 0, 1).reshape(layout.block, -1)

            def ranked(model: tuple[Any, ...]) -> jax.Array:
                (rows, _, whole, _), gram, block, table = model
                one = Prepared(jnp.concatenate([rows, block]), None, columns.norms(whole))
                values = _ranks(one, whole, gram, columns, wanted, table)
                values = jnp.where(inside[:, None], values, 0).reshape(layout.block, len(near), -1)
                return rank_sums(values, inputs.group[place], layout.groups)

            if plan.kernels:
                wanted = _after(result["kernels"][0][0], wanted)
            ranks = []
            for each, (_, block, _), (a, b) in zip(models, found, bounds, strict=True):
                ranks.append(jax.lax.map(ranked, (each, grams[a:b], block, near[a:b])))
                wanted = _after(ranks[-1], wanted)
            result["ranks"] = jnp.concatenate(ranks)
        return result

    return jax.lax.map(process, jnp.arange(layout.at_once, dtype=jnp.int32))


def _after(done: jax.Array, values: jax.Array) -> jax.Array:
    """Return the same values, but not before some other ones are there.

    On a CPU, two exchanges between devices that do not depend on each other may begin in different orders on different
    devices, which then wait for each other for ever.
    """
    # No table, sum or rank is this number.
    return jnp.where(done.ravel()[0].astype(jnp.float32) == -jnp.inf, 0, values)


def _tables(
    one: Prepared,
    whole: Norms,
    gram: jax.Array,
    columns: _Columns,
    wanted: list[tuple[NeighbourMetric, int, jax.Array]],
) -> list[Neighbours]:
    """Find the k nearest rows of all devices: the nearest of each with their exact distances, in order.

    Args:
        one: the rows of the columns.
        whole: norms of all rows.
        gram: [b, c].
        columns: of this device.
        wanted: for each table its metric, k, and the columns that may be neighbours, bool [c].
    """
    if not wanted:
        return []

    def in_order(far: jax.Array, row: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
        far, row = each_row(lambda *pair: tuple(jax.lax.sort(pair, num_keys=2)), far, row)
        return far[:, : k + 1], row[:, : k + 1]

    own = []
    for metric, k, where in wanted:
        found = candidates(one.norms, gram, columns.local, k, metric, where)
        at = recompute_exact(one, columns.local, found.indices, found.incomplete, metric, where)
        far = exact_distances(one, columns.local, at, metric)
        far = jnp.where(where[at] & (at != columns.local[:, None]), far, jnp.inf)
        own.append(in_order(far, columns.row[at], k))
    # All in one exchange, as integers.
    kind = jnp.int32 if gram.dtype.itemsize == 4 else jnp.int64
    bits = [jnp.stack([jax.lax.bitcast_convert_type(far, kind), row.astype(kind)]) for far, row in own]
    widths = np.cumsum([part.shape[2] for part in bits])[:-1]
    gathered = jax.lax.all_gather(jnp.concatenate(bits, 2), AXIS)  # [devices, 2, b, all tables]
    tables = []
    for (metric, k, _), part in zip(wanted, jnp.split(gathered, widths, 3), strict=True):
        far, row = jnp.moveaxis(part, 0, 2).reshape(2, len(gram), -1)
        far, row = in_order(jax.lax.bitcast_convert_type(far, gram.dtype), row.astype(jnp.int32), k)
        tables.append(build_table(whole, far, row, k, metric))
    return tables


def _kernel_sums(
    norms: Norms, grams: jax.Array, sigmas: jax.Array, columns: _Columns, inside: jax.Array, kernels: tuple[Kernel, ...]
) -> list[tuple[jax.Array, jax.Array]]:
    """Compute for each kernel the inner products [m, m] of rows minus their means, and the means [m, b]."""
    n, m = norms.squares.shape[1], len(grams)
    every = columns.known[None, :] & ~columns.self & inside[:, None]

    def entries(kernel: Kernel, whole: Norms, gram: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
        keep = every & ~whole.all_equal
        return jnp.where(keep, kernel_entries(columns.norms(whole), gram, columns.local, kernel, sigma), 0), keep

    found = [jax.vmap(partial(entries, kernel))(norms, grams, sigmas) for kernel in kernels]
    means = jax.lax.psum(jnp.stack([values.sum(2) for values, _ in found]), AXIS) / (n - 1)
    flat = [
        jnp.where(keep, values - mean[:, :, None], 0).reshape(m, -1)
        for (values, keep), mean in zip(found, means, strict=True)
    ]
    products = jax.lax.psum(jnp.stack([jnp.matmul(rows, rows.T, precision=HIGHEST) for rows in flat]), AXIS)
    return list(zip(products, means, strict=True))


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
