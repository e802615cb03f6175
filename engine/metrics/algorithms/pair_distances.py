"""Squared distances between all pairs of rows of one representation, each pair once."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ...base import centred, ldexp, unit, use_numpy
from .distances_numpy import squared_distances_numpy

Distance = Literal["euclidean", "cosine", "correlation"]


@partial(jax.jit, static_argnames=("distance",))
def directions(x: jax.Array, distance: Distance) -> tuple[jax.Array, jax.Array]:
    """Return rows [n, d] whose squared distances have the order of a distance, and which rows have no direction.

    Squared distances of unit rows are twice 1 - cos. A row without a direction, bool [n], is 0: for ``cosine`` a row of
    zeros, for ``correlation`` a row whose columns are equal.
    """
    if distance == "euclidean":
        # Scaled by a power of two and not centred: integers stay exact, and equal distances stay equal.
        _, exponent = centred(x)
        return ldexp(x, -exponent), jnp.zeros(len(x), bool)
    if distance == "correlation":
        largest = jnp.abs(x).max(1, keepdims=True)
        x = x - x.mean(1, keepdims=True)
        x = x - x.mean(1, keepdims=True)
        flat = jnp.abs(x).max(1, keepdims=True) <= 2 * jnp.finfo(x.dtype).eps * largest
        x = jnp.where(flat, 0, x)
    return unit(x), (x == 0).all(1)


def distances_to_shifted(x: jax.Array, empty: jax.Array, distance: Distance, shift: jax.Array) -> jax.Array:
    """Compute the squared distances [n] of row i to row i + shift, modulo n, of the rows that `directions` returns."""

    def shifted(v: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice_in_dim(jnp.concatenate([v, v]), shift, len(v))

    far = ((x - shifted(x)) ** 2).sum(1)
    return far if distance == "euclidean" else jnp.where(empty | shifted(empty), 2, far)


def shifts(n: int) -> jax.Array:
    """Return the shifts that cover every pair once; for even n the last one covers its pairs twice, see `once`."""
    return jnp.arange(1, n // 2 + 1, dtype=jnp.int32)


def once(shift: jax.Array, n: int) -> jax.Array:
    """Return bool [..., n], False for the second occurrence of a pair."""
    return (2 * shift[..., None] < n) | (jnp.arange(n) < n // 2)


def squared_distances(x: jax.Array, distance: Distance, *, by_subtraction: bool = False) -> Any:
    """Compute the squared distances of all pairs of rows.

    Args:
        x: [n, d].
        distance: see `directions`.
        by_subtraction: never from a matrix product, which preserves their order but not their last digits.

    Returns:
        [n // 2, n], entry (s - 1, i) between rows i and i + s modulo n. Infinite for the second occurrence of a pair:
        these are the last n / 2 entries for even n, so that the first n (n - 1) / 2 entries are each pair once.

    Cost O(n^2 d), memory that of the result.
    """
    points, empty = directions(jax.lax.stop_gradient(x), distance)
    if not by_subtraction and use_numpy(points) and not empty.any():
        far = squared_distances_numpy(np.asarray(points))
        if far is not None:
            if len(x) % 2 == 0:
                far[-1, len(x) // 2 :] = np.inf
            return far
    return _subtracted(points, empty, distance)


@partial(jax.jit, static_argnames=("distance",))
def _subtracted(points: jax.Array, empty: jax.Array, distance: Distance) -> jax.Array:
    n = len(points)
    far = jax.lax.map(lambda shift: distances_to_shifted(points, empty, distance, shift), shifts(n))
    return jnp.where(once(shifts(n), n), far, jnp.inf)
