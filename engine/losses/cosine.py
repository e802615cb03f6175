"""Cosine similarity of projected student and teacher, sample by sample, as a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..base import InputError
from ..gram import AxisName, batches


def cosine_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    projector: Callable[[jax.Array], jax.Array] | None = None,
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute one minus the mean cosine similarity of each sample's projected student row and its teacher row.

    ``1 - 1 / b sum_i cos(h(x_i), y_i)``, with h the projector: representation alignment as in REPA, which adds it with
    a weight of 0.5 to the main loss.

    Args:
        student: [b, d1], any floating dtype; or rows of atoms, tokens or patches.
        teacher: [b, d2]; d1 = d2 without a projector.
        where: bool [b], False for padding.
        projector: from [b, d1] to [b, d2], trained with the student: a `Projector`, or any function of rows. It
            receives padding as rows of zeros; if it mixes rows (batch normalisation), they take part.
        axis_name: the axis over which the batch is sharded; only sums are exchanged.

    Returns:
        Scalar from 0 to 2; 1 where directions are unrelated. A row of zeros counts as cosine 0 and has no gradient.

    Raises:
        ValueError: projected student rows and teacher rows differ in shape.

    Unlike the other losses it compares coordinates, not relations between samples. A trained projector makes the
    coordinates comparable, but a strong one may fit what the student does not represent: evaluate with `cka` on
    held-out samples. Cost O(b d2) plus the projector.
    Source: Yu et al. (2025), arXiv 2410.06940.

    Example:
        >>> import numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> turn = np.linalg.lstsq(student, teacher)[0]
        >>> bool(cosine_loss(student, teacher, projector=lambda x: x @ turn) < cosine_loss(student, teacher))
        True
    """
    batch = batches.local(student, teacher, where, axis_name)
    projected = batch.student if projector is None else jnp.asarray(projector(batch.student))
    if projected.shape != batch.teacher.shape:
        raise InputError(
            f"student rows {list(projected.shape)} and teacher rows {list(batch.teacher.shape)} must agree in shape: "
            f"use a projector from {batch.student.shape[1]} to {batch.teacher.shape[1]} columns"
        )
    wide = projected.astype(jnp.promote_types(projected.dtype, jnp.float32))
    a, b = (batches.unit(jnp.where(batch.where[:, None], v, 0))[0] for v in (wide, batch.teacher))
    # Half the squared difference of unit rows is 1 - cos, accurate near 0; rows of zeros are not unit rows.
    nonzero = (a != 0).any(1) & (b != 0).any(1)
    values = jnp.where(nonzero, ((a - b) ** 2).sum(1) / 2, 1)
    values = jnp.where(batch.where, values, 0)
    rows = batches.count(batch.where, values.dtype, axis_name)
    return batch.finite * batches.total(values.sum(), axis_name) / jnp.maximum(rows, 1)
