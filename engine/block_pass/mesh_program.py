"""The program that each device of a mesh runs for blocks of its share of the rows."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..gram import Norms, Prepared, kernel_products, multiplied
from ..neighbours import Neighbours, ranks, recompute_exact_ranks, search
from .plan import PassPlan

AXIS = "rows"
# Sums of ranks are divided by this, so that quotients and remainders fit in 32 bits.
RANK_BASE = 4096


class Layout(NamedTuple):
    """How the q rows that are compared with all rows are divided among devices and blocks, in this order.

    Args:
        q: number of rows.
        groups: number of groups of rows over which ranks are summed.
        distinct: number of neighbours of a further Euclidean table, in which only some rows are neighbours; 0 for none.
        devices: number of devices.
        blocks: number of blocks of each device; the last ones may be beyond the last row.
        block: number of rows of a block.
        at_once: number of blocks of each device in one run of the program.
        held: whether each device holds the columns of all models during a run, or gathers those of one model after the
            other for each block.
    """

    q: int
    groups: int
    distinct: int
    devices: int
    blocks: int
    block: int
    at_once: int
    held: bool

    @property
    def rows_of_device(self) -> int:
        """Number of rows of each device, with those beyond the last."""
        return self.block * self.blocks


class Inputs(NamedTuple):
    """What the program computes from; arrays of m models are in the order of their widths.

    Args:
        rows: for each width of the models, [g, rows of all devices, width], with rows and columns of zeros appended.
        points: the same of the points.
        norms: stacked.
        sigmas: [m], bandwidths of the RBF kernel.
        query: int32 [q], the rows that are compared with all n.
        group: int32 [q], the group of each.
        kept: bool [m, n], the neighbours of the further table; [m, 0] without one.
    """

    rows: tuple[jax.Array, ...]
    points: tuple[jax.Array, ...]
    norms: Norms
    sigmas: jax.Array
    query: jax.Array
    group: jax.Array
    kept: jax.Array


@partial(jax.jit, static_argnames=("mesh", "plan", "layout"))
def run_blocks(inputs: Inputs, start: jax.Array, *, mesh: Mesh, plan: PassPlan, layout: Layout) -> dict[str, Any]:
    """Process some blocks of each device.

    Args:
        inputs: sharded over `AXIS` along the rows, the rest on every device.
        start: int32 scalar, the first block of each device.
        mesh: with the one axis `AXIS`.
        plan: the quantities to compute.
        layout: of the rows.

    Returns:
        On every device, each with a leading axis of the blocks of all devices: ``tables``, one [m, b, k] for each
        planned one and then the one of distinct rows; ``kernels``, the inner products [m, m] and means [m, b] of each;
        and ``ranks`` uint32 [m, 2, groups, m], see `_rank_sums`.
    """
    share, all_of_it = PartitionSpec(None, AXIS), PartitionSpec()
    run = jax.shard_map(
        partial(_run_on_device, plan=plan, layout=layout),
        mesh=mesh,
        in_specs=((share, share, *[all_of_it] * 5), all_of_it),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,  # the loops of the search start from values that do not vary over devices
    )
    return jax.lax.with_sharding_constraint(run(tuple(inputs), start), NamedSharding(mesh, PartitionSpec()))


class _Model(NamedTuple):
    """One model, or some along a leading axis; rows and points are those of this device, or all if they are held."""

    rows: jax.Array
    points: jax.Array
    norms: Norms
    kept: jax.Array


def _run_on_device(parts: tuple[Any, ...], start: jax.Array, *, plan: PassPlan, layout: Layout) -> dict[str, Any]:
    inputs = Inputs(*parts)
    n, device, norms = inputs.norms.squares.shape[1], jax.lax.axis_index(AXIS), inputs.norms
    bounds = list(pairwise(np.cumsum([0, *(len(share) for share in inputs.rows)])))

    def gathered(share: jax.Array) -> jax.Array:
        if layout.devices == 1:
            return share
        return jax.lax.all_gather(share, AXIS, axis=share.ndim - 2, tiled=True)[..., :n, :]

    def columns(share: jax.Array) -> jax.Array:
        return gathered(share) if layout.held else share

    classes = [
        _Model(columns(x), columns(p), jax.tree.map(lambda leaf, a=a, b=b: leaf[a:b], norms), inputs.kept[a:b])
        for x, p, (a, b) in zip(inputs.rows, inputs.points, bounds, strict=True)
    ]

    def process(at: jax.Array) -> dict[str, Any]:
        own = device * layout.rows_of_device + (start + at) * layout.block + jnp.arange(layout.block, dtype=jnp.int32)
        inside, own = own < layout.q, jnp.minimum(own, layout.q - 1)
        query = inputs.query[own]

        def prepared(model: _Model) -> Prepared:
            if layout.held:
                return Prepared(model.rows, model.points, model.norms)
            # Bound to the block, or else XLA would move it out of the loop and hold all columns.
            x, p, _ = jax.lax.optimization_barrier((model.rows, model.points, at))
            return Prepared(gathered(x), gathered(p), model.norms)

        def searched(model: _Model) -> tuple[jax.Array | None, list[Neighbours]]:
            one = prepared(model)
            gram = multiplied(one.points[query], one.points, plan.precision)
            tables = [search(one, gram, query, k, metric) for metric, k in plan.tables]
            if layout.distinct:
                tables.append(search(one, gram, query, layout.distinct, "euclidean", model.kept))
            return gram if plan.kernels or plan.ranks else None, tables

        found = [jax.lax.map(searched, models) for models in classes]
        result: dict[str, Any] = {
            "tables": jax.tree.map(lambda *parts: jnp.concatenate(parts), *(tables for _, tables in found))
        }
        grams = jnp.concatenate([gram for gram, _ in found]) if plan.kernels or plan.ranks else norms.mean
        if plan.kernels:
            result["kernels"] = kernel_products(norms, grams, jnp.where(inside, query, n), plan.kernels, inputs.sigmas)
        if plan.ranks:
            near = result["tables"][[metric for metric, _ in plan.tables].index("euclidean")].indices
            wanted = jnp.moveaxis(near[:, :, : plan.ranks], 0, 1).reshape(layout.block, -1)

            def ranked(model: tuple[_Model, jax.Array, jax.Array]) -> jax.Array:
                one, (_, gram, table) = prepared(model[0]), model
                values, incomplete = ranks(one.norms, gram, query, wanted, table)
                values = recompute_exact_ranks(one, query, wanted, values, incomplete)
                whole = jnp.where(inside[:, None], values, 0).reshape(layout.block, len(near), -1)
                return _rank_sums(whole, inputs.group[own], layout.groups)

            parts = [
                jax.lax.map(ranked, (models, grams[a:b], near[a:b]))
                for models, (a, b) in zip(classes, bounds, strict=True)
            ]
            result["ranks"] = jnp.concatenate(parts)
        return result

    return jax.lax.map(process, jnp.arange(layout.at_once, dtype=jnp.int32))


def _rank_sums(ranks: jax.Array, group: jax.Array, groups: int) -> jax.Array:
    """Sum the ranks [b, m, k] of b rows over groups of rows and over k, without rounding.

    Returns:
        uint32 [2, groups, m], multiples of `RANK_BASE` and the rest.
    """
    whole = ranks.astype(jnp.uint32)
    parts = jnp.stack([whole // RANK_BASE, whole % RANK_BASE], 1).sum(3, dtype=jnp.uint32)  # [b, 2, m]
    return jnp.moveaxis(jax.ops.segment_sum(parts, group, groups), 0, 1)
