"""Regression residuals that are as independent as the rows, for tests of alignment beyond covariates."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, matrix

# Residuals of a column below this many units of rounding, times the norm of the column, are rounding errors. A column
# that is computed from the covariates in the same precision has errors of a few units, and sums of n rows of about
# sqrt(n); values of 16 bits are rounded once, to half a unit each.
UNITS = 4


class ExplainedWarning(UserWarning):
    """Warning that covariates explain a representation wholly, so that nothing of it is left to compare."""


class Basis(NamedTuple):
    """Orthonormal basis of the space that covariates span, and the samples for which residuals are returned.

    Args:
        span: [n, r], orthonormal columns; their span includes the constant.
        rows: int [n - r], ascending: the samples that keep residuals.
    """

    span: np.ndarray
    rows: np.ndarray


def blus_residuals(x: Any, covariates: Any, /) -> tuple[np.ndarray, jax.Array]:
    """Regress covariates out of a representation, with residuals that the fit does not correlate (BLUS residuals).

    ``e = (P R P')^-1/2 P R x``, where R subtracts the least-squares fit on the covariates and a constant, and P selects
    n - r rows. If the errors of the linear model are independent and identically distributed over the rows, so are the
    rows of e. Ordinary residuals do not have this property. Those of a fit to all rows are in n - r of n dimensions,
    the same for every model, and those of cross-fits share the part that the fits missed. Both appear aligned where
    there is no alignment, and neither is exchangeable under permutations.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch.
        covariates: [n, c], row i being the same sample as row i of x; of rank r together with the constant.

    Returns:
        rows: int [n - r], the samples that keep residuals.
        residuals: [n - r, d]. The r dropped samples are those that determine the fit best; a sample that alone contains
            a chemical element is dropped. A column that the covariates explain up to rounding errors is exactly 0: its
            residuals have a norm below `UNITS` eps sqrt(n) times that of the column (not centred), with eps of the
            dtype in which residuals are returned, or below `UNITS` eps of a coarser dtype of x.

    Rotating or scaling x rotates or scales the residuals; scaling or mixing covariates does not change them. Not for
    use inside `jax.jit`. Cost O(n c (c + d)) in float64, on the host.
    Source: Theil (1965), J. Am. Stat. Assoc. 60, 1067 (best linear unbiased scalar: BLUS); in permutation tests:
    Winkler et al. (2020), NeuroImage 220, 117065.

    Raises:
        ValueError: x and covariates have different numbers of rows, or fewer than four samples would remain.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> c = rng.normal(size=(100, 3))
        >>> rows, residuals = blus_residuals(c @ rng.normal(size=(3, 8)), c)
        >>> residuals.shape, bool(abs(residuals).max() < 1e-5)
        ((96, 8), True)
    """
    a = matrix(x)
    basis = orthonormal_basis(covariates)
    if len(basis.span) != len(a):
        raise InputError(f"x has {len(a)} rows and covariates {len(basis.span)}: row i of both must be the same sample")
    return basis.rows, regress_out(a, basis, dtype=getattr(x, "dtype", None))


def orthonormal_basis(covariates: Any) -> Basis:
    """Compute the space that covariates [n, c] span together with the constant, and the samples that keep residuals.

    Raises:
        ValueError: fewer than four samples would remain.
    """
    columns = np.asarray(matrix(covariates, "covariates"), np.float64)
    n, largest = len(columns), np.abs(columns).max(0)
    columns = columns - columns.mean(0)
    scale = np.abs(columns).max(0)
    # A centred constant column contains only rounding errors.
    varying = scale > 16 * np.finfo(np.float32).eps * largest
    columns = columns[:, varying] / scale[varying]
    u, s, _ = np.linalg.svd(columns, full_matrices=False) if columns.shape[1] else (columns, np.zeros(0), None)
    u = u[:, s > 1e-6 * s[0]] if len(s) else u
    span = np.concatenate([np.full((n, 1), n**-0.5), u], 1)
    r = span.shape[1]
    if n - r < 4:
        raise InputError(
            f"{n} samples with covariates of rank {r - 1} leave {max(0, n - r)}, and at least 4 are needed: use more "
            "samples or fewer covariates"
        )
    from scipy.linalg import qr

    # Pivoting selects the most independent rows to drop, so that the others keep as much of their variance as possible.
    _, _, order = qr(span.T, mode="economic", pivoting=True)
    return Basis(span, np.sort(order[r:]))


def regress_out(x: jax.Array, basis: Basis, *, dtype: Any = None) -> jax.Array:
    """Compute the residuals [n - r, d] of rows x [n, d]; 0 in columns that are explained up to rounding errors.

    Args:
        x: the rows.
        basis: of the covariates.
        dtype: of x before it was converted, which may be coarser.
    """
    values = np.asarray(x, np.float64)
    residuals = values - values.mean(0)
    residuals = residuals - basis.span @ (basis.span.T @ residuals)
    noise = np.linalg.norm(residuals, axis=0) <= _floor(x.dtype, dtype, len(x)) * np.linalg.norm(values, axis=0)
    residuals = np.where(noise, 0, residuals)[basis.rows]
    # P R P' = 1 - u u' with u the kept rows of the span; its inverse root differs from 1 only in the span of u.
    v, s, _ = np.linalg.svd(basis.span[basis.rows], full_matrices=False)
    factor = 1 / np.sqrt(np.maximum((1 - s) * (1 + s), np.finfo(np.float64).eps)) - 1
    return jnp.asarray(residuals + v @ (factor[:, None] * (v.T @ residuals)), x.dtype)


def _floor(dtype: Any, before: Any, n: int) -> float:
    """Return the norm of residuals that are rounding errors, relative to that of the column."""
    floor = UNITS * float(jnp.finfo(dtype).eps) * n**0.5
    name = str(before).removeprefix("torch.")
    return max(floor, UNITS * float(jnp.finfo(name).eps)) if name in ("float16", "bfloat16") else floor
