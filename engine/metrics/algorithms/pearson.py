"""Pearson correlation of distances that are not kept in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from .pair_distances import Distance, directions, distances_to_shifted, once, shifts


@partial(jax.jit, static_argnames=("distance",))
def pearson(a: jax.Array, b: jax.Array, distance: Distance) -> jax.Array:
    """Compute the Pearson correlation of the distances of all pairs of rows of two representations.

    They have n rows each. Computed in one pass, merging the central moments of each shift (Chan, Golub & LeVeque 1983,
    Am. Stat. 37, 242). NaN if all distances of a representation are equal. Differentiable. Cost O(n^2 (d1 + d2)),
    memory O(n (d1 + d2)).
    """
    (x, no_x), (y, no_y) = (directions(v, distance) for v in (a, b))
    n = len(x)

    def distances(points: jax.Array, empty: jax.Array, shift: jax.Array) -> jax.Array:
        far = distances_to_shifted(points, empty, distance, shift)
        # The inner `where` keeps the infinite derivative of the root at 0 out of the gradient.
        return jnp.where(far > 0, jnp.sqrt(jnp.where(far > 0, far, 1)), 0) if distance == "euclidean" else far

    @jax.checkpoint
    def step(carry: tuple[jax.Array, jax.Array, jax.Array], shift: jax.Array) -> tuple[Any, None]:
        count, mean, moments = carry
        keep = once(shift, n)
        far = jnp.stack([distances(x, no_x, shift), distances(y, no_y, shift)])
        added = keep.sum().astype(far.dtype)
        batch_mean = jnp.where(keep, far, 0).sum(1) / added
        centred_far = jnp.where(keep, far - batch_mean[:, None], 0)
        change = batch_mean - mean
        between = change[jnp.array([0, 1, 0])] * change[jnp.array([0, 1, 1])]
        within = (centred_far[jnp.array([0, 1, 0])] * centred_far[jnp.array([0, 1, 1])]).sum(1)
        new = count + added
        return (new, mean + change * (added / new), moments + within + between * (count * added / new)), None

    dtype = jnp.result_type(x, y)
    start = (jnp.zeros((), dtype), jnp.zeros(2, dtype), jnp.zeros(3, dtype))
    (_, mean, moments), _ = jax.lax.scan(step, start, shifts(n))
    # Distances that are all equal differ only by rounding.
    noise = (4 * jnp.finfo(dtype).eps * mean) ** 2 * (n * (n - 1) // 2)
    good = (moments[:2] > noise).all()
    return jnp.where(good, moments[2] / jnp.sqrt(jnp.where(good, moments[:2], 1)).prod(), jnp.nan)
