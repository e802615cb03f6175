"""Difference of two similarity matrices as a loss."""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from ..base import InputError, root
from ..gram import AxisName, batches

Relation = Literal["cosine", "distance"]


def relational_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    relation: Relation = "cosine",
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute the mean squared difference of the similarities of all pairs of samples.

    ``1 / (b (b - 1)) sum_{i != j} (S_ij - T_ij)^2``, with S and T the relations within student and teacher.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 2.
        where: bool [b], False for padding.
        relation: ``cosine`` similarity of two uncentred rows; or ``distance``, divided by the mean distance of its
            side.
        axis_name: the axis over which the batch is sharded; the batch is gathered.

    Returns:
        Scalar from 0; at most 4 for the cosine. It has no chance level, because the similarities themselves are
        matched, not only their variation.

    Raises:
        ValueError: an unknown relation, or fewer than two samples.

    Symmetric; invariant to rotation and isotropic scale of either, with ``distance`` also to translation. A row of
    zeros has cosine 0 with all rows and no gradient. Cost O(b^2 (d1 + d2)), memory O(b^2).
    Source: Tung & Mori (2019), arXiv 1907.09682; distances: Park et al. (2019), arXiv 1904.05068, there with a Huber
    loss.

    Example:
        >>> import numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> bool(relational_loss(student, teacher) > 0.1), round(float(relational_loss(teacher, teacher)), 5)
        (True, 0.0)
    """
    if relation not in get_args(Relation):
        raise InputError(f"unknown relation {relation!r}: use {' or '.join(get_args(Relation))}")
    batch = batches.gathered(batches.local(student, teacher, where, axis_name), axis_name, least=2)
    pairs = batches.others(batch.where)
    number = jnp.maximum(pairs.sum(dtype=batch.student.dtype), 1)
    if relation == "cosine":
        a, b = (batches.cosines(v, batch.where)[1] for v in batch[:2])
    else:
        a, b = (_relative(batches.centred(v, batch.where)[0], pairs, number) for v in batch[:2])
    loss = (jnp.where(pairs, a - b, 0) ** 2).sum() / number
    return batch.finite * batches.everywhere(loss, axis_name)


def _relative(points: jax.Array, pairs: jax.Array, number: jax.Array) -> jax.Array:
    distances = jnp.where(pairs, root(batches.squared_distances(points)), 0)
    mean = distances.sum() / number
    return distances / jnp.where(mean == 0, 1, mean)
