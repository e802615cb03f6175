"""Kernel matrices in blocks of rows, and their inner products for all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp

from ..base import HIGHEST, InputError, gaussian, namespace, root
from .prepared import Norms

Kernel = Literal["linear", "rbf", "distance"]
# Entries of one kernel, of all models together, that a CPU multiplies at once, so that they stay in the cache.
CHUNK = 2**13


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
        entries = kernel_entries(norms, gram, query, kernel, sigma)
        keep &= ~norms.all_equal  # equal entries minus their mean would be rounding errors
        entries = jnp.where(keep, entries, 0)
        mean = entries.sum(1) / (n - 1)
        return jnp.where(keep, entries - mean[:, None], 0), mean

    bandwidths = jnp.ones(m, grams[0].dtype) if sigmas is None else sigmas

    def step(
        totals: list[tuple[jax.Array, jax.Array]], start: jax.Array
    ) -> tuple[list[tuple[jax.Array, jax.Array]], list[jax.Array]]:
        # The last slice is moved back to fit; the rows that it repeats become padding.
        first = jnp.minimum(start, r - size)
        indices = jax.lax.dynamic_slice_in_dim(rows, first, size)
        indices = jnp.where(first + jnp.arange(size) < start, n, indices)
        if isinstance(grams, jax.Array):
            slices = jax.lax.dynamic_slice_in_dim(grams, at + first, size, 1)
        else:
            slices = jnp.stack([jax.lax.dynamic_slice_in_dim(gram, at + first, size) for gram in grams])
        sums, means = [], []
        for kernel, (total, lost) in zip(kernels, totals, strict=True):
            centred_rows, mean = jax.vmap(partial(values, kernel=kernel), (0, 0, 0, None))(
                norms, slices, bandwidths, indices
            )
            flat = centred_rows.reshape(m, -1)
            # Kahan summation: there may be as many terms as rows.
            term = jnp.matmul(flat, flat.T, precision=HIGHEST) - lost
            new = total + term
            sums.append((new, (new - total) - term))
            means.append(mean)
        return sums, means

    zero = jnp.zeros((m, m), grams[0].dtype)
    totals, means = jax.lax.scan(step, [(zero, zero)] * len(kernels), jnp.arange(0, r, size))

    def joined(mean: jax.Array) -> jax.Array:
        mean = jnp.moveaxis(mean, 0, 1).reshape(m, -1)
        # Drop the repeated rows of the last slice.
        return jnp.concatenate([mean[:, : (r // size) * size], mean[:, -(r % size) :]], 1) if r % size else mean

    return [(total, joined(mean)) for (total, _), mean in zip(totals, means, strict=True)]


def kernel_entries(norms: Norms, gram: Any, query: Any, kernel: Kernel, sigma: Any) -> Any:
    """Compute some rows of a kernel matrix, in JAX or NumPy.

    Args:
        norms: of one representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        kernel: as in `kernel_products`.
        sigma: scalar, bandwidth in the units of the representation, for ``rbf``.

    Returns:
        [b, n].
    """
    if kernel == "linear":
        return gram
    xp = namespace(gram, norms.squares)
    # Equal rows have distance 0, not the square root of a rounding error, however their product was compiled.
    equal = norms.distances(gram, query, norms.gram_rtol) <= 0
    far = xp.where(equal, 0, norms.distances(gram, query))
    if kernel == "distance":
        return root(far)
    return gaussian(far, xp.ldexp(xp.asarray(sigma, far.dtype), -norms.exponent))


def diagonal(norms: Norms, kernel: Kernel) -> Any:
    """Return the diagonal [n] of a kernel matrix, or [m, n] for stacked norms; 0 if all rows are equal."""
    if kernel == "linear":
        return norms.squares
    xp = namespace(norms.squares)
    return xp.where(norms.all_equal[..., None] | (kernel == "distance"), 0, xp.ones_like(norms.squares))
