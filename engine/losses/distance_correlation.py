"""Squared distance correlation as a loss."""

from __future__ import annotations

from typing import Any

import jax

from ..base import root
from ..gram import AxisName, batches


def distance_correlation_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    debiased: bool = True,
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute one minus the squared distance correlation of a batch.

    ``1 - dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y))``, which is `cka_loss` with Euclidean distances as kernels.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 4 (2 where not debiased).
        where: bool [b], False for padding.
        debiased: use the U-statistic of dCov^2; else the V-statistic, whose loss is small for any small batch of wide
            rows, even for independent ones.
        axis_name: the axis over which the batch is sharded; the batch is gathered.

    Returns:
        Scalar from 0; 1 on average where the two are independent; values above 1 are possible where debiased.

    Symmetric; invariant to rotation, translation and isotropic scale of either. A pair of identical rows gives no
    gradient, because their distance has none. Cost O(b^2 (d1 + d2)), memory O(b^2).
    Source: Székely & Rizzo (2014), Ann. Stat. 42, 2382; as a loss: Zhen et al. (2022), arXiv 2207.09684.

    Example:
        >>> import jax, numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> jax.grad(distance_correlation_loss)(student, teacher).shape
        (32, 8)
        >>> round(abs(float(distance_correlation_loss(3 * teacher + 1, teacher))), 5)
        0.0
    """
    least = 4 if debiased else 2
    batch = batches.gathered(batches.local(student, teacher, where, axis_name), axis_name, least=least)
    sides = [root(batches.squared_distances(batches.centred(v, batch.where)[0])) for v in batch[:2]]
    alignment = batches.agreement(sides[0], sides[1], batch.where, debiased=debiased)
    return batch.finite * batches.everywhere(alignment.loss(batch.where.sum() >= least), axis_name)
