"""The Gram product of a block of rows."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from ..base import HIGHEST


# Compiled once for each width d of a model, as is every function of the points, so keep these short. Inlined, so that
# functions that are compiled themselves fuse it as if they contained the product.
@partial(jax.jit, inline=True)
def gram_of(points: jax.Array, query: jax.Array) -> jax.Array:
    """Compute the inner products of some points with all points.

    Args:
        points: floating [n, d].
        query: int32 [b], row indices of some points.

    Returns:
        [b, n].
    """
    return jnp.matmul(points[query], points.T, precision=HIGHEST)
