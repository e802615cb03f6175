"""Losses that are a mean over samples, each of which looks at all others."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..base import InputError
from ..gram import AxisName, Batch, batches


def mean_of_queries(
    function: Callable[[Batch, jax.Array], jax.Array], batch: Batch, queries: int | None, axis_name: AxisName
) -> jax.Array:
    """Average over the rows that count of all devices.

    Args:
        function: of the rows of all devices and int32 [q], which of them to look at; gives [q].
        batch: the rows of this device.
        queries: how many of them, from the first, to look at; default all.
        axis_name: the axis over which the batch is shared out.
    """
    size = len(batch.where)
    if queries is not None and not 1 <= queries <= size:
        raise InputError(f"queries={queries} is out of range: use 1 to {size}, the rows of a batch")
    every = batches.gathered(batch, axis_name, least=2)
    own = jnp.arange(size if queries is None else queries, dtype=jnp.int32)
    mine = batch.where[: len(own)]
    if axis_name is not None:
        own = own + jax.lax.axis_index(axis_name) * size
    found = jnp.where(mine, function(every, own), 0)
    rows = batches.count(mine, found.dtype, axis_name)
    return batches.total(found.sum(), axis_name) / jnp.maximum(rows, 1)
