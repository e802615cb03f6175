"""What is left of a representation when the part that covariates explain is taken out."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, matrix

# Penalties tried, as shares of the largest squared singular value of the covariates; the last removes nothing.
RIDGES = (*np.geomspace(1e-10, 1e2, 25).tolist(), float("inf"))


def residuals(x: Any, covariates: Any, /, *, folds: int = 10, ridge: float | None = None, seed: int = 0) -> jax.Array:
    """Rows without what covariates explain of them linearly, each row by a fit in which it had no part.

    ``x_i - mean - (c_i - mean) B``, the means and the ridge regression B from the folds that do not hold row i.
    Residuals of a fit to the very same rows would all lie in the same n - c dimensions, for every model, and so look
    aligned where nothing is.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        covariates: [n, c], row i being the same sample as row i of x; each column counts by its standard deviation.
            Columns that are constant among the rows fitted on have no part. c may exceed n.
        folds: 2 to n / 2; rows are dealt out at random, as evenly as can be. Give all models the same.
        ridge: penalty as a share of the largest squared singular value of the standardised covariates. By default,
            for each fold, that of 26 from 1e-10 to infinity whose leave-one-out error over the rows fitted on is least:
            covariates that say nothing of x take nothing from it.
        seed: of the folds.

    Returns:
        [n, d]; NaN where an input is not finite. Rotating or scaling x does the same to the residuals.

    What B misses is seen through the same covariates in every model. It is small where the covariates are few next to
    the rows, or say nothing; for 86 that say nearly all of 300 rows, debiased CKA of rows that have nothing else in
    common can still be 0.03 (8 columns) to 0.4 (256).
    Differentiable in x, the penalty held fixed. Cost O(folds n c (min(n, c) + 26 d)), memory O(n (c + d)).
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
        raise InputError(f"folds={folds} cannot be made of {n} samples: use folds from 2 to {n // 2}")
    if ridge is not None and not isinstance(ridge, jax.core.Tracer) and not ridge >= 0:
        raise InputError(f"ridge={ridge} must be 0 or more, or None to choose it")
    order = np.random.default_rng(seed).permutation(n)
    fold = np.empty(n, np.int32)
    fold[order] = np.arange(n) % folds
    return _residuals(a, b, jnp.asarray(fold), None if ridge is None else jnp.asarray(ridge, a.dtype), folds)


@partial(jax.jit, static_argnames=("folds",))
def _residuals(x: jax.Array, c: jax.Array, fold: jax.Array, ridge: jax.Array | None, folds: int) -> jax.Array:
    finite = jnp.isfinite(x).all() & jnp.isfinite(c).all()
    points, exponent = centred(jnp.where(finite, x, 0))
    known = jax.vmap(lambda column: centred(column[:, None])[0][:, 0], 1, 1)(jnp.where(finite, c, 0).astype(x.dtype))

    def of_fold(number: jax.Array) -> jax.Array:
        return _held_out(points, known, fold != number, ridge)

    every = jax.lax.map(of_fold, jnp.arange(folds))
    return jnp.where(finite, jnp.ldexp(every[fold, jnp.arange(len(x))], exponent), jnp.nan)


def _held_out(x: jax.Array, c: jax.Array, fitted: jax.Array, ridge: jax.Array | None) -> jax.Array:
    """Residuals [n, d] of all rows by a fit to some; rows left out of it enter as zeros, which weigh nothing."""
    count = fitted.sum().astype(x.dtype)

    def centre(v: jax.Array) -> jax.Array:
        return v - jnp.where(fitted[:, None], v, 0).sum(0) / count

    x, c = centre(x), centre(centre(c))
    spread = jnp.sqrt((jnp.where(fitted[:, None], c, 0) ** 2).sum(0) / count)
    alive = spread > 16 * jnp.finfo(c.dtype).eps  # largest entries are 0.5 to 1
    c = jnp.where(alive, c / jnp.where(alive, spread, 1), 0)
    own = jnp.where(fitted[:, None], x, 0)
    u, s, vt = jnp.linalg.svd(jnp.where(fitted[:, None], c, 0), full_matrices=False)
    s = jnp.where(s > 4 * max(c.shape) ** 0.5 * jnp.finfo(c.dtype).eps * s[0], s, 0)
    inner = _times(u.T, own)
    if ridge is None:
        u_fixed, own_fixed, inner_fixed = jax.lax.stop_gradient((u, own, inner))

        def left_out(share: jax.Array) -> jax.Array:
            """Mean square of what each row misses if it alone is left out of the fit (the PRESS statistic)."""
            kept = _shrinkage(s, share)
            missed = own_fixed - _times(u_fixed, kept[:, None] * inner_fixed)
            free = 1 - 1 / count - _times(u_fixed * u_fixed, kept)
            safe = free > 64 * jnp.finfo(x.dtype).eps
            errors = jnp.where(fitted, (missed * missed).sum(1) / jnp.where(safe, free, 1) ** 2, 0)
            # A row that the fit meets whatever it is says nothing about the fit.
            return jnp.where((safe | ~fitted).all(), errors.sum(), jnp.inf)

        shares = jnp.asarray(RIDGES, x.dtype)
        # The strongest of the equally good.
        ridge = shares[::-1][jnp.argmin(jax.lax.map(left_out, shares[::-1]))]
    slopes = jnp.where(s > 0, _shrinkage(s, ridge) / jnp.where(s > 0, s, 1), 0)
    return x - _times(_times(c, vt.T), slopes[:, None] * inner)


def _shrinkage(s: jax.Array, share: jax.Array) -> jax.Array:
    """s^2 / (s^2 + ridge), of the largest s as 1."""
    relative = (s / jnp.where(s[0] > 0, s[0], 1)) ** 2
    return jnp.where(relative > 0, relative / (relative + share), 0)


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=HIGHEST)
