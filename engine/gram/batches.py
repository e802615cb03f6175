"""Steps shared by the losses: padding, devices, centring, and distances that keep their precision."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from ..base import HIGHEST, InputError, largest_magnitude, ldexp, nan_unless_finite, pair, power_of_two, root

AxisName = Hashable | tuple[Hashable, ...] | None


class Batch(NamedTuple):
    """Two representations of the same samples, with padding rows set to zero.

    Args:
        student: floating [n, d1].
        teacher: floating [n, d2].
        where: bool [n], False for padding rows.
        finite: scalar, 1 if all rows of all devices are finite, else NaN: a factor of every loss.
    """

    student: jax.Array
    teacher: jax.Array
    where: jax.Array
    finite: jax.Array


def local(student: Any, teacher: Any, where: Any, axis_name: AxisName = None) -> Batch:
    """Validate a batch and set its padding to zero, so that padding affects neither a value nor a gradient.

    Args:
        student: [n, d1], see `hyle.engine.as_array`.
        teacher: [n, d2].
        where: bool [n], False for padding rows; None for no padding.
        axis_name: of the devices among which the rows are divided; None for one device.

    Returns:
        The batch. If one of its rows is not finite, on any device, all are NaN, so that the gradient is NaN and not 0;
        see `nan_unless_finite`. Where a later step loses NaN, ``finite`` brings it back: multiply the loss by it.

    Raises:
        ValueError: different numbers of rows, or ``where`` is not bool [n].
        TypeError: not real numbers.
    """
    _warn_of_detached(student, teacher)
    a, b = (unsharded(v) for v in pair(student, teacher, least=1, names=("student", "teacher")))
    if axis_name is None:
        _warn_of_separate_devices(a, b)
    keep = jnp.ones(len(a), bool) if where is None else unsharded(jnp.asarray(where))
    if keep.shape != (len(a),) or keep.dtype != bool:
        # JAX may have changed the dtype, such as float64 to float32.
        dtype = where.dtype if hasattr(where, "dtype") else np.asarray(where).dtype
        raise InputError(f"where must be bool [{len(a)}], one entry per row; got {dtype} {list(keep.shape)}")
    if where is not None:
        a, b = (jnp.where(keep[:, None], v, 0) for v in (a, b))
    finite = nan_unless_finite(a, b) if axis_name is None else jax.lax.pmean(nan_unless_finite(a, b), axis_name)
    return Batch(a * finite.astype(a.dtype), b * finite.astype(b.dtype), keep, finite)


def gathered(batch: Batch, axis_name: AxisName, *, least: int = 1) -> Batch:
    """Concatenate the batches of all devices along a mesh axis.

    Args:
        batch: of this device.
        axis_name: of the devices; None for one device.
        least: smallest total number of rows allowed.

    Raises:
        ValueError: fewer rows in total.
    """
    if axis_name is not None:
        student, teacher, where = (jax.lax.all_gather(part, axis_name, tiled=True) for part in batch[:3])
        batch = Batch(student, teacher, where, batch.finite)
    if len(batch.where) < least:
        raise InputError(f"at least {least} samples are needed; got {len(batch.where)}")
    return batch


def everywhere(value: jax.Array, axis_name: AxisName) -> jax.Array:
    """Mark a value as the same on all devices, by a mean over them, which also divides its gradient between them."""
    return value if axis_name is None else jax.lax.pmean(value, axis_name)


def total(value: jax.Array, axis_name: AxisName) -> jax.Array:
    """Compute the sum over devices."""
    return value if axis_name is None else jax.lax.psum(value, axis_name)


def count(where: jax.Array, dtype: Any, axis_name: AxisName = None) -> jax.Array:
    """Count the rows that are not padding on all devices, as a floating scalar."""
    return total(where.sum(dtype=dtype), axis_name)


def centred(x: jax.Array, where: jax.Array, axis_name: AxisName = None) -> tuple[jax.Array, jax.Array]:
    """Subtract the column means of the rows that are not padding and divide by a power of two.

    Args:
        x: floating [n, d], padding 0.
        where: bool [n].
        axis_name: of the devices among which the rows are divided; None for one device.

    Returns:
        Points [n, d] with the largest absolute entry in [0.5, 1) and padding 0, and the int32 exponent of the power of
        two. A column whose range is below the rounding error, such as a constant one, is 0.
    """
    keep, n = where[:, None], jnp.maximum(count(where, x.dtype, axis_name), 1)
    points = x
    for _ in range(2):  # the mean of data far from the origin has itself a rounding error
        points = jnp.where(keep, points - total(points.sum(0), axis_name) / n, 0)
    spread, size = (largest_magnitude(v, 0) for v in (points, x))
    if axis_name is not None:
        spread, size = (jax.lax.pmax(v, axis_name) for v in (spread, size))
    points = jnp.where(spread <= jnp.finfo(x.dtype).eps / 4 * size, 0, points)
    exponent = power_of_two(jnp.where(spread <= jnp.finfo(x.dtype).eps / 4 * size, 0, spread))
    return ldexp(points, -exponent), exponent


def unit(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scale rows to unit length.

    Returns:
        Rows [n, d], and bool [n], False for rows of zeros, which stay zero and have no gradient.
    """
    size = largest_magnitude(x, 1, keepdims=True)  # constant: the scale of a row cancels
    nonzero = size != 0
    scaled = x / jnp.where(nonzero, size, 1)
    square = (scaled * scaled).sum(1, keepdims=True)
    return jnp.where(nonzero, scaled * jax.lax.rsqrt(jnp.where(nonzero, square, 1)), 0), nonzero[:, 0]


def squared_distances(points: jax.Array, query: jax.Array | None = None) -> jax.Array:
    """Compute squared distances between centred points; exactly 0 where they are below the rounding error.

    Args:
        points: [n, d].
        query: int [b], row indices; None for all rows.

    Returns:
        [n, n], or [b, n] for query rows.
    """
    rows = points if query is None else points[query]
    squares = (points * points).sum(1)
    both = (squares if query is None else squares[query])[:, None] + squares[None, :]
    far = both - 2 * jnp.matmul(rows, points.T, precision=HIGHEST)
    return jnp.where(far <= 4 * jnp.finfo(far.dtype).eps * both, 0, far)


def cosines(x: jax.Array, where: jax.Array, query: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Compute cosine similarities of rows that are not centred.

    Args:
        x: floating [n, d].
        where: bool [n], False for padding rows.
        query: int [b], row indices; None for all rows.

    Returns:
        The similarities [n, n], or [b, n] for query rows, 0 for rows of zeros; and one minus the similarities, computed
        as half the squared distances of the centred unit rows, which keeps its precision where all rows have nearly the
        same direction.
    """
    rows, nonzero = unit(x)
    points, exponent = centred(rows, where)
    half = jnp.ldexp(squared_distances(points, query), 2 * exponent) / 2
    query_nonzero = nonzero if query is None else nonzero[query]
    half = jnp.where(query_nonzero[:, None] & nonzero[None, :], half, 1)
    return 1 - half, half


def others(where: jax.Array, query: jax.Array | None = None) -> jax.Array:
    """Return the mask of pairs of two different rows, neither of which is padding.

    Args:
        where: bool [n], False for padding rows.
        query: int [b], row indices; None for all rows.

    Returns:
        bool [n, n], or [b, n] for query rows.
    """
    n = len(where)
    rows = jnp.arange(n) if query is None else query
    return where[rows][:, None] & where[None, :] & (rows[:, None] != jnp.arange(n)[None, :])


def log_softmax(x: jax.Array, pairs: jax.Array) -> jax.Array:
    """Compute the logarithm of the softmax of each row over the masked-in pairs.

    Args:
        x: [b, n].
        pairs: bool [b, n].

    Returns:
        [b, n]; undefined outside of ``pairs``, but finite where x is.
    """
    return jax.nn.log_softmax(jnp.where(pairs, x, jnp.finfo(x.dtype).min / 2))


def median_distance(far: jax.Array, pairs: jax.Array) -> jax.Array:
    """Compute the median of the non-zero distances, differentiable; 1 if there is none.

    Args:
        far: squared distances [n, n].
        pairs: bool [n, n], the pairs to include.

    Returns:
        Scalar, a distance, not squared.

    Found bit by bit in 32 or 64 counts, since XLA sorts slowly.
    """
    values = jnp.where(pairs & (far > 0), far, jnp.inf)
    bits, kind = jax.lax.stop_gradient(values), jnp.uint32 if far.dtype.itemsize == 4 else jnp.uint64
    bits = jax.lax.bitcast_convert_type(bits, kind)  # the bits of non-negative floats have the order of the floats
    finite = jnp.isfinite(values).sum(dtype=kind)

    def ranked(rank: jax.Array) -> jax.Array:
        def refine(step: jax.Array, low: jax.Array) -> jax.Array:
            bit = jnp.ones((), kind) << (far.dtype.itemsize * 8 - 1 - step).astype(kind)
            return jnp.where((bits < low + bit).sum(dtype=kind) <= rank, low + bit, low)

        # Zero, computed from the data: the initial value of the loop must vary over devices as its result does.
        result = jax.lax.fori_loop(0, far.dtype.itemsize * 8, refine, finite & 0)
        same = bits == result
        return jnp.where(same, root(jnp.where(same, values, 0)), 0).sum() / same.sum(dtype=far.dtype)

    exists = finite > 0
    values = jnp.where(exists, values, 1)
    bits = jnp.where(exists, bits, jax.lax.bitcast_convert_type(jnp.ones_like(values), kind))
    last = jnp.where(exists, finite - 1, 0)
    return jnp.where(exists, (ranked(last // 2) + ranked(finite // 2)) / 2, 1)


class KernelAlignment(NamedTuple):
    """Inner products of two centred kernels with each other and themselves.

    Args:
        both: scalar, of the student's kernel with the teacher's.
        student: scalar, of the student's kernel with itself.
        teacher: scalar, of the teacher's kernel with itself.
        rounding: two scalars, the values of ``student`` and ``teacher`` that rounding errors alone may produce.
    """

    both: jax.Array
    student: jax.Array
    teacher: jax.Array
    rounding: tuple[jax.Array, jax.Array]

    def loss(self, enough: jax.Array | bool = True) -> jax.Array:
        """Return 1 minus the correlation of the kernels.

        Args:
            enough: whether there are enough rows.

        Returns:
            Scalar; 1, without a gradient, if a kernel is constant up to rounding errors or there are not enough rows;
            NaN if a kernel is not finite.
        """
        (a, b), (small_a, small_b) = (self.student, self.teacher), self.rounding
        void = (a <= small_a) | (b <= small_b) | ~jnp.asarray(enough)
        # Two square roots: the product of two small numbers would be out of the range of float32.
        size = jnp.sqrt(jnp.where(void, 1, a)) * jnp.sqrt(jnp.where(void, 1, b))
        loss = 1 - jnp.where(void, 0, self.both / size)
        return loss * nan_unless_finite(self.student, self.teacher)


def agreement(a: jax.Array, b: jax.Array, where: jax.Array, *, debiased: bool) -> KernelAlignment:
    """Compute the inner products of two kernel matrices after centring.

    Args:
        a: [n, n].
        b: [n, n].
        where: bool [n], False for padding rows.
        debiased: U-centred, without the diagonals; else doubly centred with their diagonals.
    """
    every = where[:, None] & where[None, :]
    pairs = others(where) if debiased else every
    n = jnp.maximum(count(where, a.dtype), 4 if debiased else 1)

    p, q = (doubly_centred(v, pairs, n, debiased=debiased) for v in (a, b))
    error = (8 * jnp.finfo(a.dtype).eps) ** 2
    # With the diagonal: an inner product of rows at right angles has the rounding error of the squared norms.
    small = tuple(jax.lax.stop_gradient(error * (jnp.where(every, v, 0) ** 2).sum()) for v in (a, b))
    return KernelAlignment((p * q).sum(), (p * p).sum(), (q * q).sum(), (small[0], small[1]))


def doubly_centred(kernel: jax.Array, pairs: jax.Array, n: jax.Array, *, debiased: bool) -> jax.Array:
    """Centre a kernel matrix over some pairs of rows: U-centred off the diagonal, or doubly centred with it.

    Args:
        kernel: [b, b].
        pairs: bool [b, b], the pairs to include; the result is 0 elsewhere.
        n: scalar, the number of rows that are not padding.
        debiased: U-centring, else double centring.

    Returns:
        [b, b].
    """
    number = jnp.maximum(pairs.sum(dtype=kernel.dtype), 1)
    # The mean first: a kernel of large bandwidth is nearly 1 everywhere, which would cost precision.
    kernel = jnp.where(pairs, kernel - jnp.where(pairs, kernel, 0).sum() / number, 0)
    rows = kernel.sum(1) / (n - 2 if debiased else n)
    grand = rows.sum() / (n - 1 if debiased else n)
    return jnp.where(pairs, kernel - rows[:, None] - rows[None, :] + grand, 0)


def _warn_of_detached(student: Any, teacher: Any) -> None:
    """Warn of torch tensors whose gradient ends here."""
    for name, value in (("student", student), ("teacher", teacher)):
        if getattr(value, "requires_grad", False) is True:
            warnings.warn(
                f"the {name} is a torch tensor that requires a gradient, and this loss is a JAX array without one: to "
                "train in torch use hyle.engine.losses.torch_loss(loss), otherwise detach the tensor",
                stacklevel=4,
            )


def _warn_of_separate_devices(a: jax.Array, b: jax.Array) -> None:
    """Warn if both sides differ between devices in `jax.shard_map`, so that each device has a loss of its own rows."""
    shared = sorted(map(str, _varying_axes(a) & _varying_axes(b)))
    if shared:
        names = ", ".join(map(repr, shared))
        warnings.warn(
            f"the batch is sharded over the mesh axis {names}, and each device computes the loss of its own rows: "
            f"for the loss of the whole batch pass axis_name={names if len(shared) == 1 else f'({names})'}",
            stacklevel=4,
        )


def _varying_axes(x: jax.Array) -> frozenset[Any]:
    """Return the axes of `jax.shard_map` over which an array differs; empty elsewhere, or with ``check_vma=False``."""
    kind = jax.typeof(x)
    # The attribute has another name in each of the supported releases of JAX.
    varying = getattr(getattr(kind, "manual_axis_type", None), "varying", None)
    return frozenset(getattr(kind, "vma", ()) if varying is None else varying)


def unsharded(x: jax.Array) -> jax.Array:
    """Gather an array that is sharded over explicit mesh axes, along which JAX rejects products of rows with rows."""
    sharding = getattr(jax.typeof(x), "sharding", None)
    if sharding is None or all(part is None for part in getattr(sharding, "spec", ())):
        return x
    return jax.sharding.reshard(x, NamedSharding(sharding.mesh, PartitionSpec(*(None,) * x.ndim)))
