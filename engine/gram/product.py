"""The Gram product of a block of rows."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, Centred, Threads, aligned_empty, one_thread_products

# Rows of one job, and number of points up to which NumPy takes less time by itself.
ROWS, FEW = 256, 1024


def gram_of(points: Any, query: Any, threads: int | None = None) -> Any:
    """Compute the inner products of some points with all points.

    Args:
        points: floating [n, d]; a NumPy array is multiplied in NumPy, and `Centred` rows as they are computed.
        query: int32 [b], row indices of some points.
        threads: see `gram_of_all`.

    Returns:
        [b, n].
    """
    if isinstance(points, Centred):
        return points.gram(np.asarray(query))
    if not isinstance(points, np.ndarray):
        return _gram_of(points, query)
    rows = np.asarray(query)
    if np.array_equal(rows, np.arange(len(points))):
        return gram_of_all(points, threads=threads)
    return np.matmul(points[rows], points.T, out=aligned_empty((len(rows), len(points)), points.dtype))


def gram_of_all(points: np.ndarray, out: np.ndarray | None = None, *, threads: int | None = None) -> np.ndarray:
    """Compute the inner products of all points, one half of them, in NumPy and in threads.

    Args:
        points: [n, d].
        out: [n, n], where the products go; default a new array.
        threads: number of them; default one per core.

    NumPy computes only one half as well, but copies it to the other one entry after the other.
    """
    n = len(points)
    out = aligned_empty((n, n), points.dtype) if out is None else out
    if n <= FEW:
        return np.matmul(points, points.T, out=out)

    def of_rows(start: int) -> None:
        end = min(n, start + ROWS)
        some = points[start:end]
        np.matmul(some, some.T, out=out[start:end, start:end])  # symmetric to the bit, as that of all points
        np.matmul(some, points[end:].T, out=out[start:end, end:])
        for first in range(end, n, ROWS):
            out[first : first + ROWS, start:end] = out[start:end, first : first + ROWS].T

    with one_thread_products(), Threads(threads) as pool:
        list(pool.map(of_rows, range(0, n, ROWS)))
    return out


def multiply(points: np.ndarray | Centred, some: np.ndarray, rows: slice, out: np.ndarray) -> np.ndarray:
    """Compute the inner products of some points with the points of a slice of the rows, in NumPy.

    Args:
        points: floating [n, d].
        some: [b, d].
        rows: of the n.
        out: [b, c], where the products go.
    """
    if isinstance(points, Centred):
        return points.multiply(some, rows, out)
    return np.matmul(some, points[rows].T, out=out)


# Compiled once for each width d of a model, as is every function of the points, so keep these short. Inlined, so that
# functions that are compiled themselves fuse it as if they contained the product.
@partial(jax.jit, inline=True)
def _gram_of(points: jax.Array, query: jax.Array) -> jax.Array:
    return jnp.matmul(points[query], points.T, precision=HIGHEST)
