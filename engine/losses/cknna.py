"""Centred kernel nearest-neighbour alignment (CKNNA) as a loss."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..base import check_k
from ..gram import AxisName, KernelAlignment, batches

DEFAULT_K = 10


def cknna_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    k: int | None = None,
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute one minus the debiased CKNNA of a batch; the neighbour masks are constants of the gradient.

    ``1 - A(K, L) / sqrt(A(K, K) A(L, L))``, with A the unbiased HSIC of the cosine kernels. For A(K, L) they are masked
    to pairs (i, j) where j is among the k nearest neighbours of i in both student and teacher; for A(K, K) and A(L, L)
    in that one.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 4.
        where: bool [b], False for padding.
        k: number of neighbours by cosine of uncentred rows, 2 <= k <= b - 1; ties are broken by the lowest index. With
            fewer than k other rows that are not padding, all of them are neighbours. Default: 10, or b - 1 in a batch
            of fewer than 11 rows.
        axis_name: the axis over which the batch is sharded; the batch is gathered.

    Returns:
        Scalar, about 1 - 0.9 k / (b - 1) where the two are independent.

    Only pairs that are neighbours on both sides contribute, and a change of neighbours has no gradient. A student that
    shares no neighbours with its teacher therefore gets no gradient: start with `soft_neighbour_loss`.
    Invariant to rotation and isotropic scale of either. Cost O(b^2 (d1 + d2) + b^2 log b), memory O(b^2).
    Source: Huh et al. (2024), arXiv 2405.07987, appendix A.

    Example:
        >>> import jax, numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> jax.grad(cknna_loss)(student, teacher).shape, round(abs(float(cknna_loss(2 * teacher, teacher))), 5)
        ((32, 8), 0.0)
    """
    batch = batches.gathered(batches.local(student, teacher, where, axis_name), axis_name, least=4)
    k = min(DEFAULT_K, len(batch.where) - 1) if k is None else k
    check_k(k, len(batch.where), least=2)
    off, rows = batches.others(batch.where), batch.where.sum()
    (a, near_a), (b, near_b) = (_masked(v, batch.where, off, k) for v in batch[:2])
    n = jnp.maximum(rows, 4).astype(a.dtype)
    both = near_a & near_b
    hsic = [_hsic(p, q, n) for p, q in ((jnp.where(both, a, 0), jnp.where(both, b, 0)), (a, a), (b, b))]
    error = 8 * jnp.finfo(a.dtype).eps
    small = [jax.lax.stop_gradient(error * (v * v).sum()) for v in (a, b)]
    loss = KernelAlignment(hsic[0], hsic[1], hsic[2], (small[0], small[1])).loss(rows >= 4)
    return batch.finite * batches.everywhere(loss, axis_name)


def _masked(x: jax.Array, where: jax.Array, off: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Return the kernel masked to neighbours, [n, n], and the mask; row i marks the neighbours of i."""
    kernel, order = batches.cosines(x, where)
    order = jnp.where(off, jax.lax.stop_gradient(order), jnp.inf)
    _, index = jax.lax.top_k(-order, k)
    near = jnp.zeros(off.shape, bool).at[jnp.arange(len(x))[:, None], index].set(True) & off
    return jnp.where(near, kernel, 0), near


def _hsic(p: jax.Array, q: jax.Array, n: jax.Array) -> jax.Array:
    """Compute the unbiased HSIC of masked kernels, which are not symmetric, up to a factor."""
    first = (p * q.T).sum()
    return first + p.sum() * q.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (p.sum(0) * q.sum(1)).sum()
