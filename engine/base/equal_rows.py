"""Detection of rows that equal an earlier row to the last bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

# Entries of the rows whose bits are added up at once.
CHUNK = 2**18


@jax.jit
def first_occurrence(x: jax.Array) -> jax.Array:
    """Return a mask of the rows that equal no earlier row, to the last bit.

    Args:
        x: floating [n, d].

    Returns:
        bool [n], False for every exact duplicate of a row with a lower index.
    """
    return first_equal(x) == jnp.arange(len(x), dtype=jnp.int32)


def first_occurrence_numpy(x: jax.Array | np.ndarray) -> np.ndarray:
    """Return the mask of `first_occurrence`; NumPy version, which compiles nothing for the shape.

    Args:
        x: floating [n, d].

    Returns:
        bool [n], False for every exact duplicate of a row with a lower index.
    """
    return first_equal_numpy(np.asarray(x)) == np.arange(len(x))


def first_equal(x: jax.Array) -> jax.Array:
    """Return the index of the first row that equals each row, int32 [n].

    Rows are hashed to 64 bits in integer arithmetic, so that the result does not depend on rounding. In the order of
    the hashes, each row is compared entry by entry with the one before it. Cost O(n d + n log n).
    """
    n = len(x)
    x = jnp.where(x == 0, 0, x)  # -0.0 equals 0.0 but has other bits; XLA optimises adding 0.0 away
    words = jax.lax.bitcast_convert_type(x, jnp.uint32).reshape(n, -1)  # two words for a float64
    multipliers = jax.random.bits(jax.random.key(0), (words.shape[1], 2), jnp.uint32) | 1
    mixed = words ^ (words >> 15)
    hashes = ((mixed * multipliers[:, i]) ^ (mixed * multipliers[:, i] >> 13) for i in (0, 1))
    every = jnp.arange(n, dtype=jnp.int32)
    *_, index = jax.lax.sort((*(column.sum(1, dtype=jnp.uint32) for column in hashes), every), num_keys=3)
    ordered = x[index]
    new = jnp.concatenate([jnp.ones(1, bool), (ordered[1:] != ordered[:-1]).any(1)])
    return jnp.zeros(n, jnp.int32).at[index].set(index[jax.lax.cummax(jnp.where(new, every, 0))])


def first_equal_numpy(x: np.ndarray) -> np.ndarray:
    """Return what `first_equal` does; NumPy version, which compiles nothing for the shape."""
    n, d = x.shape
    first, sums = np.arange(n, dtype=np.int32), np.empty(n, np.uint64)
    for start in range(0, n, size := max(1, CHUNK // d)):
        chunk = slice(start, start + size)
        sums[chunk] = _positive_zeros(x[chunk]).view(np.uint32).sum(1, dtype=np.uint64)
    # A row whose sum of bits is unique has no duplicate; sorting the rows themselves takes ten times as long.
    _, group, count = np.unique(sums, return_inverse=True, return_counts=True)
    candidates = np.flatnonzero(count[group] > 1)
    if len(candidates):
        whole = _positive_zeros(x[candidates]).view(np.dtype((np.void, x.dtype.itemsize * d))).ravel()
        _, index, inverse = np.unique(whole, return_index=True, return_inverse=True)
        first[candidates] = candidates[index[inverse.ravel()]]
    return first


def _positive_zeros(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x + 0.0)  # -0.0 becomes 0.0
