"""What every loss does to its batches: padding, devices, centring, and distances that keep their digits."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from ..base import HIGHEST, InputError, ldexp, pair, power_of_two, root

AxisName = Hashable | tuple[Hashable, ...] | None


class Batch(NamedTuple):
    """Two representations of the same samples, padding set to zero.

    Args:
        student: floating [n, d1].
        teacher: floating [n, d2].
        where: bool [n], the rows that count.
    """

    student: jax.Array
    teacher: jax.Array
    where: jax.Array


def local(student: Any, teacher: Any, where: Any) -> Batch:
    """Check a batch and set its padding to zero, so that nothing it holds reaches a value or a gradient."""
    a, b = (_whole(v) for v in pair(student, teacher, least=1))
    if where is None:
        return Batch(a, b, jnp.ones(len(a), bool))
    keep = _whole(jnp.asarray(where))
    if keep.shape != (len(a),) or keep.dtype != bool:
        raise InputError(f"where must be bool [{len(a)}], one for each row; got {keep.dtype} {list(keep.shape)}")
    return Batch(jnp.where(keep[:, None], a, 0), jnp.where(keep[:, None], b, 0), keep)


def gathered(batch: Batch, axis_name: AxisName, *, least: int = 1) -> Batch:
    """Gather the batches of all devices along an axis; at least so many rows."""
    if axis_name is not None:
        batch = Batch(*(jax.lax.all_gather(part, axis_name, tiled=True) for part in batch))
    if len(batch.where) < least:
        raise InputError(f"at least {least} samples are needed; got {len(batch.where)}")
    return batch


def everywhere(value: jax.Array, axis_name: AxisName) -> jax.Array:
    """Say of a value that is the same on all devices that it is, which also shares its gradient out between them."""
    return value if axis_name is None else jax.lax.pmean(value, axis_name)


def total(value: jax.Array, axis_name: AxisName) -> jax.Array:
    """Sum over devices."""
    return value if axis_name is None else jax.lax.psum(value, axis_name)


def largest(value: jax.Array, axis_name: AxisName) -> jax.Array:
    """Find the maximum over devices, a constant to the gradient."""
    value = jax.lax.stop_gradient(value)
    return value if axis_name is None else jax.lax.pmax(value, axis_name)


def count(where: jax.Array, dtype: Any, axis_name: AxisName = None) -> jax.Array:
    """Count the rows of all devices, as a floating scalar."""
    return total(where.sum(dtype=dtype), axis_name)


def centred(x: jax.Array, where: jax.Array, axis_name: AxisName = None) -> tuple[jax.Array, jax.Array]:
    """Subtract the column means of the rows that count and divide by a power of two.

    Returns:
        points [n, d], the largest entry in [0.5, 1), padding 0, and the int32 exponent that was divided out. A column
        whose spread is below rounding, as that of a constant one, is 0.
    """
    keep, n = where[:, None], jnp.maximum(count(where, x.dtype, axis_name), 1)
    points = x
    for _ in range(2):  # the mean of data far from the origin is itself rounded
        points = jnp.where(keep, points - total(points.sum(0), axis_name) / n, 0)
    spread, size = (largest(jnp.abs(v).max(0), axis_name) for v in (points, x))
    points = jnp.where(spread <= jnp.finfo(x.dtype).eps / 4 * size, 0, points)
    exponent = power_of_two(jnp.where(spread <= jnp.finfo(x.dtype).eps / 4 * size, 0, spread))
    return ldexp(points, -exponent), exponent


def unit(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scale rows to unit length. Returns rows [n, d] and bool [n]: a row of zeros has no direction and no gradient."""
    size = jax.lax.stop_gradient(jnp.abs(x).max(1, keepdims=True))  # a row's own scale cancels
    some = size != 0
    scaled = x / jnp.where(some, size, 1)
    square = (scaled * scaled).sum(1, keepdims=True)
    return jnp.where(some, scaled * jax.lax.rsqrt(jnp.where(some, square, 1)), 0), some[:, 0]


def squared_distances(points: jax.Array, own: jax.Array | None = None) -> jax.Array:
    """Squared distances [n, n] of centred points, or [b, n] of some; exactly 0 where rounding tells no distance."""
    rows = points if own is None else points[own]
    squares = (points * points).sum(1)
    both = (squares if own is None else squares[own])[:, None] + squares[None, :]
    far = both - 2 * jnp.matmul(rows, points.T, precision=HIGHEST)
    return jnp.where(far <= 4 * jnp.finfo(far.dtype).eps * both, 0, far)


def cosines(x: jax.Array, where: jax.Array, own: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Cosine similarities [n, n] of rows that are not centred, or [b, n] of some.

    Returns:
        similarity, 0 for rows of zeros; and what orders it: half the squared distance of the unit rows from centred
        ones, which keeps its digits where all rows point nearly the same way.
    """
    rows, some = unit(x)
    points, exponent = centred(rows, where)
    half = jnp.ldexp(squared_distances(points, own), 2 * exponent) / 2
    mine = some if own is None else some[own]
    known = mine[:, None] & some[None, :]
    half = jnp.where(known, half, 1)
    return 1 - half, half


def others(where: jax.Array, own: jax.Array | None = None) -> jax.Array:
    """Pairs of two different rows that count, bool [n, n], or [b, n] of some."""
    n = len(where)
    rows = jnp.arange(n) if own is None else own
    return where[rows][:, None] & where[None, :] & (rows[:, None] != jnp.arange(n)[None, :])


def log_softmax(x: jax.Array, pairs: jax.Array) -> jax.Array:
    """Logarithm of the softmax of each row over some pairs; means nothing elsewhere, and is finite where x is."""
    return jax.nn.log_softmax(jnp.where(pairs, x, jnp.finfo(x.dtype).min / 2))


def median_distance(far: jax.Array, pairs: jax.Array) -> jax.Array:
    """Median of the non-zero distances, with its gradient; 1 where there is none.

    Args:
        far: squared distances [n, n].
        pairs: bool [n, n], those that count.

    Found bit by bit in 32 or 64 counts: XLA sorts slowly.
    """
    values = jnp.where(pairs & (far > 0), far, jnp.inf)
    bits, kind = jax.lax.stop_gradient(values), jnp.uint32 if far.dtype.itemsize == 4 else jnp.uint64
    bits = jax.lax.bitcast_convert_type(bits, kind)  # of a non-negative float they order as it does
    finite = jnp.isfinite(values).sum(dtype=kind)

    def ranked(rank: jax.Array) -> jax.Array:
        def refine(step: jax.Array, low: jax.Array) -> jax.Array:
            bit = jnp.ones((), kind) << (far.dtype.itemsize * 8 - 1 - step).astype(kind)
            return jnp.where((bits < low + bit).sum(dtype=kind) <= rank, low + bit, low)

        # Zero, taken from the data: a loop wants it to vary over devices as what comes out does.
        found = jax.lax.fori_loop(0, far.dtype.itemsize * 8, refine, finite & 0)
        same = bits == found
        return jnp.where(same, root(jnp.where(same, values, 0)), 0).sum() / same.sum(dtype=far.dtype)

    some = finite > 0
    values = jnp.where(some, values, 1)
    bits = jnp.where(some, bits, jax.lax.bitcast_convert_type(jnp.ones_like(values), kind))
    last = jnp.where(some, finite - 1, 0)
    return jnp.where(some, (ranked(last // 2) + ranked(finite // 2)) / 2, 1)


class KernelAlignment(NamedTuple):
    """Inner products of two centred kernels with each other and themselves.

    Args:
        both, student, teacher: scalars.
        rounding: what of the last two may be rounding, [2].
    """

    both: jax.Array
    student: jax.Array
    teacher: jax.Array
    rounding: tuple[jax.Array, jax.Array]

    def loss(self, enough: jax.Array | bool = True) -> jax.Array:
        """Return 1 less their correlation; 1 without a gradient where one of them is nothing but rounding."""
        (a, b), (small_a, small_b) = (self.student, self.teacher), self.rounding
        void = (a <= small_a) | (b <= small_b) | ~jnp.asarray(enough)
        # Two roots: the product of two small numbers would leave the range of float32.
        size = jnp.sqrt(jnp.where(void, 1, a)) * jnp.sqrt(jnp.where(void, 1, b))
        loss = 1 - jnp.where(void, 0, self.both / size)
        known = jnp.isfinite(self.student) & jnp.isfinite(self.teacher)
        return jnp.where(known, loss, jnp.nan)


def agreement(a: jax.Array, b: jax.Array, where: jax.Array, *, debiased: bool) -> KernelAlignment:
    """Correlate two kernel matrices [n, n] after centring: U-centred, or doubly centred with their diagonals."""
    off = others(where)
    pairs = off if debiased else where[:, None] & where[None, :]
    n = jnp.maximum(count(where, a.dtype), 4 if debiased else 1)

    p, q = (doubly_centred(v, pairs, n, debiased=debiased) for v in (a, b))
    error = (8 * jnp.finfo(a.dtype).eps) ** 2
    small = tuple(jax.lax.stop_gradient(error * (jnp.where(pairs, v, 0) ** 2).sum()) for v in (a, b))
    return KernelAlignment((p * q).sum(), (p * p).sum(), (q * q).sum(), (small[0], small[1]))


def doubly_centred(kernel: jax.Array, pairs: jax.Array, n: jax.Array, *, debiased: bool) -> jax.Array:
    """Centre a kernel [b, b] of n rows over the pairs that count: U-centred off the diagonal, or doubly with it."""
    number = jnp.maximum(pairs.sum(dtype=kernel.dtype), 1)
    # The mean first: a wide kernel is 1 and a little less everywhere.
    kernel = jnp.where(pairs, kernel - jnp.where(pairs, kernel, 0).sum() / number, 0)
    rows = kernel.sum(1) / (n - 2 if debiased else n)
    everything = rows.sum() / (n - 1 if debiased else n)
    return jnp.where(pairs, kernel - rows[:, None] - rows[None, :] + everything, 0)


def _whole(x: jax.Array) -> jax.Array:
    """Gather what is sharded over explicit mesh axes, along which JAX refuses products of rows with rows."""
    sharding = getattr(jax.typeof(x), "sharding", None)
    if sharding is None or all(part is None for part in getattr(sharding, "spec", ())):
        return x
    return jax.sharding.reshard(x, NamedSharding(sharding.mesh, PartitionSpec(*(None,) * x.ndim)))
