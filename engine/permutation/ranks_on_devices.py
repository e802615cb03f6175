"""Ranks of neighbours under permutations of the samples on accelerators, each of which ranks a share of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..base import AXIS, copied, of_all, own_mesh, own_share, several_processes
from ..gram import Prepared
from .draw import Permutations

# Number of rows of a matrix of ranks that are in memory at once.
ROWS = 128
# Largest number of neighbours of a block that are looked up at once, of some sources together.
LOOKUPS = 2**22
# Sums of ranks are kept in two digits of this many bits, so that those over many rows fit in 32 bits.
DIGIT = 16


def sums_fit(n: int, k: int) -> bool:
    """Return whether the sums of the ranks of n rows with k neighbours each fit in two digits."""
    return n * n * k < 2 ** (32 + DIGIT)


class Pairings(NamedTuple):
    """Which rows meet under K permutations, on every device.

    Args:
        orders: int32 [2, K, n], `Permutations.orders`, and `Permutations.inverses`.
        tables: int32 [m, n, k], the neighbours in each model.
        tied: int32 [t, K, n, k], the neighbours in models with ties whose rows are permuted.
    """

    orders: jax.Array
    tables: jax.Array
    tied: jax.Array


def rank_sums_on_devices(
    representations: Sequence[Prepared],
    tables: Sequence[np.ndarray],
    permutations: Permutations,
    first: np.ndarray,
    progress: Callable[[int, int], None] | None,
    tied: Mapping[int, np.ndarray],
    mesh: Mesh | None,
) -> np.ndarray:
    """Compute the sums [K, m, m] in float64 of ranks over rows and neighbours; arguments as in `permuted_ranks`.

    Blocks of `ROWS` rows are divided among processes and their devices, each of which has all rows of one model at a
    time. Their sums are integers and read once. Ties are distances between rows that are equal in float32.
    """
    shared, mesh = several_processes(mesh), own_mesh(mesh, representations[0].points)
    (n, k), m, count = tables[0].shape, len(tables), len(permutations)
    block = max(1, min(ROWS, n, (2**32 - 1) // (n * k)))
    starts = list(range(0, n, block))
    starts = own_share(starts) if shared else starts
    starts += [n] * (max(1, -(-len(starts) // mesh.size)) * mesh.size - len(starts))  # blocks of no rows
    own = jax.device_put(np.array(starts, np.int32), NamedSharding(mesh, PartitionSpec(AXIS)))
    held = [tied[source].astype(np.int32) for source in sorted(tied)]
    pairings = Pairings(
        copied(np.stack([permutations.orders, permutations.inverses]).astype(np.int32), mesh),
        copied(np.stack(tables).astype(np.int32), mesh),
        copied(np.stack(held) if held else np.zeros((0, count, n, k), np.int32), mesh),
    )
    parts = []
    for target, prepared in enumerate(representations):
        placed = jax.tree.map(partial(copied, mesh=mesh), prepared._replace(whole=None))
        permuted = copied(first[:, target], mesh)
        parts.append(rank_sums(placed, pairings, permuted, own, mesh=mesh, block=block, ties=target in tied))
        jax.block_until_ready(parts[-1])
        if progress is not None:
            progress(target + 1, m)
    digits = np.stack(jax.device_get(parts)).astype(np.int64).sum(1)
    whole = (digits[:, 0] << DIGIT) + digits[:, 1]  # [targets, sources and models with ties, K]
    sums = (of_all(whole).sum(0) if shared else whole).astype(np.float64)
    for at, source in enumerate(sorted(tied), m):
        sums[~first[source], source] = sums[~first[source], at]
    return np.moveaxis(sums[:, :m], 2, 0).swapaxes(1, 2)


@partial(jax.jit, static_argnames=("mesh", "block", "ties"))
def rank_sums(
    prepared: Prepared,
    pairings: Pairings,
    permuted: jax.Array,
    starts: jax.Array,
    *,
    mesh: Mesh,
    block: int,
    ties: bool,
) -> jax.Array:
    """Sum the ranks in one model of the neighbours in all models, over some blocks of rows of each device.

    Args:
        prepared: the model, on every device.
        pairings: see `Pairings`.
        permuted: bool [m], for each source whether the rows of this model are permuted, else those of the source.
        starts: int32 [c], the first rows of blocks, divided among the devices.
        mesh: with the one axis `AXIS`.
        block: number of rows of a block.
        ties: whether ties are broken by the lowest index of the permuted rows, else by that of the rows.

    Returns:
        uint32 [devices, 2, m + t, K], multiples of 2^`DIGIT` and of 1; first the neighbours in the tables, with the
        rows of either permuted, then those of `Pairings.tied`.
    """
    every, share = PartitionSpec(), PartitionSpec(AXIS)
    on_device = partial(_on_device, block=block, ties=ties)
    run = jax.shard_map(on_device, mesh=mesh, in_specs=(every,) * 3 + (share,), out_specs=share, check_vma=False)
    return run(prepared, pairings, permuted, starts)


def _on_device(
    prepared: Prepared, pairings: Pairings, permuted: jax.Array, starts: jax.Array, *, block: int, ties: bool
) -> jax.Array:
    m, n, k = pairings.tables.shape
    t, count = pairings.tied.shape[:2]
    every = jnp.arange(count, dtype=jnp.int32)[:, None, None]
    sources = jnp.arange(m, dtype=jnp.int32)

    def columns_of(source: jax.Array, query: jax.Array) -> jax.Array:
        """Return the rows [K, b, k] of this model that are compared with the neighbours in the source."""
        there = permuted[source].astype(jnp.int32)
        near = pairings.tables[source, pairings.orders[there, every[:, :, 0], query]]
        return pairings.orders[1 - there, every, near]

    def add(total: jax.Array, start: jax.Array) -> tuple[jax.Array, None]:
        rows = start + jnp.arange(block, dtype=jnp.int32)
        inside, query = rows < n, jnp.minimum(rows, n - 1)
        ranked = _ranks_with_ties(prepared, pairings.orders[1], query) if ties else _ranks(prepared, query)

        def summed(columns: jax.Array, in_this: jax.Array | bool) -> jax.Array:
            ranks = ranked(columns, in_this).astype(jnp.uint32)
            return jnp.where(inside[None, :, None], ranks, 0).sum((1, 2), dtype=jnp.uint32)

        size = max(1, min(m, LOOKUPS // (count * block * k)))
        sums = jax.lax.map(lambda s: summed(columns_of(s, query), permuted[s]), sources, batch_size=size)
        if t:
            held = jax.lax.map(lambda table: summed(table[:, query], False), pairings.tied)
            sums = jnp.concatenate([sums, held])
        return total + jnp.stack([sums >> DIGIT, sums & (2**DIGIT - 1)]), None

    return jax.lax.scan(add, jnp.zeros((2, m + t, count), jnp.uint32), starts)[0][None]


def _ranks(prepared: Prepared, query: jax.Array) -> Callable[[jax.Array, jax.Array | bool], jax.Array]:
    """Rank all rows by their distance from b rows; return a function that looks the ranks of columns [K, b, k] up."""
    n, at = len(prepared.points), jnp.arange(len(query), dtype=jnp.int32)[:, None]
    far = prepared.norms.distances(prepared.gram(query), query).astype(jnp.float32)
    far = jnp.where(far > 0, far, 0).at[at[:, 0], query].set(jnp.inf)
    index = jnp.broadcast_to(jnp.arange(n, dtype=jnp.int32), far.shape)
    # As integers, of the same order, which more compilers sort by digits.
    keys = jax.lax.bitcast_convert_type(far, jnp.int32)
    _, order = jax.lax.sort((keys, index), dimension=1, is_stable=True, num_keys=1)
    if jax.default_backend() == "tpu":  # which scatters entries one by one
        _, rank = jax.lax.sort((order, index), dimension=1, num_keys=1)
    else:
        rank = jnp.zeros(far.shape, jnp.int32).at[at, order].set(index, unique_indices=True)
    return lambda columns, _: 1 + rank[at[None], columns]


def _ranks_with_ties(
    prepared: Prepared, inverses: jax.Array, query: jax.Array
) -> Callable[[jax.Array, jax.Array | bool], jax.Array]:
    """Return a function that counts the rows nearer than columns [K, b, k], ties broken by the permuted index.

    Distances are computed by subtraction, as those of neighbour tables: else equal rows would not tie.
    """
    every, factor = jnp.arange(len(inverses), dtype=jnp.int32)[:, None], 1 / prepared.norms.scale
    index = jnp.arange(len(prepared.rows), dtype=jnp.int32)[None, :]

    def distances(row: jax.Array) -> jax.Array:
        difference = (prepared.rows - prepared.rows[row]) * factor
        return (difference * difference).sum(1).astype(jnp.float32).at[row].set(jnp.inf)

    far = jax.lax.map(distances, query)

    def of_row(far: jax.Array, columns: jax.Array, in_this: jax.Array | bool) -> jax.Array:
        limit, own = far[columns][:, :, None], jnp.where(in_this, inverses[every, columns], columns)[:, :, None]
        labels = jnp.where(in_this, inverses, index)[:, None, :]
        nearer = (far < limit) | ((far == limit) & (labels < own))  # [K, k, n]
        return 1 + nearer.sum(2, dtype=jnp.int32)

    def ranked(columns: jax.Array, in_this: jax.Array | bool) -> jax.Array:
        rows = (far, columns.swapaxes(0, 1))
        return jax.lax.map(lambda row: of_row(row[0], row[1], in_this), rows).swapaxes(0, 1)

    return ranked
