"""Relative representations: every row as seen from the same few anchor samples."""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, as_array, matrix, unit

Centring = Literal["none", "rows", "anchors"]


def relative_representation(x: Any, anchors: Any, /, *, centring: Centring = "none") -> jax.Array:
    """Cosines of every row with anchors, so that models of different width come to share their columns.

    ``z_i = (cos(x_i, a_1), ..., cos(x_i, a_K))``, a_j the j-th anchor as this model represents it.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        anchors: integers [K], numbers of the rows of x that are anchors, the same samples for every model, negative
            ones not counting from the end; or the anchors themselves, floating [K, d].
        centring: ``none``; ``rows`` subtracts the mean of x from rows and anchors, ``anchors`` that of the anchors,
            which lets new rows be added later without moving the old.

    Returns:
        [n, K] in [-1, 1]. A row or anchor of length 0 has the cosine 0 with all; NaN where an input is not finite.

    Invariant to rotation and isotropic scale, with centring also to translation. Derivatives are finite at rows of
    length 0. Cost O(n d K), memory O(n (d + K)).
    Source: Moschella et al. (2023), arXiv 2209.15430; Li & Walsh (2025), arXiv 2512.05349, for interatomic potentials.

    Raises:
        ValueError: no anchors, anchors of another width, row numbers outside x.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> relative_representation(x, [0, 7, 21]).shape
        (50, 3)
    """
    if centring not in get_args(Centring):
        raise InputError(f"unknown centring {centring!r}: use {', '.join(get_args(Centring))}")
    a = matrix(x)
    given = as_array(anchors)
    if given.size == 0:
        raise InputError("no anchors: give row numbers [K] or anchor vectors [K, d]")
    if given.ndim == 1 and jnp.issubdtype(given.dtype, jnp.integer):
        if not isinstance(given, jax.core.Tracer):  # inside jit there is nothing to look at
            rows = np.asarray(given)
            if rows.min() < 0 or rows.max() >= len(a):
                raise InputError(f"anchors are row numbers from 0 to {len(a) - 1}; got {rows.min()} to {rows.max()}")
        return _cosines(a, a[given], centring)
    b = matrix(anchors, "anchors")
    if b.shape[1] != a.shape[1]:
        raise InputError(f"anchors have {b.shape[1]} columns and x has {a.shape[1]}: anchors come from the same model")
    return _cosines(a, b, centring)


def _cosines(x: jax.Array, anchors: jax.Array, centring: Centring) -> jax.Array:
    finite = jnp.isfinite(x).all() & jnp.isfinite(anchors).all()
    for _ in range(0 if centring == "none" else 2):  # the first mean of rows far from the origin is itself rounded
        middle = (x if centring == "rows" else anchors).mean(0)
        x, anchors = x - middle, anchors - middle
    cosines = jnp.matmul(unit(x), unit(anchors).T, precision=HIGHEST)
    return jnp.where(finite, jnp.clip(cosines, -1, 1), jnp.nan)
