"""Divergence of soft neighbourhoods."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..gram import AxisName, batches
from ._queries import mean_of_queries


def soft_neighbour_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    temperature: float | jax.Array = 0.1,
    teacher_temperature: float | jax.Array | None = None,
    queries: int | None = None,
    axis_name: AxisName = None,
) -> jax.Array:
    """Divergence of the student's soft neighbourhood of each sample from the teacher's.

    ``mean_i KL(p_i || q_i)``, p_i and q_i the softmax over all other samples j of cos(i, j) / temperature in teacher
    and student.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i being the same sample; b >= 2.
        where: bool [b], False for padding.
        temperature: how far a neighbourhood reaches: at 0.1, a cosine lower by 0.23 counts a tenth.
        teacher_temperature: of the teacher, where it differs.
        queries: only the first so many rows (of each device) look for neighbours, among all: with a `queue`, the batch
            among the past.
        axis_name: the axis over which the batch is shared out: candidates are gathered, each device sees to the
            neighbourhoods of its own rows.

    Returns:
        Scalar in nats from 0, where the neighbourhoods are the same. Its level by chance depends on the temperature and
        on b: compare with the value after the teacher's rows are permuted.

    Not symmetric. Invariant to rotation and isotropic scale of either. A row of zeros has the cosine 0 with all and no
    gradient. Every pair pulls, so it also starts where `cknna_loss` has no gradient.
    Cost O(q b (d1 + d2)), memory O(q b), for q queries.
    Source: the divergence of Hinton & Roweis (2002), Stochastic Neighbor Embedding, between two representations;
    distillation with a queue: Fang et al. (2021), arXiv 2101.04731.

    Example:
        >>> import numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> bool(soft_neighbour_loss(student, teacher) > 1), round(abs(float(soft_neighbour_loss(teacher, teacher))), 5)
        (True, 0.0)
    """
    warmth = temperature if teacher_temperature is None else teacher_temperature

    def divergence(every: batches.Batch, own: jax.Array) -> jax.Array:
        pairs = batches.others(every.where, own)

        def logarithm(x: jax.Array, warmth: float | jax.Array) -> jax.Array:
            # From 1 - cos, whose digits are there also where all rows point nearly the same way.
            return batches.log_softmax(-batches.cosines(x, every.where, own)[1] / warmth, pairs)

        p, q = logarithm(every.teacher, warmth), logarithm(every.student, temperature)
        return jnp.where(pairs, jnp.exp(p) * (p - q), 0).sum(1)

    return mean_of_queries(divergence, batches.local(student, teacher, where), queries, axis_name)
