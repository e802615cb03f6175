"""Kernel matrices in blocks of rows, their inner products for all pairs, and the HSIC computed from these."""

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
# Entries of one kernel, of all models together, that a CPU multiplies at once, so that they stay in the cache.
CHUNK = 2**13
# Entries of the Gram products of all models that a CPU computes at once when one compiled function computes both the
# Gram products and the kernels.
BLOCK = 2**21


def check_kernel(kernel: str) -> None:
    """Raise ValueError unless this is a kernel of CKA."""
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
    """Compute the inner products of some rows of m kernel matrices, without their diagonals, for all pairs.

    Args:
        norms: of m representations, stacked.
        grams: m Gram products [b, n] (`Prepared.gram`) that include the rows. Pass two or three as one array, since
            XLA would otherwise test for every entry which of them it comes from.
        rows: int32 [r], row indices; those >= n are padding and contribute nothing.
        kernels: ``linear`` in the squared units of the points, ``rbf``, exp(-d^2 / 2 sigma^2), or ``distance`` in the
            units of the points.
        sigmas: [m], bandwidths in the units of the representations, for ``rbf``.
        at: position of the first of ``rows`` among the b rows of the Gram products.

    Returns:
        For each kernel the inner products [m, m] of the rows minus their means, and the means [m, r] of the n - 1
        off-diagonal entries.

    On a CPU a few rows are processed at a time, so that the kernels of all models stay in the cache until they are
    multiplied. The mean of each row is subtracted first, so that no large terms cancel.
    """
    r, n, m = len(rows), grams[0].shape[1], len(grams)
    size = min(r, CHUNK // (m * n)) if jax.default_backend() == "cpu" else r
    size = size if size > 2 else 1  # XLA takes twice as long for two rows at a time as for one by one

    def values(
        norms: Norms, gram: jax.Array, sigma: jax.Array, rows: jax.Array, kernel: Kernel
    ) -> tuple[jax.Array, jax.Array]:
        query = jnp.minimum(rows, n - 1)
        keep = (rows < n)[:, None] & (query[:, None] != jnp.arange(n, dtype=jnp.int32)[None, :])
        entries = gram
        if kernel != "linear":
            # Equal rows have distance 0, not the square root of a rounding error, however their product was compiled.
            equal = norms.distances(gram, query, norms.gram_rtol) <= 0
            far = jnp.where(equal, 0, norms.distances(gram, query))
            scaled = jnp.ldexp(jnp.asarray(sigma, far.dtype), -norms.exponent)
            entries = gaussian(far, scaled) if kernel == "rbf" else root(far)
        keep &= ~norms.all_equal  # equal entries minus their mean would be rounding errors
        entries = jnp.where(keep, entries, 0)
        mean = entries.sum(1) / (n - 1)
        return jnp.where(keep, entries - mean[:, None], 0), mean

    bandwidths = jnp.ones(m, grams[0].dtype) if sigmas is None else sigmas

    def step(totals: list[jax.Array], start: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        # The last slice is moved back to fit; the rows that it repeats become padding.
        first = jnp.minimum(start, r - size)
        indices = jax.lax.dynamic_slice_in_dim(rows, first, size)
        indices = jnp.where(first + jnp.arange(size) < start, n, indices)
        if isinstance(grams, jax.Array):
            slices = jax.lax.dynamic_slice_in_dim(grams, at + first, size, 1)
        else:
            slices = jnp.stack([jax.lax.dynamic_slice_in_dim(gram, at + first, size) for gram in grams])
        sums, means = [], []
        for kernel, total in zip(kernels, totals, strict=True):
            centred_rows, mean = jax.vmap(partial(values, kernel=kernel), (0, 0, 0, None))(
                norms, slices, bandwidths, indices
            )
            flat = centred_rows.reshape(m, -1)
            sums.append(total + jnp.matmul(flat, flat.T, precision=HIGHEST))
            means.append(mean)
        return sums, means

    totals, means = jax.lax.scan(step, [jnp.zeros((m, m), grams[0].dtype)] * len(kernels), jnp.arange(0, r, size))

    def joined(mean: jax.Array) -> jax.Array:
        mean = jnp.moveaxis(mean, 0, 1).reshape(m, -1)
        # Drop the repeated rows of the last slice.
        return jnp.concatenate([mean[:, : (r // size) * size], mean[:, -(r % size) :]], 1) if r % size else mean

    return [(total, joined(mean)) for total, mean in zip(totals, means, strict=True)]


def diagonal(norms: Norms, kernel: Kernel) -> jax.Array:
    """Return the diagonal [n] of a kernel matrix, or [m, n] for stacked norms; 0 if all rows are equal."""
    if kernel == "linear":
        return norms.squares
    return jnp.where(norms.all_equal[..., None] | (kernel == "distance"), 0, jnp.ones_like(norms.squares))


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


@partial(jax.jit, static_argnames=("kernel", "debiased"))
def hsic(
    representations: Sequence[jax.Array],
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
    """
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
