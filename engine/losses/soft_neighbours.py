"""Divergence of soft neighbourhoods as a loss."""

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
    """Compute the divergence of the student's soft neighbourhood of each sample from the teacher's.

    ``mean_i KL(p_i || q_i)``, with p_i and q_i the softmax over all other samples j of cos(i, j) / temperature in
    teacher and student.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 2.
        where: bool [b], False for padding.
        temperature: width of the neighbourhoods: at 0.1, a cosine lower by 0.23 has a tenth of the weight.
        teacher_temperature: of the teacher; default: the same.
        queries: number of query rows, from the first (of each device), whose neighbours are sought among all rows.
            With a `queue`, set it to the size of the batch: its neighbours are then sought among the past rows too.
        axis_name: the axis over which the batch is sharded: candidates are gathered, and each device computes the
            neighbourhoods of its own rows.

    Returns:
        Scalar in nats from 0, where the neighbourhoods are the same. Its chance level depends on the temperature and on
        b: compare with the value for permuted rows of the teacher.

    Raises:
        ValueError: ``queries`` is out of range.

    Not symmetric. Invariant to rotation and isotropic scale of either. A row of zeros has cosine 0 with all rows and no
    gradient. Every pair contributes, so training can start where `cknna_loss` has no gradient.
    Cost O(q b (d1 + d2)), memory O(q b), for q queries.
    Source: the divergence of Hinton & Roweis (2002), Stochastic Neighbor Embedding, between two representations;
    distillation with a queue: Fang et al. (2021), arXiv 2101.04731.

    Example:
        >>> import numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> bool(soft_neighbour_loss(student, teacher) > 1), round(abs(float(soft_neighbour_loss(teacher, teacher))), 5)
        (True, 0.0)
    """
    if teacher_temperature is None:
        teacher_temperature = temperature

    def divergence(all_rows: batches.Batch, query_rows: jax.Array) -> jax.Array:
        pairs = batches.others(all_rows.where, query_rows)

        def log_weights(x: jax.Array, temperature: float | jax.Array) -> jax.Array:
            # Uses 1 - cos, which stays accurate where all rows have nearly the same direction.
            return batches.log_softmax(-batches.cosines(x, all_rows.where, query_rows)[1] / temperature, pairs)

        log_p = log_weights(all_rows.teacher, teacher_temperature)
        log_q = log_weights(all_rows.student, temperature)
        return jnp.where(pairs, jnp.exp(log_p) * (log_p - log_q), 0).sum(1)

    return mean_of_queries(divergence, batches.local(student, teacher, where, axis_name), queries, axis_name)
