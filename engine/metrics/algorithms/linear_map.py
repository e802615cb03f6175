"""Linear maps from one representation to another, fitted to some of the rows and tested on the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base import HIGHEST, InputError, centred
from ...context import MetricContext

# Candidate cutoffs of the singular values, as shares of the largest one, tried in this order.
CUTOFFS = tuple(np.geomspace(1e-9, 0.9, 20).tolist())
# Seed of the shuffle into two folds, as in scikit-matter, so that values can be compared.
FOLD_SEED = 0x5F3759DF


def split(n: int, train: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that maps are fitted to, by default every second one, and the others.

    Raises:
        ValueError: fewer than four rows, repeated ones, or none is left.
    """
    rows = np.arange(0, n, 2) if train is None else np.asarray(train)
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or len(np.unique(rows)) != len(rows) or len(rows) < 4:
        raise InputError("train must contain at least 4 different rows")
    if rows.min() < 0 or rows.max() >= n or len(rows) == n:
        raise InputError(f"train must contain row numbers from 0 to {n - 1} and leave at least one row to be predicted")
    return rows, np.setdiff1d(np.arange(n), rows)


def _two_folds(n: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.RandomState(FOLD_SEED).permutation(n)
    return np.sort(order[n - n // 2 :]), np.sort(order[: n - n // 2])


class Spectrum(NamedTuple):
    """Singular value decomposition of some of the rows."""

    left: jax.Array  # U [n, r]
    values: jax.Array  # S [r], values of 0 up to rounding set to 0
    right: jax.Array  # V S^-1 [d, r]


class Source(NamedTuple):
    """Everything that a fit needs from x: the spectra of both folds and of all rows, and cross-fold projections."""

    folds: tuple[Spectrum, Spectrum]
    across: tuple[jax.Array, jax.Array]
    whole: Spectrum
    largest: jax.Array


def _spectrum(x: jax.Array) -> Spectrum:
    u, s, vt = jnp.linalg.svd(x, full_matrices=False)
    s = jnp.where(s > 4 * max(x.shape) ** 0.5 * jnp.finfo(x.dtype).eps * s[0], s, 0)
    return Spectrum(u, s, vt.T / jnp.where(s > 0, s, 1))


def source_of(x: jax.Array) -> Source:
    """Decompose centred training rows [n, d], and both halves of them."""
    one, two = _two_folds(len(x))
    kept = np.ones((3, len(x), 1), bool)
    kept[0, two] = kept[1, one] = False
    # Excluded rows are set to zero, which does not change the spectrum. The SVDs run sequentially, in a loop: XLA on
    # the CPU can deadlock if several batched SVDs of one computation run concurrently.
    spectra = jax.lax.map(lambda rows: _spectrum(jnp.where(rows, x, 0)), kept)
    first, second, whole = (Spectrum(*(part[i] for part in spectra)) for i in range(3))
    first, second = first._replace(left=first.left[one]), second._replace(left=second.left[two])
    across = times(x[two], first.right), times(x[one], second.right)
    return Source((first, second), across, whole, jnp.maximum(first.values[0], second.values[0]))


def times(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return a matrix product in full precision."""
    return jnp.matmul(a, b, precision=HIGHEST)


def fitted(source: Source, y: jax.Array) -> jax.Array:
    """Fit the coefficients [r, d2] of the columns of ``x @ source.whole.right``."""
    one, two = _two_folds(len(y))
    fixed, folds = jax.lax.stop_gradient((y, source))
    inner = [times(spectrum.left.T, fixed[rows]) for spectrum, rows in zip(folds.folds, (one, two), strict=True)]

    def loss(share: jax.Array) -> jax.Array:
        total = jnp.zeros((), y.dtype)
        for spectrum, across, part, rows in zip(folds.folds, folds.across, inner, (two, one), strict=True):
            kept = spectrum.values > share * folds.largest
            residual = fixed[rows] - times(across, jnp.where(kept[:, None], part, 0))
            total = total + jnp.sqrt((residual * residual).mean(0)).mean()
        return total

    shares = jnp.asarray(CUTOFFS, y.dtype)
    best = shares[jnp.argmin(jax.lax.map(loss, shares))]
    kept = source.whole.values > best * folds.largest
    return jnp.where(kept[:, None], times(source.whole.left.T, y), 0)


def standardised_over(x: jax.Array, rows: np.ndarray) -> jax.Array:
    """Scale to mean 0 and total variance 1 over some rows; NaN if these are all equal or any row is not finite."""
    points, _ = centred(x)
    for _ in range(2):  # the first mean of rows far from the origin is itself rounded
        points = points - points[rows].mean(0)
    variance = (points[rows] ** 2).sum(1).mean()
    good = (variance > 0) & jnp.isfinite(x).all()
    return jnp.where(good, points / jnp.sqrt(jnp.where(good, variance, 1)), jnp.nan)


@jax.jit
def global_source(x: jax.Array, train_rows: Any, test_rows: Any) -> tuple[Source, jax.Array, jax.Array]:
    """Return the decomposition of the training rows, the test rows in its basis, and whether x is not finite."""
    points = standardised_over(x, train_rows)
    bad = jnp.isnan(points).any()
    points = jnp.where(bad, 0, points)  # not every SVD implementation terminates on NaN
    source = source_of(points[train_rows])
    return source, times(points[test_rows], source.whole.right), bad


def every_second(context: MetricContext) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows, whose row number among all samples is even, and the others.

    Where samples are left out, the others stay in training or out of it: otherwise every row after the first that is
    left out would change sides, and the error with it.
    """
    return split(context.n, np.flatnonzero(context.row_numbers % 2 == 0))
