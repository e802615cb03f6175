"""Ranks of given rows among the Euclidean neighbours of other rows, by counting instead of sorting."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, each_row
from ..gram import Norms, Prepared
from .search_numpy import MAX_ROWS_NUMPY, exact_distances_numpy

# Minimum number of neighbours of a table from which small ranks are read.
TABLE = 32
# Number of distances that NumPy computes at once, so that they stay in the cache.
CHUNK = 2**18
# A rank is certain if the distance is more than this multiple of its error bound.
CERTAIN = 32


def ranks(
    norms: Norms, gram: jax.Array, query: jax.Array, wanted: jax.Array, table: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Compute the ranks of given rows among the neighbours of the query rows.

    Args:
        norms: of the representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        wanted: int32 [b, c], the rows whose ranks to compute, for each query row.
        table: int32 [b, t], the nearest neighbours of the query rows; ranks up to t are read from it, others counted.

    Returns:
        Ranks [b, c], floating, 1 for the nearest other row, ties broken by the lowest index; and bool [b], whether a
        wanted row is so near that the Gram product does not determine its rank.

    Beyond the table, rows whose distances differ by less than the error of the Gram product count as tied.
    """
    n = gram.shape[1]
    squares, gram_rtol = norms.squares, norms.gram_rtol
    far = norms.distances(gram, query)
    far = jnp.where(query[:, None] == jnp.arange(n)[None, :], jnp.inf, far)

    def of_row(row: jax.Array, far: jax.Array, wanted: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array]:
        limit, error = far[wanted], 2 * gram_rtol * (squares[row] + squares[wanted])
        same = wanted[:, None] == near[None, :]
        in_table = same.any(1)
        counted = _count(far, wanted, limit + error, limit - error)
        read = 1 + same.argmax(1).astype(far.dtype)
        return jnp.where(in_table, read, counted), (~in_table & (limit <= CERTAIN * error)).any()

    return each_row(of_row, query, far, wanted, table)


def recompute_exact_ranks(
    prepared: Prepared, query: jax.Array, wanted: jax.Array, found: jax.Array, incomplete: jax.Array
) -> jax.Array:
    """Replace the ranks of incomplete rows by ranks from distances computed by subtraction.

    Args:
        prepared: the representation.
        query: int32 [b].
        wanted: int32 [b, c], as in `ranks`.
        found: [b, c], the ranks returned by `ranks`.
        incomplete: bool [b], rows to replace, as returned by `ranks`.

    Returns:
        [b, c].
    """
    prepared = jax.lax.stop_gradient(prepared)

    def replace(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        incomplete, found = state
        which = incomplete.argmax()
        row = query[which]
        difference = jax.lax.optimization_barrier((prepared.rows - prepared.rows[row]) * (1 / prepared.norms.scale))
        far = (difference * difference).sum(1)  # as in `exact_distances`: with matmul, equal rows would not tie
        far = far.at[row].set(jnp.inf)
        limit = far[wanted[which]]
        # The next number above 0 is subnormal, which processors flush to 0: equal rows would all have rank 1.
        next_up = jnp.maximum(jnp.nextafter(limit, jnp.inf), jnp.finfo(far.dtype).tiny)
        return incomplete.at[which].set(False), found.at[which].set(_count(far, wanted[which], next_up, limit))

    return jax.lax.while_loop(lambda state: state[0].any(), replace, (incomplete, found))[1]


def ranks_numpy(
    prepared: Prepared, gram: np.ndarray, query: np.ndarray, wanted: np.ndarray, table: np.ndarray
) -> np.ndarray:
    """Compute the ranks of given rows among the neighbours of the query rows; NumPy version of `ranks`.

    Args:
        prepared: the representation.
        gram: [b, n], `Prepared.gram` of the query rows.
        query: int32 [b].
        wanted: int32 [b, c], the rows whose ranks to compute, for each query row.
        table: int32 [b, t], the nearest neighbours of the query rows, in exact order.

    Returns:
        Ranks [b, c], as those of `ranks`, with the rows that are incomplete there recomputed from exact distances.
    """
    norms, n = prepared.norms, gram.shape[1]
    if n > MAX_ROWS_NUMPY:
        values, incomplete = (np.array(part) for part in _ranks(norms, gram, query, wanted, table))
    else:
        values, incomplete = _ranks_by_columns(norms, gram, query, wanted, table)
    every = np.arange(n, dtype=np.int32)
    for row in np.flatnonzero(incomplete):
        far = exact_distances_numpy(prepared, query[[row]], every[None], "euclidean")[0]
        far[query[row]] = np.inf
        order = np.argsort(far, kind="stable")
        position = np.empty(n, np.int32)
        position[order] = every
        values[row] = 1 + position[wanted[row]]
    return values


def _ranks_by_columns(
    norms: Norms, gram: np.ndarray, query: np.ndarray, wanted: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `ranks` does, counting for one column of wanted rows after the other."""
    every, values = np.arange(gram.shape[1]), np.zeros(wanted.shape, np.float32)
    in_table = np.zeros(wanted.shape, bool)
    for place in range(table.shape[1]):
        same = wanted == table[:, [place]]
        values[same], in_table = 1 + place, in_table | same
    incomplete = np.zeros(len(query), bool)
    size = max(1, CHUNK // len(every))
    for start in range(0, len(query), size):
        chunk = slice(start, start + size)
        rows, at = query[chunk], wanted[chunk]
        far = norms.distances(gram[chunk], rows)
        far[np.arange(len(rows)), rows] = np.inf
        limit = np.take_along_axis(far, at, 1)
        error = 2 * norms.gram_rtol * (norms.squares[rows][:, None] + norms.squares[at])
        incomplete[chunk] = (~in_table[chunk] & (limit <= CERTAIN * error)).any(1)
        for column in range(at.shape[1]):
            counted = np.flatnonzero(~in_table[chunk, column])
            low, high = ((limit + sign * error)[counted, column, None] for sign in (-1, 1))
            below, tied = far[counted] < low, far[counted] < high
            tied &= every < at[counted, column, None]  # of rows within the error, those of a lower index come first
            values[start + counted, column] = 1 + np.count_nonzero(below | tied, axis=1)
    return values, incomplete


_ranks = jax.jit(ranks)


def _count(far: jax.Array, wanted: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """Rank the columns ``wanted`` [c] by the distances ``far`` [n].

    Args:
        far: [n].
        wanted: int32 [c].
        before: [c], columns to the left of a wanted one are counted if their distance is less than this.
        after: [c], the same for columns to the right.

    Returns:
        [c], one plus the number of columns counted.
    """
    ahead = jnp.arange(len(far), dtype=jnp.int32)[None, :] < wanted[:, None]
    limit = jnp.where(ahead, before[:, None], after[:, None])
    # Summed by a matrix product, which stays in one thread of a CPU; a sum would wait for other threads. Counts below
    # 2^24 are exact.
    return 1 + jnp.matmul((far[None, :] < limit).astype(far.dtype), jnp.ones_like(far), precision=HIGHEST)
