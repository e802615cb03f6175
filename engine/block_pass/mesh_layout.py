"""How the rows of a pass are divided among the devices of a mesh, and what each of them gets."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..gram import Norms

# Base of the digits in which ranks are summed, so that sums over many rows and neighbours fit in 32 bits.
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
        held: whether each device has all columns of all models during a run and processes blocks of its own rows; else
            it has its own columns, and all devices process the same blocks.
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
    def shares(self) -> int:
        """Number of devices that process different rows."""
        return self.devices if self.held else 1

    @property
    def rows_of_device(self) -> int:
        """Number of rows of each of these, with those beyond the last."""
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


def rank_sums(ranks: jax.Array, group: jax.Array, groups: int) -> jax.Array:
    """Sum the ranks [b, m, k] of b rows over groups of rows and over k, without rounding.

    Returns:
        uint32 [3, groups, m], multiples of `RANK_BASE` squared, of `RANK_BASE`, and of 1.
    """
    whole = ranks.astype(jnp.uint32)
    tens, ones = ((part).sum(2, dtype=jnp.uint32) for part in (whole // RANK_BASE, whole % RANK_BASE))  # [b, m]
    tens += ones // RANK_BASE
    digits = jnp.stack([tens // RANK_BASE, tens % RANK_BASE, ones % RANK_BASE], 1)
    return jnp.moveaxis(jax.ops.segment_sum(digits, group, groups), 0, 1)
