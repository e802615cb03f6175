"""Centred kernel alignment (CKA) as a loss."""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from ..base import HIGHEST, InputError, gaussian
from ..gram import AxisName, Batch, Kernel, KernelAlignment, batches, by_features, check_kernel

Form = Literal["rows", "sums"]


def cka_loss(
    student: Any,
    teacher: Any,
    /,
    *,
    where: Any = None,
    kernel: Kernel = "linear",
    debiased: bool = True,
    sigma: float | jax.Array | None = None,
    form: Form | None = None,
    axis_name: AxisName = None,
) -> jax.Array:
    """Compute one minus the centred kernel alignment of a batch.

    ``1 - HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))``, with K and L the kernel matrices of student and teacher.

    Args:
        student: [b, d1], any floating dtype.
        teacher: [b, d2], row i is the same sample as in the student; b >= 4 (2 where biased).
        where: bool [b], False for padding.
        kernel: ``linear``, or ``rbf``: exp(-d^2 / 2 sigma^2).
        debiased: use the unbiased U-statistic of HSIC. The loss of the biased one is small for any small batch of wide
            rows, even for independent ones, which leaves little to learn from.
        sigma: RBF bandwidth of both sides; default: for each side the median of its non-zero pairwise distances, which
            is part of the gradient.
        form: ``rows`` multiplies rows with rows; ``sums``, for linear kernels only, multiplies columns with columns.
            ``sums`` is cheaper where b exceeds the widths: across devices it sums d1^2 + d2^2 + d1 d2 numbers and
            gathers no row. Default: the form with fewer multiplications. Both give the same value.
        axis_name: the axis over which the batch is sharded.

    Returns:
        Scalar from 0; 1 on average where the two are independent; values above 1 are possible where debiased.

    Raises:
        ValueError: an unknown kernel or form, an option that does not fit the kernel, or too few samples.

    Symmetric; invariant to rotation, translation and isotropic scale (RBF: with the default sigma) of either.
    Cost O(b^2 (d1 + d2)) and memory O(b^2), or O(b d^2) and O(d^2) as sums.
    Source: Kornblith et al. (2019), arXiv 1905.00414; unbiased HSIC: Song et al. (2012), JMLR 13, eq. 5.

    Example:
        >>> import jax, numpy as np
        >>> student, teacher = np.random.default_rng(0).normal(size=(2, 32, 8))
        >>> loss, gradient = jax.value_and_grad(cka_loss)(student, teacher)
        >>> gradient.shape, round(abs(float(cka_loss(teacher + 1, teacher))), 5)
        ((32, 8), 0.0)
    """
    check_kernel(kernel)
    if form is not None and form not in get_args(Form):
        raise InputError(f"unknown form {form!r}: use {' or '.join(get_args(Form))}")
    if kernel == "linear" and sigma is not None:
        raise InputError("sigma is the bandwidth of the RBF kernel: use it with kernel='rbf'")
    if kernel == "rbf" and form == "sums":
        raise InputError("only the linear kernel has a form as sums: use form='rows' with kernel='rbf'")
    batch = batches.local(student, teacher, where, axis_name)
    least = 4 if debiased else 2
    devices = 1 if axis_name is None else jax.lax.axis_size(axis_name)
    if form is None and kernel == "linear":
        widths = [batch.student.shape[1], batch.teacher.shape[1]]
        form = "sums" if by_features(len(batch.where) * devices, widths) else "rows"
    if form == "sums":
        if len(batch.where) * devices < least:
            raise InputError(f"at least {least} samples are needed; got {len(batch.where) * devices}")
        return _through_sums(batch, axis_name, debiased=debiased)
    batch = batches.gathered(batch, axis_name, least=least)
    sides = [_kernel(v, batch.where, kernel, sigma) for v in batch[:2]]
    alignment = batches.agreement(sides[0], sides[1], batch.where, debiased=debiased)
    return batch.finite * batches.everywhere(alignment.loss(batch.where.sum() >= least), axis_name)


def _kernel(x: jax.Array, where: jax.Array, kernel: Kernel, sigma: float | jax.Array | None) -> jax.Array:
    points, exponent = batches.centred(x, where)
    if kernel == "linear":
        return jnp.matmul(points, points.T, precision=HIGHEST)
    distances = batches.squared_distances(points)
    if sigma is None:
        width = batches.median_distance(distances, batches.others(where))
    else:
        width = jnp.ldexp(jnp.asarray(sigma, x.dtype), -exponent)
    return gaussian(distances, width)


def _through_sums(batch: Batch, axis_name: AxisName, *, debiased: bool) -> jax.Array:
    """Compute the loss from products X'Y of columns, as `feature_hsic` does, with sums over devices."""
    dtype = jnp.result_type(batch.student, batch.teacher)
    rows = batches.count(batch.where, dtype, axis_name)
    n = jnp.maximum(rows, 4 if debiased else 2)
    points = [batches.centred(v.astype(dtype), batch.where, axis_name)[0] for v in batch[:2]]
    squares = [(v * v).sum(1) for v in points]
    means = [batches.total(v.sum(), axis_name) / n for v in squares]
    centred_squares = [jnp.where(batch.where, v - mean, 0) for v, mean in zip(squares, means, strict=True)]

    def inner(a: int, b: int) -> jax.Array:
        product = batches.total(jnp.matmul(points[a].T, points[b], precision=HIGHEST), axis_name)
        square = (product * product).sum()
        if not debiased:
            return square
        both = means[a] * means[b]
        lengths = batches.total((centred_squares[a] * centred_squares[b]).sum(), axis_name) + n * both
        return square - n / (n - 2) * lengths + n * n * both / ((n - 1) * (n - 2))

    # Sums of the order of (n mean)^2 cancel here; products of rows with rows have no such cancellation.
    error = 8 * jnp.finfo(dtype).eps
    small = [jax.lax.stop_gradient(error * (n * mean) ** 2) for mean in means]
    alignment = KernelAlignment(inner(0, 1), inner(0, 0), inner(1, 1), (small[0], small[1]))
    return batch.finite * alignment.loss(rows >= (4 if debiased else 2))
