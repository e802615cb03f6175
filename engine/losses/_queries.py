"""Losses that are a mean over query rows, each of which is compared with all other rows."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..base import InputError
from ..gram import AxisName, Batch, batches


def mean_of_queries(
    function: Callable[[Batch, jax.Array], jax.Array], batch: Batch, queries: int | None, axis_name: AxisName
) -> jax.Array:
    """Average a function over the query rows of all devices, without padding.

    Args:
        function: (rows of all devices, int32 [q] indices of the query rows) -> value of each query row [q].
        batch: the rows of this device.
        queries: number of query rows, counted from the first row of this device; default all.
        axis_name: the axis over which the batch is sharded.

    Raises:
        ValueError: ``queries`` is out of range.
    """
    size = len(batch.where)
    if queries is not None and not 1 <= queries <= size:
        raise InputError(f"queries={queries} is out of range: use 1 to {size}, the rows of a batch")
    all_rows = batches.gathered(batch, axis_name, least=2)
    query_rows = jnp.arange(size if queries is None else queries, dtype=jnp.int32)
    keep = batch.where[: len(query_rows)]
    if axis_name is not None:
        query_rows = query_rows + jax.lax.axis_index(axis_name) * size
    values = jnp.where(keep, function(all_rows, query_rows), 0)
    rows = batches.count(keep, values.dtype, axis_name)
    return batch.finite * batches.total(values.sum(), axis_name) / jnp.maximum(rows, 1)
