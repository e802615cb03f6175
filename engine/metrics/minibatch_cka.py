"""Mini-batch centred kernel alignment, for streams and for data sets that are too large for a Gram matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..base import InputError, pair
from ..gram import Kernel, check_kernel, entry_noise, kernel_entries, median_distance, prepare
from ._metric import Metric

MIN_ROWS = 4  # required by the unbiased HSIC
UNSEEN = -(2**20)  # exponent before the first batch with any variance, below that of any number


class CKAState(NamedTuple):
    """Sums over the batches so far.

    Args:
        total: [3], unbiased HSIC of (x, x), (y, y) and (x, y), in units that follow from the exponents.
        lost: [3], rounding errors of the totals (Kahan summation).
        exponent: int32 [2], binary exponent of the scale of x and of y, the largest of all batches; it keeps linear
            kernels of huge or tiny rows in range.
        batches: int32 scalar, number of batches of four rows or more.
    """

    total: jax.Array
    lost: jax.Array
    exponent: jax.Array
    batches: jax.Array


class CKAStream(NamedTuple):
    """Pure functions of a stream: ``init()``, ``update(state, x_batch, y_batch)`` and ``value(state)``."""

    init: Callable[[], CKAState]
    update: Callable[[CKAState, Any, Any], CKAState]
    value: Callable[[CKAState], jax.Array]


def minibatch_cka(
    x: Any,
    y: Any,
    /,
    *,
    batch_size: int,
    kernel: Kernel = "linear",
    sigma: float | jax.Array | None = None,
) -> jax.Array:
    """Compute debiased CKA from consecutive batches of rows, using only pairs of samples within a batch.

    ``sum_b HSIC_1(K_b, L_b) / sqrt(sum_b HSIC_1(K_b, K_b) sum_b HSIC_1(L_b, L_b))``, where HSIC_1 is the unbiased
    U-statistic, so that the means over batches estimate the HSIC of all rows for every batch size. The default sigma of
    the RBF kernel differs from batch to batch, so that the estimate is for an intermediate kernel.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x. Rows should come in random order.
        batch_size: rows per batch, 4 <= batch_size <= n. A last, smaller batch is dropped: it would have the same
            weight as the others, although it is the noisiest.
        kernel: ``linear``, or ``rbf``: exp(-d^2 / 2 sigma^2).
        sigma: RBF bandwidth for both; default in each batch the median of its non-zero pairwise distances.

    Returns:
        Scalar, at most 1; 0 on average for independent data; values may be negative and are not clamped. NaN if a
        representation is not finite, or in every batch constant or without what else `cka` needs, see there. With a
        single batch it equals `cka`.

    Symmetric; invariant to rotation, translation and isotropic scaling (RBF: with the default sigma), and to common
    permutations of rows within batches only. Cost O(n batch_size (d1 + d2)), memory O(batch_size^2) beyond x and y.
    As in `cka`, the derivative holds the default sigma of each batch fixed.
    Source: Nguyen et al. (2021), arXiv 2010.15327, eq. 4; HSIC_1: Song et al. (2012), JMLR 13, eq. 5.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4, batch_size is out of range, the kernel is
            unknown, or sigma is given without the RBF kernel.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(minibatch_cka(x, 3 * x[:, ::-1], batch_size=10)), 5)
        1.0
    """
    a, b = pair(x, y, least=MIN_ROWS, warn=True)
    n = len(a)
    if not MIN_ROWS <= batch_size <= n:
        raise InputError(f"batch_size={batch_size} is out of range: use {MIN_ROWS} to {n}, the number of samples")
    stream = cka_stream(kernel=kernel, sigma=sigma)
    full = n // batch_size * batch_size

    def step(state: CKAState, batch: tuple[jax.Array, ...]) -> tuple[CKAState, None]:
        return stream.update(state, batch[0], batch[1]), None

    batches = tuple(v[:full].reshape(-1, batch_size, v.shape[1]) for v in (a, b))
    state, _ = jax.lax.scan(step, _init(jnp.result_type(a, b)), batches)
    return stream.value(state)


def cka_stream(*, kernel: Kernel = "linear", sigma: float | jax.Array | None = None) -> CKAStream:
    """Build the functions that compute mini-batch CKA of a stream, equal to `minibatch_cka` over all its batches.

    Args:
        kernel: ``linear`` or ``rbf``.
        sigma: RBF bandwidth for both; default in each batch the median of its non-zero pairwise distances.

    Returns:
        ``init() -> state``; ``update(state, x_batch, y_batch) -> state`` for rows [b, d1] and [b, d2] of the same
        samples (a batch of fewer than 4 rows leaves the state unchanged); ``value(state)``, the current scalar, NaN
        before the first batch. All three are pure and work inside jit, vmap and scan. A state has nine numbers, in
        float64 if JAX has it enabled. As in `cka`, derivatives hold the default sigma fixed.

    Example:
        >>> import numpy as np
        >>> stream, rng = cka_stream(), np.random.default_rng(0)
        >>> state = stream.init()
        >>> for _ in range(3):
        ...     batch = rng.normal(size=(16, 8))
        ...     state = stream.update(state, batch, batch @ np.eye(8)[::-1])
        >>> round(float(stream.value(state)), 5)
        1.0
    """
    check_kernel(kernel)
    if kernel == "linear" and sigma is not None:
        raise InputError("sigma is the bandwidth of the RBF kernel: use it with kernel='rbf'")

    def update(state: CKAState, x_batch: Any, y_batch: Any) -> CKAState:
        a, b = pair(x_batch, y_batch, least=0)
        return state if len(a) < MIN_ROWS else _update(state, a, b, sigma, kernel)

    return CKAStream(lambda: _init(jnp.zeros(()).dtype), update, _value)


def _init(dtype: Any) -> CKAState:
    return CKAState(jnp.zeros(3, dtype), jnp.zeros(3, dtype), jnp.full(2, UNSEEN, jnp.int32), jnp.zeros((), jnp.int32))


@partial(jax.jit, static_argnames=("kernel",))
def _update(state: CKAState, a: jax.Array, b: jax.Array, sigma: Any, kernel: Kernel) -> CKAState:
    (k, power_k), (l, power_l) = (_centred_kernel(v, sigma, kernel) for v in (a, b))  # noqa: E741
    dtype = state.total.dtype
    # Row sums are cast first, so that their sum is computed in the precision of the state.
    sums = [(p * q).sum(1).astype(dtype).sum() for p, q in ((k, k), (l, l), (k, l))]
    term = jnp.stack(sums) / (len(a) * (len(a) - 3))
    # A constant batch has no scale.
    power = jnp.where(term[:2] == 0, UNSEEN, jnp.stack([power_k, power_l]))
    exponent = jnp.maximum(state.exponent, power)
    total, lost = (_rescaled(v, state.exponent, exponent) for v in (state.total, state.lost))
    term = _rescaled(term, power, exponent) - lost  # Kahan
    new = total + term
    return CKAState(new, (new - total) - term, exponent, state.batches + 1)


def _rescaled(sums: jax.Array, old: jax.Array, new: jax.Array) -> jax.Array:
    """Convert sums from units of 2^old to units of 2^new; kernels are quadratic in the rows, HSIC in the kernels."""
    shift = jnp.maximum(old - new, -512)
    return jnp.ldexp(sums, 2 * jnp.stack([2 * shift[0], 2 * shift[1], shift.sum()]))


def _centred_kernel(x: jax.Array, sigma: Any, kernel: Kernel) -> tuple[jax.Array, jax.Array]:
    """Compute the U-centred kernel matrix [b, b]; n (n - 3) HSIC_1 is the inner product of two of them.

    Returns:
        The matrix, 0 where it may be due to rounding errors alone, and the int32 exponent of the scale of the rows.
    """
    n, prepared = len(x), prepare(x)
    every, exponent = jnp.arange(n, dtype=jnp.int32), prepared.norms.exponent
    off = 1 - jnp.eye(n, dtype=x.dtype)
    width: Any = None
    if kernel == "rbf":
        width = jax.lax.stop_gradient(median_distance(x)) if sigma is None else jnp.asarray(sigma, x.dtype)
        exponent = jnp.zeros_like(exponent)
    values = kernel_entries(prepared.norms, prepared.gram(every), every, kernel, width) * off
    noise = entry_noise(kernel, prepared.norms, (values * values).sum())
    if kernel == "rbf":
        values = (values - values.sum() / (n * (n - 1))) * off  # keeps digits: entries of a wide kernel are near 1
    rows = values.sum(1) / (n - 2)
    total = rows.sum() / (n - 1)
    values = (values - rows[:, None] - rows[None, :] + total) * off
    return jnp.where((values * values).sum() <= noise, 0, values), exponent


@jax.jit
def _value(state: CKAState) -> jax.Array:
    self_hsic = state.total[:2]
    good = (self_hsic > 0).all()
    return jnp.where(good, state.total[2] / jnp.sqrt(jnp.where(good, self_hsic, 1)).prod(), jnp.nan)


# No entry for a Comparison, which has all rows in memory.
METRICS: tuple[Metric, ...] = ()
