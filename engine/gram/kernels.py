"""Kernel matrices in blocks of rows, their inner products for all pairs, and the HSIC that follows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, block_size, blocks, gaussian, root
from .features import by_features, feature_hsic, feature_products
from .prepared import Norms, prepare, stacked

Kernel = Literal["linear", "rbf", "distance"]
# Numbers of one kernel of all models that a CPU multiplies at once: they stay in the cache.
CHUNK = 2**13
# Numbers of the Gram products of all models that a CPU makes at once where one program makes them and the kernels.
BLOCK = 2**21


def check_kernel(kernel: str) -> None:
    """Raise unless this is a kernel of CKA."""
    if kernel not in ("linear", "rbf"):
        raise InputError(f"unknown kernel {kernel!r}: use linear or rbf")


def kernel_products(
    norms: Norms,
    grams: Sequence[jax.Array] | jax.Array,
    rows: jax.Array,
    kernels: Sequence[Kernel],
    sigmas: jax.Array | None = None,
    at: jax.Array | int = 0,
) -> list[tuple[jax.Array, jax.Array]]:
    """Multiply some rows of m matrices of each kernel, without their diagonals, all with all.

    Args:
        norms: of m representations, stacked.
        grams: m Gram products [b, n], `Prepared.gram`, among them those of the rows; two or three are best given as one
            array, since XLA would test for every number from which of them it comes.
        rows: int32 [r]; those >= n are beyond the last and count nothing.
        kernels: ``linear`` in the units of the points squared, ``rbf``, exp(-d^2 / 2 sigma^2), or ``distance`` in the
            units of the points.
        sigmas: [m] bandwidths in the units of the representations, for ``rbf``.
        at: which of the b is the first of the rows.

    Returns:
        for each kernel products [m, m] of the rows less their means, and the means [m, r] of the n - 1 entries off the
        diagonal.

    A few rows at a time on a CPU, where kernels of all models then stay in the cache until they are multiplied. Each
    row has its own mean taken off before, which leaves no large terms to cancel.
    """
    r, n, m = len(rows), grams[0].shape[1], len(grams)
    size = min(r, CHUNK // (m * n)) if jax.default_backend() == "cpu" else r
    size = size if size > 2 else 1  # two rows at a time take XLA twice as long as one by one

    def values(
        norms: Norms, gram: jax.Array, sigma: jax.Array, rows: jax.Array, kernel: Kernel
    ) -> tuple[jax.Array, jax.Array]:
        query = jnp.minimum(rows, n - 1)
        keep = (rows < n)[:, None] & (query[:, None] != jnp.arange(n, dtype=jnp.int32)[None, :])
        found = gram
        if kernel != "linear":
            # Repeated rows are 0 apart, not the root of what rounding leaves, however their product was compiled.
            near = norms.distances(gram, query, norms.gram_rtol) <= 0
            far = jnp.where(near, 0, norms.distances(gram, query))
            scaled = jnp.ldexp(jnp.asarray(sigma, far.dtype), -norms.exponent)
            found = gaussian(far, scaled) if kernel == "rbf" else root(far)
        keep &= ~norms.all_equal  # equal entries would leave the rounding of their mean
        found = jnp.where(keep, found, 0)
        mean = found.sum(1) / (n - 1)
        return jnp.where(keep, found - mean[:, None], 0), mean

    every = jnp.ones(m, grams[0].dtype) if sigmas is None else sigmas

    def step(totals: list[jax.Array], start: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        # The last few rows may have been seen: the slice is moved back to fit, and they count nothing again.
        first = jnp.minimum(start, r - size)
        some = jax.lax.dynamic_slice_in_dim(rows, first, size)
        some = jnp.where(first + jnp.arange(size) < start, n, some)
        if isinstance(grams, jax.Array):
            parts = jax.lax.dynamic_slice_in_dim(grams, at + first, size, 1)
        else:
            parts = jnp.stack([jax.lax.dynamic_slice_in_dim(gram, at + first, size) for gram in grams])
        sums, means = [], []
        for kernel, total in zip(kernels, totals, strict=True):
            found, mean = jax.vmap(partial(values, kernel=kernel), (0, 0, 0, None))(norms, parts, every, some)
            flat = found.reshape(m, -1)
            sums.append(total + jnp.matmul(flat, flat.T, precision=HIGHEST))
            means.append(mean)
        return sums, means

    totals, means = jax.lax.scan(step, [jnp.zeros((m, m), grams[0].dtype)] * len(kernels), jnp.arange(0, r, size))

    def joined(mean: jax.Array) -> jax.Array:
        mean = jnp.moveaxis(mean, 0, 1).reshape(m, -1)
        # What was moved back.
        return jnp.concatenate([mean[:, : (r // size) * size], mean[:, -(r % size) :]], 1) if r % size else mean

    return [(total, joined(mean)) for total, mean in zip(totals, means, strict=True)]


def diagonal(norms: Norms, kernel: Kernel) -> jax.Array:
    """Return the diagonal [n] of a kernel matrix, or [m, n] of stacked ones; 0 where all rows are the same."""
    if kernel == "linear":
        return norms.squares
    return jnp.where(norms.all_equal[..., None] | (kernel == "distance"), 0, jnp.ones_like(norms.squares))


class Sums(NamedTuple):
    """What of m kernel matrices is left after all rows were visited, in JAX or NumPy.

    Args:
        products: [m, m], inner products of the matrices without diagonal, each row less its mean.
        means: [m, n], of the rows without diagonal.
        diagonals: [m, n].
    """

    products: Any
    means: Any
    diagonals: Any

    def traces(self) -> Any:
        """Traces [m] of the matrices with the means of rows and columns taken off."""
        n = self.means.shape[1]
        return self.diagonals.sum(1) - ((n - 1) * self.means + self.diagonals).sum(1) / n

    def hsic(self, *, debiased: bool) -> Any:
        """HSIC of every pair [m, m]: the unbiased U-statistic, or the biased tr(K H L H) / n^2.

        With u and v the row means, delta and epsilon their deviations from the mean over rows:
        n (n - 3) HSIC_u = <K - u, L - v> - n (n - 1) / (n - 2) <delta, epsilon>. The V-statistic adds the diagonal to
        kernels from which the grand mean was taken, which changes nothing but keeps the terms small.
        """
        n = self.means.shape[1]
        grand = self.means.mean(1, keepdims=True)
        delta = self.means - grand
        if debiased:
            return (self.products - n * (n - 1) / (n - 2) * _inner(delta)) / (n * (n - 3))
        query = self.diagonals - grand
        rows = (n - 1) * delta + query
        total = rows.sum(1)
        products = self.products + (n - 1) * _inner(delta) + _inner(query)
        return (products - 2 / n * _inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def _inner(rows: Any) -> Any:
    # The pass sums in NumPy's float64, whatever the precision of JAX.
    return rows @ rows.T if isinstance(rows, np.ndarray) else jnp.matmul(rows, rows.T, precision=HIGHEST)


@partial(jax.jit, static_argnames=("kernel", "debiased"))
def hsic(
    representations: Sequence[jax.Array],
    sigmas: Sequence[jax.Array] | None = None,
    *,
    kernel: Kernel = "linear",
    debiased: bool = True,
) -> jax.Array:
    """Hilbert-Schmidt independence criterion of every pair of representations.

    Args:
        representations: m matrices [n, d_m], floating.
        sigmas: m bandwidths of the RBF kernel, in the units of the rows; not for the others.
        kernel: ``linear``, ``rbf``, exp(-d^2 / 2 sigma^2), or ``distance``, the Euclidean distance.
        debiased: the unbiased U-statistic of Song et al. (2012), eq. 5; else the biased tr(K H L H) / n^2.

    Returns:
        [m, m], symmetric. Linear and distance kernels are those of rows divided by a power of two, which any ratio of
        entries is blind to.

    Linear kernels of few columns go through products of d_a x d_b numbers, see `by_features`; all others visit n x n
    entries in blocks of rows, whose sums are added with compensation. Cost m n^2 d + m^2 n^2; memory O(m b n).
    """
    n, m = len(representations[0]), len(representations)
    prepared = [prepare(x) for x in representations]
    norms = stacked([one.norms for one in prepared])
    if kernel == "linear" and by_features(n, [x.shape[1] for x in representations]):
        return feature_hsic(feature_products(prepared), norms.squares, debiased=debiased)
    widths = None if sigmas is None else jnp.stack([jnp.asarray(sigma, norms.squares.dtype) for sigma in sigmas])

    @jax.checkpoint  # so that the derivative, too, keeps no n x n matrix
    def block(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        grams = jnp.stack([one.gram(jnp.minimum(rows, n - 1)) for one in prepared])
        return kernel_products(norms, grams, rows, [kernel], widths)[0]

    def step(carry: tuple[jax.Array, jax.Array], rows: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        products, means = block(rows)
        total, lost = carry
        # Kahan: thousands of blocks in float32 would otherwise lose digits.
        term = products - lost
        new = total + term
        return (new, (new - total) - term), means

    zero = jnp.zeros((m, m), jnp.result_type(*representations))
    size = block_size(n, m * n, BLOCK) if jax.default_backend() == "cpu" else block_size(n, m * n)
    (total, _), means = jax.lax.scan(step, (zero, zero), blocks(n, size))
    means = jnp.moveaxis(means, 0, 1).reshape(m, -1)[:, :n]
    return Sums(total, means, diagonal(norms, kernel)).hsic(debiased=debiased)
