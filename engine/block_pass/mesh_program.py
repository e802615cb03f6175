"""The program that each device of a mesh runs for blocks of its share of the rows."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..base import AXIS
from ..gram import Norms, Prepared, kernel_products, multiplied
from ..neighbours import Neighbours, ranks, recompute_exact_ranks, search
from .mesh_columns import run_on_columns
from .mesh_layout import Inputs, Layout, rank_sums
from .plan import PassPlan


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
        and ``ranks`` uint32 [m, 3, groups, m], see `rank_sums`.
    """
    share, all_of_it = PartitionSpec(None, AXIS), PartitionSpec()
    run = jax.shard_map(
        partial(_run_on_device if layout.held else run_on_columns, plan=plan, layout=layout),
        mesh=mesh,
        in_specs=((share, share, *[all_of_it] * 5), all_of_it),
        out_specs=PartitionSpec(AXIS) if layout.held else PartitionSpec(),
        check_vma=False,  # the loops of the search start from values that do not vary over devices
    )
    return jax.lax.with_sharding_constraint(run(tuple(inputs), start), NamedSharding(mesh, PartitionSpec()))


class _Model(NamedTuple):
    """One model, or some along a leading axis."""

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

    classes = [
        _Model(gathered(x), gathered(p), jax.tree.map(lambda leaf, a=a, b=b: leaf[a:b], norms), inputs.kept[a:b])
        for x, p, (a, b) in zip(inputs.rows, inputs.points, bounds, strict=True)
    ]

    def process(at: jax.Array) -> dict[str, Any]:
        own = device * layout.rows_of_device + (start + at) * layout.block + jnp.arange(layout.block, dtype=jnp.int32)
        inside, own = own < layout.q, jnp.minimum(own, layout.q - 1)
        query = inputs.query[own]

        def prepared(model: _Model) -> Prepared:
            return Prepared(model.rows, model.points, model.norms)

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
                return rank_sums(whole, inputs.group[own], layout.groups)

            parts = [
                jax.lax.map(ranked, (models, grams[a:b], near[a:b]))
                for models, (a, b) in zip(classes, bounds, strict=True)
            ]
            result["ranks"] = jnp.concatenate(parts)
        return result

    return jax.lax.map(process, jnp.arange(layout.at_once, dtype=jnp.int32))
