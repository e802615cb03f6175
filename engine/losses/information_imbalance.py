"""Differentiable information imbalance as a loss."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..base import check_k
from ..gram import AxisName, batches
from ._queries import mean_of_queries


def information_imbalance_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    bandwidth: float | jax.Array = 0.1,
    k: int = 1,
    queries: int | None = None,
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute the differentiable information imbalance: how far away in the teacher the student's neighbours are.

    ``2 / b^2 sum_ij c_ij r_ij``. Here r_ij is the rank, from 1, of j among the neighbours of i in the teacher, with the
    mean rank for ties. c_ij is the softmax over j != i of -d_ij^2 / lambda_i, where d are the student's distances and
    lambda_i is the bandwidth times the squared distance of i to its k-th neighbour.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 2. It gets no gradient: ranks have none.
        where: bool [b], False for padding.
        bandwidth: of the softmax. The smaller it is, the more the nearest neighbour dominates; the limit 0 is
            `information_imbalance`.
        k: 1 <= k <= b - 1, counted among the rows at a non-zero distance; with fewer than k, the last of them. A k of
            about 5 % of the rows gives a smoother loss.
        queries: number of query rows, from the first (of each device), whose neighbours are sought among all rows.
            With a `queue`, set it to the size of the batch: its neighbours are then sought among the past rows too.
        axis_name: the axis over which the batch is sharded: candidates are gathered, and each device computes the
            neighbours of its own rows.

    Returns:
        Scalar from 2 / b, where nearest neighbours are the same, to about 1, where the student has no information about
        the teacher; exactly 1 where one of the two is constant.

    Raises:
        ValueError: ``k`` or ``queries`` is out of range.

    Not symmetric. Invariant to rotation, translation, isotropic scale of either, the gradient of lambda included.
    Cost O(q b (d1 + d2 + log b)), memory O(q b), for q queries.
    Source: Wild et al. (2025), Nat. Commun. 16, 270, arXiv 2411.00851, with squared distances.

    Example:
        >>> import numpy as np
        >>> teacher = np.random.default_rng(0).normal(size=(32, 3))
        >>> noise = np.random.default_rng(1).normal(size=(32, 3))
        >>> bool(information_imbalance_loss(teacher, teacher) < information_imbalance_loss(noise, teacher) / 3)
        True
    """
    batch = batches.local(student, teacher, where, axis_name)
    size = len(batch.where) * (1 if axis_name is None else jax.lax.axis_size(axis_name))
    if size >= 2:
        check_k(k, size)

    def imbalance(all_rows: batches.Batch, query_rows: jax.Array) -> jax.Array:
        pairs = batches.others(all_rows.where, query_rows)
        weights = _soft_neighbours(_distances(all_rows.student, all_rows.where, query_rows), pairs, bandwidth, k)
        distances = jax.lax.stop_gradient(_distances(all_rows.teacher, all_rows.where, query_rows))
        ranks = _ranks(jnp.where(pairs, distances, jnp.inf))
        # NaN has no rank.
        ranks = jnp.where(jnp.isfinite(distances).all(), ranks, jnp.nan)
        rows = jnp.maximum(batches.count(all_rows.where, distances.dtype), 2)
        # Ranks are centred, and the mean is added back as 1, since weights sum to 1: equal ranks then give a gradient
        # of exactly 0 instead of rounding errors.
        return 1 + 2 / rows * jnp.where(pairs, weights * (ranks - rows / 2), 0).sum(1)

    return mean_of_queries(imbalance, batch, queries, axis_name)


def _distances(x: jax.Array, where: jax.Array, query_rows: jax.Array) -> jax.Array:
    return batches.squared_distances(batches.centred(x, where)[0], query_rows)


def _soft_neighbours(distances: jax.Array, pairs: jax.Array, bandwidth: float | jax.Array, k: int) -> jax.Array:
    """Compute the weight of each other row in the neighbourhood of each query row, [q, n]."""
    separate = pairs & (distances > 0)
    nearest = -jax.lax.top_k(jnp.where(separate, -distances, -jnp.inf), k)[0]
    # With fewer than k rows at a non-zero distance, the last of them sets the scale; with none, any number does.
    unit = jnp.where(jnp.isfinite(nearest), nearest, 0).max(1, keepdims=True)
    scale = jnp.where(unit > 0, unit, 1) * bandwidth
    return jnp.exp(batches.log_softmax(-distances / scale, pairs))


def _ranks(distances: jax.Array) -> jax.Array:
    """Rank each number within its row from 1, with the mean rank for ties."""

    def ranks_of_row(row: jax.Array) -> jax.Array:
        ordered = jnp.sort(row)
        low, high = (jnp.searchsorted(ordered, row, side=side) for side in ("left", "right"))
        return (low + high + 1).astype(row.dtype) / 2

    return jax.vmap(ranks_of_row)(distances)
