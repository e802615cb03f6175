"""The pass over blocks of rows on a mesh of devices, each of which has a share of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ..base import (
    AXIS,
    MIN_BLOCK,
    Checkpoint,
    copied,
    free_bytes,
    namespace,
    several_processes,
    shared_out,
    smallest,
    wait_for_processes,
    width_classes,
)
from ..gram import Prepared, check_precision, product_error, stacked
from ..neighbours import Neighbours
from .collected import Collected
from .mesh_layout import RANK_BASE, Inputs, Layout
from .mesh_program import run_blocks
from .plan import PassPlan, QueryResult

# Number of times that a pass stops to report its progress, or to be saved.
STOPS = 16
# Largest share of the free memory of a device for the columns of all models.
HELD_SHARE = 0.4


def run_mesh_pass(
    representations: Sequence[Prepared],
    plan: PassPlan,
    mesh: Mesh,
    *,
    sigmas: Sequence[Any] | None = None,
    query: np.ndarray | None = None,
    group: np.ndarray | None = None,
    distinct: tuple[int, Sequence[np.ndarray | None]] | None = None,
    block: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QueryResult:
    """Compute what `run_pass` and `run_query_pass` do on the devices of a mesh, of one process or of several.

    Args:
        representations: m, of the same n samples. All processes have all of them, and send to their devices only the
            rows of these.
        plan: the quantities to compute.
        mesh: its axes do not matter, only its devices.
        sigmas: m bandwidths, for the RBF kernel.
        query: int32 [q], the rows that are compared with all rows; by default all. Kernels need all.
        group: int [q], as in `run_query_pass`; by default one group.
        distinct: as in `run_query_pass`.
        block: number of rows of a block of each device; by default as many as fit in `free_bytes`.
        checkpoint: where the results of up to `STOPS` parts are saved from which an interrupted pass continues.
        progress: called with (rows done, total rows), at most `STOPS` times; by default the devices are not waited for
            before the end.

    Results are read once, at the end, or when they are saved. Neighbours and ranks are the same to the bit on any
    number of devices; sums differ by the order in which they are added. Models are padded with columns of zeros to few
    widths, and those of one width share what is compiled. Cost m q n d / D + m^2 q n / D for D devices.

    Where the rows of all models fit on each device, it processes blocks of its own rows: memory O(m n d + m b n). Else
    it processes every block with its own columns, see `run_on_columns`: memory O(m n d / D + m b n / D).
    """
    mesh = Mesh(mesh.devices.reshape(-1), (AXIS,))
    order, classes = width_classes([prepared.rows.shape[1] for prepared in representations])
    representations = [representations[model] for model in order]
    n, m, dtype = len(representations[0].rows), len(order), representations[0].points.dtype
    query = np.arange(n, dtype=np.int32) if query is None else query
    group = np.zeros(len(query), np.int32) if group is None else group.astype(np.int32)
    check_precision(plan.precision, mesh.devices.flat[0].platform, str(dtype))
    shared = several_processes(mesh)
    devices, groups, further = mesh.size, int(group.max()) + 1, distinct[0] if distinct else 0

    def divide() -> dict[str, np.ndarray]:
        free = smallest(free_bytes()) if shared else free_bytes()
        columns = 2 * n * dtype.itemsize * sum(len(members) * width for width, members in classes)
        # The free bytes are an eighth of the memory. A device that has only its own columns needs enough neighbours.
        few = n // devices <= 2 * max([0, further, *(k for _, k in plan.tables)])
        held = devices == 1 or few or columns <= HELD_SHARE * 8 * free
        shares = devices if held else 1
        size = block or max(MIN_BLOCK, free * devices // shares // (m * n * dtype.itemsize))
        stops = progress is not None or checkpoint is not None
        return {"layout": np.array([*_blocks(-(-len(query) // shares), size, stops=stops), held])}

    if checkpoint:
        checkpoint = checkpoint.of(
            "mesh", plan, devices, block, query, group, *_inputs(representations, sigmas, distinct)
        )
    # The free memory is another one when an interrupted pass continues.
    division = checkpoint.saved("layout", divide)["layout"] if checkpoint else divide()["layout"]
    blocks, size, at_once, held = map(int, division)
    layout = Layout(len(query), groups, further, devices, blocks, size, at_once, bool(held))

    def rows(name: str) -> tuple[jax.Array, ...]:
        return tuple(
            shared_out([getattr(representations[i], name) for i in members], width, -(-n // devices), mesh)
            for width, members in classes
        )

    masks: Sequence[np.ndarray | None] = [distinct[1][model] for model in order] if distinct else []
    kept = np.array([np.ones(n, bool) if mask is None else mask for mask in masks], bool).reshape(m, -1)
    widths = np.ones(m, dtype) if sigmas is None else namespace(*sigmas).stack([sigmas[model] for model in order])
    exact = stacked([prepared.norms for prepared in representations])
    norms = exact._replace(gram_rtol=product_error(exact.gram_rtol, plan.precision))
    everywhere = (norms, widths, query, group, kept)
    inputs = Inputs(rows("rows"), rows("points"), *jax.tree.map(lambda leaf: copied(leaf, mesh), everywhere))
    starts = [copied(np.int32(start), mesh) for start in range(0, blocks, at_once)]
    if shared:
        run_blocks.lower(inputs, starts[0], mesh=mesh, plan=plan, layout=layout).compile()
        wait_for_processes("hyle pass")
    run = partial(run_blocks, mesh=mesh, plan=plan, layout=layout)
    parts = []
    for done, start in enumerate(starts, 1):
        parts.append(_saved(checkpoint, f"part {done}", run, inputs, start) if checkpoint else run(inputs, start))
        if progress is not None:
            jax.block_until_ready(parts[-1])
            progress(len(query) * done // len(starts), len(query))
    found = Collected(plan, m, len(query), dtype, groups=groups, distinct=further)
    parts, norms = jax.device_get((parts, norms))
    for first, part in zip(range(0, blocks, at_once), parts, strict=True):
        _add(found, part, first, np.array(order), plan, layout)
    return found.result(jax.tree.map(lambda leaf: leaf[np.argsort(order)], norms), size)


def _saved(checkpoint: Checkpoint, name: str, run: Callable[..., Any], inputs: Inputs, start: jax.Array) -> Any:
    """Read what one run of the program found, or run it and save that."""
    found = checkpoint.load(name)
    if found is None:
        part = jax.device_get(run(inputs, start))
        checkpoint.save(name, {f"{at}": leaf for at, leaf in enumerate(jax.tree.leaves(part))})
        return part
    return jax.tree.unflatten(
        jax.tree.structure(jax.eval_shape(run, inputs, start)), [found[f"{at}"] for at in range(len(found))]
    )


def _blocks(rows: int, block: int, *, stops: bool) -> tuple[int, int, int]:
    """Divide the rows of a device into blocks; return their number, the rows of each, and the blocks of one run."""
    blocks = -(-rows // min(rows, block))
    at_once = -(-blocks // STOPS) if stops else blocks
    blocks = at_once * -(-blocks // at_once)
    return blocks, -(-rows // blocks), at_once


def _add(found: Collected, part: dict[str, Any], first: int, order: np.ndarray, plan: PassPlan, layout: Layout) -> None:
    """Add what one run of the program found.

    Args:
        found: to which it is added.
        part: what `run_blocks` returned.
        first: the first block of each device.
        order: of the models in it.
        plan: the quantities that were computed.
        layout: of the rows.
    """
    position = np.argsort(order)
    pairs = np.ix_(position, position)
    for block in range(layout.shares * layout.at_once):
        device, at = divmod(block, layout.at_once)
        start = device * layout.rows_of_device + (first + at) * layout.block
        if start >= layout.q:
            continue
        for model in range(len(order)):
            tables = [Neighbours(*(column[block, position[model]] for column in table)) for table in part["tables"]]
            found.add_tables(model, start, tables)
        for kernel in range(len(plan.kernels)):
            products, means = (leaf[block] for leaf in part["kernels"][kernel])
            found.add_kernel(kernel, start, products[pairs], means[position])
        if plan.ranks:
            # [m, 3, groups, m]: of all models in each.
            sums = part["ranks"][block].astype(np.int64)
            whole = (sums[:, 0] * RANK_BASE + sums[:, 1]) * RANK_BASE + sums[:, 2]
            mean = np.moveaxis(whole / plan.ranks, 0, 2)
            found.add_ranks(mean[:, position][:, :, position])


def _inputs(
    representations: Sequence[Prepared], sigmas: Sequence[Any] | None, distinct: tuple[int, Sequence[Any]] | None
) -> list[Any]:
    """Return what the results of a pass depend on."""
    masks = [] if distinct is None else [distinct[0], *distinct[1]]
    return [*(prepared.rows for prepared in representations), [float(sigma) for sigma in sigmas or ()], *masks]
