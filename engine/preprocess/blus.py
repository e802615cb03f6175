"""Residuals that are as independent as the rows were: what a test of alignment beyond covariates needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, matrix


class Basis(NamedTuple):
    """What some covariates span, and the samples that pay for it.

    Args:
        span: [n, r], orthonormal, the constant among it.
        rows: int [n - r], ascending: the samples that keep residuals.
    """

    span: np.ndarray
    rows: np.ndarray


def blus_residuals(x: Any, covariates: Any, /) -> tuple[np.ndarray, jax.Array]:
    """Take out what covariates explain linearly, and leave residuals that are not correlated for having been fitted.

    ``e = (P R P')^-1/2 P R x``, R taking out the least-squares fit on the covariates and a constant, P keeping n - r
    rows: where the rows of x less that fit are independent and alike, so are those of e. Residuals of a fit to all
    rows lie in n - r of n dimensions, the same for every model, and those of fits to other rows share what these
    missed: both look aligned where nothing is, and neither can change places in a permutation.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch.
        covariates: [n, c], row i being the same sample as row i of x; columns of rank r with the constant.

    Returns:
        rows int [n - r], the samples that residuals are left of, and those residuals [n - r, d]. The r samples that
        are given up are those that fix the fit best: whoever alone has an element loses it.

    Rotating or scaling x does the same to the residuals; scaling or mixing covariates does nothing. Not for use inside
    `jax.jit`. Cost O(n c (c + d)) in float64, on the host.
    Source: Theil (1965), J. Am. Stat. Assoc. 60, 1067 (best linear unbiased scalar: BLUS); in permutation tests:
    Winkler et al. (2020), NeuroImage 220, 117065.

    Raises:
        ValueError: different numbers of rows, or fewer than four samples beyond what the covariates use up.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> c = rng.normal(size=(100, 3))
        >>> rows, left = blus_residuals(c @ rng.normal(size=(3, 8)), c)
        >>> left.shape, bool(abs(left).max() < 1e-5)
        ((96, 8), True)
    """
    a = matrix(x)
    basis = orthonormal_basis(covariates)
    if len(basis.span) != len(a):
        raise InputError(f"x has {len(a)} rows and covariates {len(basis.span)}: row i of both must be the same sample")
    return basis.rows, regress_out(a, basis)


def orthonormal_basis(covariates: Any) -> Basis:
    """Find what covariates [n, c] span, and who keeps residuals."""
    known = np.asarray(matrix(covariates, "covariates"), np.float64)
    n, largest = len(known), np.abs(known).max(0)
    known = known - known.mean(0)
    spread = np.abs(known).max(0)
    # What is left of a constant column is rounding.
    alive = spread > 16 * np.finfo(np.float32).eps * largest
    known = known[:, alive] / spread[alive]
    u, s, _ = np.linalg.svd(known, full_matrices=False) if known.shape[1] else (known, np.zeros(0), None)
    u = u[:, s > 1e-6 * s[0]] if len(s) else u
    span = np.concatenate([np.full((n, 1), n**-0.5), u], 1)
    r = span.shape[1]
    if n - r < 4:
        raise InputError(
            f"{n} samples with covariates of rank {r - 1} leave {max(0, n - r)}, and at least 4 are needed: give more "
            "samples or fewer covariates"
        )
    from scipy.linalg import qr

    # Pivoting takes the rows that are furthest apart: the rest keeps as much of itself as can be.
    _, _, order = qr(span.T, mode="economic", pivoting=True)
    return Basis(span, np.sort(order[r:]))


def regress_out(x: jax.Array, basis: Basis) -> jax.Array:
    """Give the residuals [n - r, d] of rows x [n, d]."""
    values = np.asarray(x, np.float64)
    left = values - values.mean(0)
    left = (left - basis.span @ (basis.span.T @ left))[basis.rows]
    # P R P' = 1 - u u' of the rows kept, whose inverse root differs from 1 in what u spans.
    v, s, _ = np.linalg.svd(basis.span[basis.rows], full_matrices=False)
    stretch = 1 / np.sqrt(np.maximum((1 - s) * (1 + s), np.finfo(np.float64).eps)) - 1
    return jnp.asarray(left + v @ (stretch[:, None] * (v.T @ left)), x.dtype)
