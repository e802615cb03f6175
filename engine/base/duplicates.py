"""Which rows repeat an earlier row exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


@jax.jit
def first_occurrence(x: jax.Array) -> jax.Array:
    """Mark the rows that no earlier row equals.

    Args:
        x: floating [n, d].

    Returns:
        bool [n], False for every exact repetition of a row with a lower index.

    Rows are hashed to 64 bits in integer arithmetic, so the result does not depend on rounding; rows with equal
    hashes are compared number by number with the neighbour in hash order. Cost O(n d + n log n).
    """
    n = len(x)
    x = jnp.where(x == 0, 0, x)  # -0.0 equals 0.0 but has other bits; adding 0.0 is compiled away
    words = jax.lax.bitcast_convert_type(x, jnp.uint32).reshape(n, -1)  # a float64 gives two
    pack_sort_keys = jax.random.bits(jax.random.key(0), (words.shape[1], 2), jnp.uint32) | 1
    mixed = words ^ (words >> 15)
    first, second = ((mixed * pack_sort_keys[:, i]) ^ (mixed * pack_sort_keys[:, i] >> 13) for i in (0, 1))
    order = (first.sum(1, dtype=jnp.uint32), second.sum(1, dtype=jnp.uint32), jnp.arange(n, dtype=jnp.int32))
    *_, index = jax.lax.sort(order, num_keys=3)
    ordered = x[index]
    repeats = jnp.concatenate([jnp.zeros(1, bool), (ordered[1:] == ordered[:-1]).all(1)])
    return jnp.zeros(n, bool).at[index].set(~repeats)


def first_occurrence_numpy(x: jax.Array | np.ndarray) -> np.ndarray:
    """Do what `first_occurrence` does outside of `jax.jit`, where nothing has to be compiled for the shape."""
    rows = np.ascontiguousarray(np.asarray(x) + 0.0)  # -0.0 becomes 0.0
    kept = np.ones(len(rows), bool)
    # Rows whose bits have a sum of their own repeat no other; sorting the rows themselves takes ten times as long.
    _, group, size = np.unique(rows.view(np.uint32).sum(1, dtype=np.uint64), return_inverse=True, return_counts=True)
    some = np.flatnonzero(size[group] > 1)
    if len(some):
        whole = rows[some].view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))
        kept[some] = False
        kept[some[np.unique(whole, return_index=True)[1]]] = True
    return kept
