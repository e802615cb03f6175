"""Residuals of a representation after regressing out covariates, with cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, matrix

# Candidate penalties, as shares of the largest squared singular value of the covariates; infinity removes nothing.
RIDGES = (*np.geomspace(1e-10, 1e2, 25).tolist(), float("inf"))
# Residuals of a column below this many units of rounding, times sqrt(n) and its norm, are rounding errors.
UNITS = 16


def residuals(
    x: Any,
    covariates: Any,
    /,
    *,
    folds: int = 10,
    ridge: float | None = None,
    seed: int = 0,
    groups: Sequence[Any] | None = None,
) -> jax.Array:
    """Regress covariates out of a representation by cross-fitting: each row is predicted by a fit without that row.

    ``x_i - mean - (c_i - mean) B``, where the means and the ridge regression B are fitted on the folds that do not
    contain row i. Residuals of a fit to all rows would be in the same n - c dimensions for every model, and so appear
    aligned where there is no alignment.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        covariates: [n, c], row i being the same sample as row i of x; each column is divided by its standard
            deviation. Columns that are constant over the training rows are ignored. c may exceed n.
        folds: 2 to n / 2; rows are assigned at random, as evenly as possible. Use the same number for all models.
        ridge: penalty as a share of the largest squared singular value of the standardised covariates. By default it is
            chosen for each fold, from 26 values from 1e-10 to infinity, to minimise the leave-one-out error over the
            training rows, so that uninformative covariates remove nothing.
        seed: of the folds.
        groups: n labels; rows of one label are in one fold, so that no row is predicted from others of its group.

    Returns:
        [n, d]; NaN if an input is not finite. Rotating or scaling x rotates or scales the residuals. A column whose
        residuals have a norm below `UNITS` eps sqrt(n) times its own, those of rounding errors, is exactly 0.

    The estimation error of B depends on the same covariates in every model, so that it can look like alignment. It is
    small if there are few covariates compared with the rows, or if they are uninformative. For 86 covariates that
    explain nearly all of 300 rows, debiased CKA of otherwise unrelated rows can still be 0.03 (8 columns) to 0.4 (256).
    Differentiable in x, with the penalty held fixed. Cost O(folds n c (min(n, c) + 26 d)), memory O(n (c + d)).
    Source: cross-fitting, Chernozhukov et al. (2018), Econom. J. 21, C1; leave-one-out: Allen (1974), Technometrics 16.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> c = rng.normal(size=(100, 3))
        >>> bool(np.abs(residuals(c @ rng.normal(size=(3, 8)), c)).max() < 1e-3)
        True
    """
    a, b = matrix(x), matrix(covariates, "covariates")
    n = len(a)
    if len(b) != n:
        raise InputError(f"x has {n} rows and covariates {len(b)}: row i of both must be the same sample")
    if not 2 <= folds <= n // 2:
        raise InputError(f"folds={folds} is out of range for {n} samples: use folds from 2 to {n // 2}")
    if ridge is not None and not isinstance(ridge, jax.core.Tracer) and not ridge >= 0:
        raise InputError(f"ridge={ridge} must be 0 or more, or None to choose it")
    if groups is None:
        order = np.random.default_rng(seed).permutation(n)
        fold = np.empty(n, np.int32)
        fold[order] = np.arange(n) % folds
    else:
        fold = _fold_of_groups(groups, n, folds, seed)
    return _residuals(a, b, jnp.asarray(fold), None if ridge is None else jnp.asarray(ridge, a.dtype), folds)


def _fold_of_groups(groups: Sequence[Any], n: int, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row: each group, in random order, goes to the fold that is smallest at its turn."""
    labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    if len(labels) != n:
        raise InputError(f"groups has {len(labels)} labels for {n} rows")
    sizes = np.bincount(labels)
    if len(sizes) < folds:
        raise InputError(f"folds={folds} is out of range for {len(sizes)} groups: use folds from 2 to {len(sizes)}")
    filled, of_group = np.zeros(folds, int), np.empty(len(sizes), np.int32)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        of_group[group] = filled.argmin()
        filled[of_group[group]] += sizes[group]
    return of_group[labels]


@partial(jax.jit, static_argnames=("folds",))
def _residuals(x: jax.Array, c: jax.Array, fold: jax.Array, ridge: jax.Array | None, folds: int) -> jax.Array:
    finite = jnp.isfinite(x).all() & jnp.isfinite(c).all()
    points, exponent = centred(jnp.where(finite, x, 0))
    columns = jnp.where(finite, c, 0).astype(x.dtype)
    columns = jax.vmap(lambda column: centred(column[:, None])[0][:, 0], 1, 1)(columns)

    def of_fold(number: jax.Array) -> jax.Array:
        return _held_out(points, columns, fold != number, ridge)

    by_fold = jax.lax.map(of_fold, jnp.arange(folds))
    rows = jnp.ldexp(by_fold[fold, jnp.arange(len(x))], exponent)
    # Norms of columns that are scaled alike, since squares of tiny or huge ones would leave the range of float32.
    largest = jnp.maximum(jnp.abs(jax.lax.stop_gradient(x)).max(0), jnp.finfo(x.dtype).tiny)
    left, whole = ((jnp.abs(jax.lax.stop_gradient(v) / largest) ** 2).sum(0) for v in (rows, x))
    noise = left <= (UNITS * jnp.finfo(x.dtype).eps) ** 2 * len(x) * whole
    return jnp.where(finite, jnp.where(noise, 0, rows), jnp.nan)


def _held_out(x: jax.Array, c: jax.Array, train: jax.Array, ridge: jax.Array | None) -> jax.Array:
    """Compute the residuals [n, d] of all rows of a fit to the training rows; the others enter the fit as zeros."""
    count = train.sum().astype(x.dtype)

    def centre(v: jax.Array) -> jax.Array:
        return v - jnp.where(train[:, None], v, 0).sum(0) / count

    x, c = centre(x), centre(centre(c))
    deviation = jnp.sqrt((jnp.where(train[:, None], c, 0) ** 2).sum(0) / count)
    varying = deviation > 16 * jnp.finfo(c.dtype).eps  # the largest entries are 0.5 to 1
    c = jnp.where(varying, c / jnp.where(varying, deviation, 1), 0)
    target = jnp.where(train[:, None], x, 0)
    u, s, vt = jnp.linalg.svd(jnp.where(train[:, None], c, 0), full_matrices=False)
    s = jnp.where(s > 4 * max(c.shape) ** 0.5 * jnp.finfo(c.dtype).eps * s[0], s, 0)
    inner = _times(u.T, target)
    if ridge is None:
        u_fixed, target_fixed, inner_fixed = jax.lax.stop_gradient((u, target, inner))

        def press(share: jax.Array) -> jax.Array:
            """Compute the sum of squared leave-one-out residuals (the PRESS statistic)."""
            shrinkage = _shrinkage(s, share)
            residual = target_fixed - _times(u_fixed, shrinkage[:, None] * inner_fixed)
            one_minus_leverage = 1 - 1 / count - _times(u_fixed * u_fixed, shrinkage)
            safe = one_minus_leverage > 64 * jnp.finfo(x.dtype).eps
            errors = jnp.where(train, (residual * residual).sum(1) / jnp.where(safe, one_minus_leverage, 1) ** 2, 0)
            # A row of leverage 1 is fitted exactly whatever its value, so that its error is undefined.
            return jnp.where((safe | ~train).all(), errors.sum(), jnp.inf)

        shares = jnp.asarray(RIDGES, x.dtype)
        # Reversed, so that the strongest of equally good penalties is chosen.
        ridge = shares[::-1][jnp.argmin(jax.lax.map(press, shares[::-1]))]
    slopes = jnp.where(s > 0, _shrinkage(s, ridge) / jnp.where(s > 0, s, 1), 0)
    return x - _times(_times(c, vt.T), slopes[:, None] * inner)


def _shrinkage(s: jax.Array, share: jax.Array) -> jax.Array:
    """Compute s^2 / (s^2 + ridge), with the largest s scaled to 1."""
    relative = (s / jnp.where(s[0] > 0, s[0], 1)) ** 2
    return jnp.where(relative > 0, relative / (relative + share), 0)


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=HIGHEST)
