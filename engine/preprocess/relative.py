"""Relative representations: every row by its similarities to the same anchor samples."""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, as_array, matrix, unit

Centring = Literal["none", "rows", "anchors"]


def relative_representation(x: Any, anchors: Any, /, *, centring: Centring = "none") -> jax.Array:
    """Compute the cosine similarity of every row to anchors, so that models of different width share their columns.

    ``z_i = (cos(x_i, a_1), ..., cos(x_i, a_K))``, where a_j is the representation of the j-th anchor by this model.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        anchors: integers [K], row numbers of the anchors in x, the same samples for every model (negative numbers do
            not count from the end); or the anchor vectors, floating [K, d].
        centring: ``none``; ``rows`` subtracts the mean of x from rows and anchors; ``anchors`` subtracts the mean of
            the anchors, so that rows can be added later without changing the others.

    Returns:
        [n, K] in [-1, 1]. The cosine with a zero row or zero anchor is 0. NaN if an input is not finite.

    Invariant to rotation and isotropic scaling, with centring also to translation. Derivatives are finite at zero rows.
    Cost O(n d K), memory O(n (d + K)).
    Source: Moschella et al. (2023), arXiv 2209.15430; Li & Walsh (2025), arXiv 2512.05349, for interatomic potentials.

    Raises:
        ValueError: there are no anchors, anchors have a different width from x, row numbers are out of range, or the
            centring is unknown.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> relative_representation(x, [0, 7, 21]).shape
        (50, 3)
    """
    if centring not in get_args(Centring):
        raise InputError(f"unknown centring {centring!r}: use {', '.join(get_args(Centring))}")
    a = matrix(x)
    anchor_array = as_array(anchors)
    if anchor_array.size == 0:
        raise InputError("no anchors: pass row numbers [K] or anchor vectors [K, d]")
    if anchor_array.ndim == 1 and jnp.issubdtype(anchor_array.dtype, jnp.integer):
        if not isinstance(anchor_array, jax.core.Tracer):  # inside jit there are no values to check
            rows = np.asarray(anchor_array)
            if rows.min() < 0 or rows.max() >= len(a):
                raise InputError(f"anchors are row numbers from 0 to {len(a) - 1}; got {rows.min()} to {rows.max()}")
        return _cosines(a, a[anchor_array], centring)
    b = matrix(anchors, "anchors")
    if b.shape[1] != a.shape[1]:
        raise InputError(
            f"anchors have {b.shape[1]} columns and x has {a.shape[1]}: they must come from the same model"
        )
    return _cosines(a, b, centring)


def _cosines(x: jax.Array, anchors: jax.Array, centring: Centring) -> jax.Array:
    finite = jnp.isfinite(x).all() & jnp.isfinite(anchors).all()
    for _ in range(0 if centring == "none" else 2):  # twice, since the mean of rows far from the origin is rounded
        mean = (x if centring == "rows" else anchors).mean(0)
        x, anchors = x - mean, anchors - mean
    cosines = jnp.matmul(unit(x), unit(anchors).T, precision=HIGHEST)
    return jnp.where(finite, jnp.clip(cosines, -1, 1), jnp.nan)
