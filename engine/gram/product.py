"""The Gram product of a block of rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp


# Those that take points or a view know the width of a model, and are compiled for each; they are short.
@jax.jit
def gram_of(points: jax.Array, query: jax.Array) -> jax.Array:
    """Inner products [b, n] of rows own [b] of some points [n, d] with all."""
    return jnp.matmul(points[query], points.T, precision=jax.lax.Precision.HIGHEST)
