"""The Gram product of a block of rows."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST


def gram_of(points: Any, query: Any) -> Any:
    """Compute the inner products of some points with all points.

    Args:
        points: floating [n, d]; a NumPy array is multiplied in NumPy.
        query: int32 [b], row indices of some points.

    Returns:
        [b, n].
    """
    if not isinstance(points, np.ndarray):
        return _gram_of(points, query)
    rows = np.asarray(query)
    if np.array_equal(rows, np.arange(len(points))):
        return points @ points.T  # NumPy computes only one half of the product of an array with itself
    return points[rows] @ points.T


# Compiled once for each width d of a model, as is every function of the points, so keep these short. Inlined, so that
# functions that are compiled themselves fuse it as if they contained the product.
@partial(jax.jit, inline=True)
def _gram_of(points: jax.Array, query: jax.Array) -> jax.Array:
    return jnp.matmul(points[query], points.T, precision=HIGHEST)
