"""The HSIC of all pairs of representations, from sums over their kernel matrices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, block_size, blocks, use_numpy
from .features import by_features, feature_hsic, feature_products
from .kernels import Kernel, diagonal, kernel_products
from .kernels_numpy import MAX_ENTRIES, kernel_products_numpy
from .prepared import Prepared, prepare, stacked

# Entries of the Gram products of all models that a CPU computes at once when one compiled function computes both the
# Gram products and the kernels.
BLOCK = 2**21


class Sums(NamedTuple):
    """Sums over all rows of m kernel matrices, from which the HSIC of every pair follows, in JAX or NumPy.

    Args:
        products: [m, m], inner products of the matrices without their diagonals, each row minus its mean.
        means: [m, n], means of the rows without the diagonal.
        diagonals: [m, n].
    """

    products: Any
    means: Any
    diagonals: Any

    def traces(self) -> Any:
        """Compute the traces [m] of the doubly centred matrices."""
        n = self.means.shape[1]
        return self.diagonals.sum(1) - ((n - 1) * self.means + self.diagonals).sum(1) / n

    def hsic(self, *, debiased: bool) -> Any:
        """Compute the HSIC of every pair.

        Args:
            debiased: the unbiased U-statistic, else the biased V-statistic tr(K H L H) / n^2.

        Returns:
            [m, m].

        With u and v the row means, delta and epsilon their deviations from the mean over rows:
        n (n - 3) HSIC_u = <K - u, L - v> - n (n - 1) / (n - 2) <delta, epsilon>. The V-statistic adds the diagonal to
        kernels minus their grand mean, which leaves the result unchanged and keeps the terms small.
        """
        n = self.means.shape[1]
        grand = self.means.mean(1, keepdims=True)
        delta = self.means - grand
        if debiased:
            return (self.products - n * (n - 1) / (n - 2) * _inner(delta)) / (n * (n - 3))
        diagonals = self.diagonals - grand
        rows = (n - 1) * delta + diagonals
        total = rows.sum(1)
        products = self.products + (n - 1) * _inner(delta) + _inner(diagonals)
        return (products - 2 / n * _inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def _inner(rows: Any) -> Any:
    # `run_pass` sums in NumPy float64, whatever the precision of JAX.
    return rows @ rows.T if isinstance(rows, np.ndarray) else jnp.matmul(rows, rows.T, precision=HIGHEST)


def _sums_numpy(prepared: Sequence[Prepared], sigmas: Sequence[Any] | None, kernel: Kernel) -> Sums:
    """Compute the sums over all rows in NumPy, which compiles nothing for few rows."""
    rows, norms = np.arange(len(prepared[0].points)), [each.norms for each in prepared]
    widths = None if sigmas is None else [np.asarray(sigma) for sigma in sigmas]
    grams = [each.gram(rows) for each in prepared]
    with np.errstate(all="ignore"):  # rows that are not finite
        products, means = kernel_products_numpy(norms, grams, rows, [kernel], widths)[0]
    return Sums(products, means, np.asarray(diagonal(stacked(norms), kernel), np.float64))


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
        [m, m], symmetric. Linear and distance kernels are those of the rows divided by a power of two for each
        representation, which cancels in any normalised ratio such as CKA.

    Linear kernels of few columns are computed from d_a x d_b products of features, see `by_features`; all others from
    n x n entries in blocks of rows, whose sums are added with compensation. Cost m n^2 d + m^2 n^2; memory O(m b n).
    Few rows on a CPU are computed in NumPy outside of `jax.jit`, which takes less time than compiling.
    """
    n, m = len(representations[0]), len(representations)
    if m * n * n <= MAX_ENTRIES and all(use_numpy(x) for x in representations):
        prepared = [prepare(np.asarray(x)) for x in representations]
        if kernel == "linear" and by_features(n, [x.shape[1] for x in representations]):
            squares = np.stack([np.asarray(each.norms.squares, np.float64) for each in prepared])
            values = feature_hsic(feature_products(prepared), squares, debiased=debiased)
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
        return feature_hsic(feature_products(prepared), norms.squares, debiased=debiased)
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
    return Sums(total, means, diagonal(norms, kernel)).hsic(debiased=debiased)
