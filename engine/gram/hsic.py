"""The HSIC of all pairs of representations, from sums over their kernel matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import MIN_BLOCK, block_size, blocks, use_numpy
from .features import by_features, feature_hsic, feature_noise, feature_products
from .half import HalfSums, half_sums
from .kernels import Kernel, kernel_products
from .kernels_numpy import kernel_products_numpy
from .prepared import Prepared, prepare, stacked
from .sums import Sums, cleared

# Entries of the Gram products of all models that a CPU computes at once when one compiled function computes both the
# Gram products and the kernels.
BLOCK = 2**21
# The same of NumPy.
BLOCK_NUMPY = 2**23


def _sums_numpy(prepared: Sequence[Prepared], sigmas: Sequence[Any] | None, kernel: Kernel) -> Sums:
    """Compute the sums over all rows in NumPy, which compiles nothing."""
    m, n, widths = len(prepared), len(prepared[0].points), sigmas and [np.asarray(sigma) for sigma in sigmas]
    if n > 2:
        sums = HalfSums(prepared, [kernel], widths)
        half_sums(sums, n, max(MIN_BLOCK, BLOCK_NUMPY // (m * n)))
        return sums.sums()[kernel]
    rows, norms = np.arange(n), [each.norms for each in prepared]
    grams = [each.gram(rows) for each in prepared]
    with np.errstate(all="ignore"):  # rows that are not finite
        products, means = kernel_products_numpy(norms, grams, rows, [kernel], widths)[0]
    return Sums.of(kernel, stacked(norms), products, means)


def _by_features(prepared: Sequence[Prepared], squares: Any, *, debiased: bool) -> Any:
    """Compute `hsic` of linear kernels from products of features; ``squares`` are the squared norms [m, n]."""
    products, n = feature_products(prepared), float(squares.shape[1])
    values = feature_hsic(products, squares, debiased=debiased)
    if not debiased:
        return values
    return cleared(values, feature_noise(prepared, products.diagonal() / n**2))


def hsic(
    representations: Sequence[Any],
    sigmas: Sequence[jax.Array] | None = None,
    *,
    kernel: Kernel = "linear",
    debiased: bool = True,
) -> jax.Array:
    """Compute the Hilbert-Schmidt independence criterion of every pair of representations.

    Args:
        representations: m matrices [n, d_m], floating.
        sigmas: m bandwidths of the RBF kernel, in the units of the rows; not for the others.
        kernel: ``linear``, ``rbf``, exp(-d^2 / 2 sigma^2), or ``distance``, the Euclidean distance.
        debiased: the unbiased U-statistic of Song et al. (2012), eq. 5; else the biased tr(K H L H) / n^2.

    Returns:
        [m, m], symmetric; exactly 0 for one with itself where it may be due to rounding errors alone. Linear and
        distance kernels are those of the rows divided by a power of two for each representation, which cancels in any
        normalised ratio such as CKA.

    Linear kernels of few columns are computed from d_a x d_b products of features, see `by_features`; all others from
    n x n entries in blocks of rows, whose sums are added with compensation. Cost m n^2 d + m^2 n^2; memory O(m b n).
    Outside of `jax.jit`, NumPy computes one half of each kernel of float32 on a CPU, see `HalfSums`.
    """
    n = len(representations[0])
    if all(use_numpy(x) for x in representations) and not any(isinstance(s, jax.core.Tracer) for s in sigmas or ()):
        prepared = [prepare(np.asarray(x)) for x in representations]
        if kernel == "linear" and by_features(n, [x.shape[1] for x in representations], half=True):
            squares = np.stack([np.asarray(each.norms.squares, np.float64) for each in prepared])
            values = _by_features(prepared, squares, debiased=debiased)
        else:
            values = _sums_numpy(prepared, sigmas, kernel).hsic(debiased=debiased)
        return jax.device_put(np.asarray(values, jnp.result_type(*representations)))
    return compiled_hsic(representations, sigmas, kernel=kernel, debiased=debiased)


@partial(jax.jit, static_argnames=("kernel", "debiased"))
def compiled_hsic(
    representations: Sequence[jax.Array],
    sigmas: Sequence[jax.Array] | None = None,
    *,
    kernel: Kernel = "linear",
    debiased: bool = True,
) -> jax.Array:
    """Compute `hsic` in blocks of rows, in one compiled and differentiable program."""
    n, m = len(representations[0]), len(representations)
    prepared = [prepare(x) for x in representations]
    norms = stacked([p.norms for p in prepared])
    if kernel == "linear" and by_features(n, [x.shape[1] for x in representations]):
        return _by_features(prepared, norms.squares, debiased=debiased)
    widths = None if sigmas is None else jnp.stack([jnp.asarray(sigma, norms.squares.dtype) for sigma in sigmas])

    @jax.checkpoint  # so that differentiation keeps no n x n matrix either
    def block(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        grams = jnp.stack([p.gram(jnp.minimum(rows, n - 1)) for p in prepared])
        return kernel_products(norms, grams, rows, [kernel], widths)[0]

    def step(carry: tuple[jax.Array, jax.Array], rows: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        products, means = block(rows)
        total, lost = carry
        # Kahan summation: thousands of blocks in float32 would otherwise lose precision.
        term = products - lost
        new = total + term
        return (new, (new - total) - term), means

    zero = jnp.zeros((m, m), jnp.result_type(*representations))
    size = block_size(n, m * n, BLOCK) if jax.default_backend() == "cpu" else block_size(n, m * n)
    (total, _), means = jax.lax.scan(step, (zero, zero), blocks(n, size))
    means = jnp.moveaxis(means, 0, 1).reshape(m, -1)[:, :n]
    return Sums.of(kernel, norms, total, means).hsic(debiased=debiased)
