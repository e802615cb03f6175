"""Differentiable information imbalance."""

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
    """Differentiable information imbalance: how far away in the teacher the student's neighbours are.

    ``2 / b^2 sum_ij c_ij r_ij``, r_ij the rank of j among the neighbours of i in the teacher, from 1, ties sharing
    their mean, and c_ij the softmax over j != i of -d_ij^2 / lambda_i, d the student's distances and lambda_i the
    bandwidth times the squared distance of i to its k-th neighbour.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i being the same sample; b >= 2. Ranks have no slope: it gets no gradient.
        where: bool [b], False for padding.
        bandwidth: the smaller, the more only the nearest counts: towards 0 it is `information_imbalance`.
        k: 1 <= k <= b - 1, counted among those at a distance; of fewer, the last. About 5 % of the rows soften it.
        queries: only the first so many rows (of each device) look for neighbours, among all: with a `queue`, the batch
            among the past.
        axis_name: the axis over which the batch is shared out: candidates are gathered, each device sees to the
            neighbours of its own rows.

    Returns:
        Scalar from 2 / b, where the nearest stays the nearest, about 1 where the student knows nothing of the teacher;
        exactly 1 where one of the two is constant.

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
    batch = batches.local(student, teacher, where)
    size = len(batch.where) * (1 if axis_name is None else jax.lax.axis_size(axis_name))
    if size >= 2:
        check_k(k, size)

    def imbalance(every: batches.Batch, own: jax.Array) -> jax.Array:
        pairs = batches.others(every.where, own)
        near = _soft(_distances(every.student, every.where, own), pairs, bandwidth, k)
        far = jax.lax.stop_gradient(_distances(every.teacher, every.where, own))
        ranks = _ranks(jnp.where(pairs, far, jnp.inf))
        # NaN has no rank.
        ranks = jnp.where(jnp.isfinite(far).all(), ranks, jnp.nan)
        rows = jnp.maximum(batches.count(every.where, far.dtype), 2)
        # Less the mean rank, which shares that sum to 1 give back: what carries no ranks has no gradient, not rounding.
        return 1 + 2 / rows * jnp.where(pairs, near * (ranks - rows / 2), 0).sum(1)

    return mean_of_queries(imbalance, batch, queries, axis_name)


def _distances(x: jax.Array, where: jax.Array, own: jax.Array) -> jax.Array:
    return batches.squared_distances(batches.centred(x, where)[0], own)


def _soft(far: jax.Array, pairs: jax.Array, bandwidth: float | jax.Array, k: int) -> jax.Array:
    """Share of each other row in the neighbourhood of a row, [q, n]."""
    some = pairs & (far > 0)
    nearest = -jax.lax.top_k(jnp.where(some, -far, -jnp.inf), k)[0]
    # Of fewer than k at a distance the last; of none, any number.
    unit = jnp.where(jnp.isfinite(nearest), nearest, 0).max(1, keepdims=True)
    scale = jnp.where(unit > 0, unit, 1) * bandwidth
    return jnp.exp(batches.log_softmax(-far / scale, pairs))


def _ranks(far: jax.Array) -> jax.Array:
    """Rank from 1 of each number of a row among those of the row, ties sharing their mean."""

    def one(row: jax.Array) -> jax.Array:
        ordered = jnp.sort(row)
        low, high = (jnp.searchsorted(ordered, row, side=side) for side in ("left", "right"))
        return (low + high + 1).astype(row.dtype) / 2

    return jax.vmap(one)(far)
