"""Kernel matrices in blocks of rows, their inner products for all pairs, and the HSIC that follows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from ._rows import HIGHEST, block_size, blocks, root
from ._view import Norms, View, view

Kernel = Literal["linear", "rbf", "distance"]
# Columns of the kernels that are multiplied at once: a slice of all models stays in the cache.
SLICE = 4096


def check_kernel(kernel: str) -> None:
    """Raise unless this is a kernel of CKA."""
    if kernel not in ("linear", "rbf"):
        raise ValueError(f"unknown kernel {kernel!r}: use linear or rbf")


class Rows(NamedTuple):
    """Some rows of a kernel matrix without its diagonal.

    Args:
        values: [b, n], each row less its mean; 0 on the diagonal and in rows that are beyond the last.
        mean: [b], of the n - 1 entries off the diagonal.
    """

    values: jax.Array
    mean: jax.Array


def kernel_rows(norms: Norms, gram: jax.Array, rows: jax.Array, kernel: Kernel, sigma: jax.Array | None = None) -> Rows:
    """Compute some rows of a kernel matrix from their Gram product.

    Args:
        norms: of the representation.
        gram: [b, n], `View.gram` of the rows.
        rows: int32 [b]; those >= n are beyond the last.
        kernel: ``linear`` in the units of the points squared, ``rbf``, exp(-d^2 / 2 sigma^2), or ``distance`` in the
            units of the points.
        sigma: bandwidth in the units of the representation.

    Each row has its own mean taken off before any product, which leaves no large terms to cancel.
    """
    n = gram.shape[1]
    own = jnp.minimum(rows, n - 1)
    keep = (rows < n)[:, None] & (own[:, None] != jnp.arange(n)[None, :])
    if kernel == "linear":
        values = gram
    else:
        far = jnp.maximum(norms.distances(gram, own), 0)
        if kernel == "rbf":
            assert sigma is not None
            values = jnp.exp(far * (-0.5 / jnp.ldexp(jnp.asarray(sigma, far.dtype), -norms.exponent) ** 2))
        else:
            values = root(far)
    values = jnp.where(keep, values, 0)
    mean = values.sum(1) / (n - 1)
    return Rows(jnp.where(keep, values - mean[:, None], 0), mean)


def diagonal(norms: Norms, kernel: Kernel) -> jax.Array:
    """Return the diagonal [n] of a kernel matrix."""
    constant = {"rbf": jnp.ones_like(norms.squares), "distance": jnp.zeros_like(norms.squares)}
    return norms.squares if kernel == "linear" else constant[kernel]


def inner_products(values: Sequence[jax.Array]) -> jax.Array:
    """Sum the products of every pair of m blocks [b, n]; [m, m].

    Slices of a few thousand numbers of all m at once are multiplied as a matrix with itself: on the CPU four times
    faster than one product of all that there are.
    """
    flat = jnp.stack([block.reshape(-1) for block in values])
    m, size = flat.shape
    width = min(SLICE, size)
    whole = size // width

    def step(total: jax.Array, start: jax.Array) -> tuple[jax.Array, None]:
        part = jax.lax.dynamic_slice_in_dim(flat, start, width, 1)
        return total + jnp.matmul(part, part.T, precision=HIGHEST), None

    total, _ = jax.lax.scan(step, jnp.zeros((m, m), flat.dtype), jnp.arange(whole) * width)
    rest = flat[:, whole * width :]
    return total + jnp.matmul(rest, rest.T, precision=HIGHEST)


class Sums(NamedTuple):
    """What of m kernel matrices is left after all rows were visited.

    Args:
        products: [m, m], inner products of the matrices without diagonal, each row less its mean.
        means: [m, n], of the rows without diagonal.
        diagonals: [m, n].
    """

    products: jax.Array
    means: jax.Array
    diagonals: jax.Array

    def hsic(self, *, debiased: bool) -> jax.Array:
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
        own = self.diagonals - grand
        rows = (n - 1) * delta + own
        total = rows.sum(1)
        products = self.products + (n - 1) * _inner(delta) + _inner(own)
        return (products - 2 / n * _inner(rows) + total[:, None] * total[None, :] / n**2) / n**2


def _inner(rows: jax.Array) -> jax.Array:
    return rows @ rows.T if not isinstance(rows, jax.Array) else jnp.matmul(rows, rows.T, precision=HIGHEST)


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
    if kernel == "linear" and by_features(n, [x.shape[1] for x in representations]):
        return feature_hsic([view(x) for x in representations], debiased=debiased)
    views = [view(x) for x in representations]

    @jax.checkpoint  # so that the derivative, too, keeps no n x n matrix
    def block(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        own = jnp.minimum(rows, n - 1)
        found = [
            kernel_rows(seen.norms, seen.gram(own), rows, kernel, None if sigmas is None else sigmas[i])
            for i, seen in enumerate(views)
        ]
        return inner_products([part.values for part in found]), jnp.stack([part.mean for part in found])

    def step(carry: tuple[jax.Array, jax.Array], rows: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        products, means = block(rows)
        total, lost = carry
        # Kahan: thousands of blocks in float32 would otherwise lose digits.
        term = products - lost
        new = total + term
        return (new, (new - total) - term), means

    zero = jnp.zeros((m, m), jnp.result_type(*representations))
    (total, _), means = jax.lax.scan(step, (zero, zero), blocks(n, block_size(n, m * n)))
    means = jnp.moveaxis(means, 0, 1).reshape(m, -1)[:, :n]
    return Sums(total, means, jnp.stack([diagonal(seen.norms, kernel) for seen in views])).hsic(debiased=debiased)


def by_features(n: int, widths: Sequence[int]) -> bool:
    """Count which form of the linear HSIC of all pairs multiplies less: feature by feature, or row by row."""
    m, total = len(widths), sum(widths)
    return total * (total + 1) / 2 < n * (total + m * (m + 1) / 2)


@partial(jax.jit, static_argnames=("debiased",))
def feature_hsic(views: Sequence[View], *, debiased: bool) -> jax.Array:
    """HSIC of the linear kernels of every pair, [m, m], through products X' Y of d_a x d_b numbers.

    The kernels are of centred rows, whose sums over a row are 0: with q and p the squared lengths of the rows,
    n^2 HSIC_v = |X'Y|^2 and n (n - 3) HSIC_u = |X'Y|^2 - n / (n - 2) q.p + sum(q) sum(p) / ((n - 1) (n - 2)).
    Cost n d_a d_b for each pair, memory O(d_a d_b).
    """
    n, m = len(views[0].points), len(views)
    values = [[jnp.zeros(())] * m for _ in range(m)]
    for a in range(m):
        for b in range(a, m):
            product = jnp.matmul(views[a].points.T, views[b].points, precision=HIGHEST)
            values[a][b] = values[b][a] = (product * product).sum()
    found = jnp.stack([jnp.stack(row) for row in values])
    if not debiased:
        return found / n**2
    squares = jnp.stack([seen.norms.squares for seen in views])
    mean = squares.mean(1, keepdims=True)
    apart = squares - mean  # q.p less its mean part, which the last term cancels but for 1 / n
    both = mean @ mean.T
    return (found - n / (n - 2) * (_inner(apart) + n * both) + n * n * both / ((n - 1) * (n - 2))) / (n * (n - 3))
