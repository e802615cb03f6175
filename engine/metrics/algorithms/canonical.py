"""Canonical correlations of two representations: of given ones, under permutations, and expected for unrelated ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base import HIGHEST, centred, ldexp
from ...context import NULL, MetricContext
from ...permutation import Permutations
from .nuclear_norm import Spectrum, nuclear_norm, spectrum, unrelated_norm


class Basis(NamedTuple):
    """Orthonormal basis of the directions in which a representation varies, from the SVD of its centred rows.

    Args:
        vectors: left singular vectors [n, r], that of the largest singular value first; r is the rank in NumPy, and at
            most min(n - 1, d) in JAX, where the vectors past the rank are 0.
        values: singular values [r], 0 past the rank. The rows are scaled by a power of two, see `hyle.engine.base`.
        loadings: [r, d], the products of the vectors with the centred and scaled columns.
    """

    vectors: Any
    values: Any
    loadings: Any

    @property
    def rank(self) -> Any:
        """Number of singular values that are not rounding errors."""
        return (self.values > 0).sum()

    def keep(self, kept: Any) -> Basis:
        """Set the vectors to 0 for which kept, bool [r], is False; NumPy cuts them off instead."""
        if isinstance(self.vectors, np.ndarray):
            return Basis(self.vectors[:, kept], self.values[kept], self.loadings[kept])
        return Basis(self.vectors * kept, self.values * kept, self.loadings * kept[:, None])


class Correlations(NamedTuple):
    """Canonical correlations of two representations.

    Args:
        values: [q], descending, in [0, 1], 0 past their number; differentiable. NaN if there are none.
        first: [r1, q], the canonical directions of x in its basis.
        number: number of canonical correlations, the smaller rank.
    """

    values: jax.Array
    first: jax.Array
    number: jax.Array


def tolerance(shape: tuple[int, ...], dtype: Any) -> float:
    """Return the share below which a singular value is a rounding error, 4 eps max(n, d)^(1/2).

    It is a share of the largest singular value, or of the largest entry before centring if that is larger: far from the
    origin, the rows themselves are rounded. Rounding errors of that size have singular values of about a seventh of it.
    """
    return float(4 * max(shape) ** 0.5 * np.finfo(dtype).eps)


def bases(x: jax.Array, y: jax.Array) -> tuple[Basis, Basis]:
    """Compute the bases of two representations inside JAX transformations; constant under differentiation."""
    first = basis(x)
    # The condition is true unless NaN. It makes y depend on x, since XLA on the CPU can deadlock if batched SVDs run
    # concurrently.
    return first, basis(jnp.where(first.values[0] >= 0, y, jnp.nan))


@jax.jit
def basis(x: jax.Array) -> Basis:
    """Compute the basis of a representation [n, d], n >= 2; of rank 0 if it is constant or not finite.

    Constant under differentiation. Cost O(n d min(n, d)).
    """
    x = jax.lax.stop_gradient(x)
    n, d = x.shape
    finite = jnp.isfinite(x).all()
    x = jnp.where(finite, x, 0)  # not every SVD implementation terminates on NaN
    points, exponent = centred(x)
    # With more columns than rows, the triangular factor has the same left singular vectors.
    columns: Any = points.T if d <= n else jnp.linalg.qr(points.T, mode="r")
    vectors, values, _ = jnp.linalg.svd(columns.T, full_matrices=False)
    scale = jnp.maximum(values[0], ldexp(jnp.abs(x).max(), -exponent))
    kept = (values > tolerance(x.shape, x.dtype) * scale)[: n - 1]
    vectors, values = vectors[:, : n - 1], values[: n - 1]
    return Basis(vectors, values, jnp.matmul(vectors.T, points, precision=HIGHEST)).keep(kept)


def basis_numpy(x: np.ndarray) -> Basis:
    """Compute `basis` in float64 by NumPy, the vectors rounded to the dtype of x."""
    n, d = x.shape
    finite = np.isfinite(x).all()
    points, exponent = centred(x if finite else np.zeros_like(x))
    wide = points.astype(np.float64)
    columns: Any = wide.T if d <= n else np.linalg.qr(wide.T, mode="r")
    vectors, values, _ = np.linalg.svd(columns.T, full_matrices=False)
    scale = max(values[0], float(np.abs(x).max()) * 2.0 ** -int(exponent)) if finite else 1.0
    vectors, values = vectors[:, : n - 1], values[: n - 1]
    kept = values > tolerance(x.shape, x.dtype) * scale
    vectors, values = vectors[:, kept], values[kept]
    return Basis(vectors.astype(x.dtype), values, vectors.T @ wide)


def correlations(x: jax.Array, y: jax.Array, first: Basis, second: Basis) -> Correlations:
    """Compute the canonical correlations of x and y, whose bases are given; some directions may be left out of these.

    The derivative is that of the correlations of x w and y v for the canonical weights w and v, held fixed. For smooth
    symmetric functions of all correlations it is exact, because the weights are stationary points, if the bases are
    complete; a representation stays in the space of its columns, or of its rows if d >= n.
    """
    product = jnp.matmul(first.vectors.T, second.vectors, precision=HIGHEST)
    u, found, vt = jnp.linalg.svd(jax.lax.stop_gradient(product), full_matrices=False)
    found = jnp.clip(found, 0, 1)
    number = jnp.minimum(first.rank, second.rank)
    factor = defined(number, found.dtype)
    a, b = _projected(x * factor, first, u), _projected(y * factor, second, vt.T)
    square = (a * a).sum(0) * (b * b).sum(0)
    good = jax.lax.stop_gradient(square) != 0  # true for NaN
    linear = jnp.where(good, (a * b).sum(0) / jnp.sqrt(jnp.where(good, square, 1)), 0)
    return Correlations(found + (linear - jax.lax.stop_gradient(linear)), u, number.astype(found.dtype))


def _projected(x: jax.Array, space: Basis, directions: jax.Array) -> jax.Array:
    """Return the canonical variables [n, q] as functions of x, their weights held fixed."""
    return jnp.matmul(centred(x)[0], column_weights(space, directions), precision=HIGHEST)


def column_weights(space: Basis, directions: jax.Array) -> jax.Array:
    """Return the weights [d, q] of the centred columns that give directions [r, q] of the basis."""
    inverse = space.loadings.T / jnp.where(space.values > 0, space.values, 1) ** 2
    return jnp.matmul(inverse, directions, precision=HIGHEST)


def defined(number: Any, dtype: Any) -> jax.Array:
    """Return 1, or NaN for a number of 0; as a factor of the input, it makes the gradient NaN as well as the value."""
    return jnp.where(number > 0, jnp.ones((), dtype), jnp.nan)


def all_bases(context: MetricContext) -> list[Basis]:
    """Compute the basis of each model once; the singular values and loadings are NumPy arrays."""

    def compute(x: Any) -> Basis:
        if isinstance(x, np.ndarray):
            return basis_numpy(x)
        found = basis(x)  # one at a time: see `bases`
        return Basis(found.vectors, *(np.asarray(part, np.float64) for part in (found.values, found.loadings)))

    return context.cached("canonical bases", lambda: [compute(x) for x in context.arrays])


def cross_product(first: Basis, second: Basis, order: np.ndarray | None = None) -> np.ndarray:
    """Compute U'V of two bases, [r1, r2], with the rows of V in another order if one is given."""
    other = second.vectors if order is None else second.vectors[order]
    if isinstance(other, np.ndarray):
        return np.asarray(first.vectors.T @ other)
    return np.asarray(jnp.matmul(first.vectors.T, other, precision=HIGHEST))


def correlation_sum(first: Basis, second: Basis, order: np.ndarray | None = None) -> float:
    """Compute the sum of the canonical correlations; NaN if either representation is constant or not finite."""
    least, most = sorted((int(first.rank), int(second.rank)))
    if not least:
        return float("nan")
    if most == len(first.vectors) - 1:  # it has all directions that there are
        return float(least)
    return min(nuclear_norm(cross_product(first, second, order)), float(least))


def square_sum(first: Basis, second: Basis, order: np.ndarray | None = None) -> float:
    """Compute the sum of the squared canonical correlations; NaN as in `correlation_sum`."""
    least, most = sorted((int(first.rank), int(second.rank)))
    if not least:
        return float("nan")
    if most == len(first.vectors) - 1:
        return float(least)
    return min(float(np.square(cross_product(first, second, order), dtype=np.float64).sum()), float(least))


def unrelated_means(context: MetricContext, spaces: list[Basis], key: str) -> np.ndarray:
    """Compute the expected mean canonical correlation [m, m] of the bases for a random order of the samples of one.

    By `unrelated_norm`, exact in the limit of many dimensions; 1 if either basis has all n - 1 directions.
    """

    def compute() -> np.ndarray:
        ranks, chance = [int(space.rank) for space in spaces], np.empty((len(spaces), len(spaces)))
        partial = [0 < rank < context.n - 1 for rank in ranks]
        spectra = [spectrum(np.asarray(s.vectors)) if p else None for s, p in zip(spaces, partial, strict=True)]
        for a, b in np.ndindex(chance.shape):
            chance[a, b] = _unrelated_mean(context.n, ranks[a], ranks[b], spectra[a], spectra[b])
        return chance

    return context.cached(("unrelated canonical correlations", key), compute)


def _unrelated_mean(n: int, first: int, second: int, a: Spectrum | None, b: Spectrum | None) -> float:
    least, most = sorted((first, second))
    if not least:
        return float("nan")
    return 1.0 if most == n - 1 else min(unrelated_norm(a, b) / least, 1.0)


def unrelated_square_means(context: MetricContext, spaces: list[Basis]) -> np.ndarray:
    """Compute the mean squared canonical correlation [m, m] over all permutations, max(r1, r2) / (n - 1)."""
    ranks = np.array([int(space.rank) for space in spaces], np.float64)
    least = np.minimum.outer(ranks, ranks)
    return np.where(least > 0, np.maximum.outer(ranks, ranks) / (context.n - 1), np.nan)


def permuted_scores(
    context: MetricContext, permutations: Permutations, score: Callable[[int, int, np.ndarray], tuple[float, float]]
) -> np.ndarray:
    """Score all pairs under each permutation, [K, m, m], permuting the model that `MetricContext.in_order` says.

    Args:
        context: of the m models.
        permutations: K permutations.
        score: of models a and b and an order of the rows of b; returns the scores from a to b and from b to a.
    """
    pairs, report = np.argwhere(context.in_order), context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for done, (a, b) in enumerate(pairs, 1):
        found = np.array([score(int(a), int(b), order) for order in permutations.orders])
        values[:, b, a] = found[:, 1]
        values[:, a, b] = found[:, 0]  # last, so that it is kept for a model with itself
        report(done, len(pairs))
    return values
