"""Ranks of given rows among the Euclidean neighbours of others, by counting instead of sorting."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..base import HIGHEST, each_row
from ..gram import Norms, Prepared

# Neighbours at least in a table from which small ranks are read.
TABLE = 32
# A distance is trusted for a rank where it is so many times its possible error.
CERTAIN = 32


def ranks(
    norms: Norms, gram: jax.Array, query: jax.Array, wanted: jax.Array, table: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Find which neighbours of rows own [b] the rows wanted [b, c] are.

    Args:
        norms: of the representation.
        gram: [b, n], `Prepared.gram` of the rows.
        query: int32 [b].
        wanted: int32 [b, c].
        table: int32 [b, t], the nearest neighbours of the rows; ranks up to t are read off it, others counted.

    Returns:
        ranks [b, c], floating, 1 for the nearest other row, ties to the lowest index; and bool [b], whether a wanted
        row is so near that the Gram product does not tell.

    Beyond the table, rows whose distances differ by less than the error of the product count as tied.
    """
    n = gram.shape[1]
    squares, gram_rtol = norms.squares, norms.gram_rtol
    far = norms.distances(gram, query)
    far = jnp.where(query[:, None] == jnp.arange(n)[None, :], jnp.inf, far)

    def one(row: jax.Array, far: jax.Array, wanted: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array]:
        limit, error = far[wanted], 2 * gram_rtol * (squares[row] + squares[wanted])
        same = wanted[:, None] == near[None, :]
        known = same.any(1)
        counted = _count(far, wanted, limit + error, limit - error)
        read = 1 + same.argmax(1).astype(far.dtype)
        return jnp.where(known, read, counted), (~known & (limit <= CERTAIN * error)).any()

    return each_row(one, query, far, wanted, table)


def recompute_exact_ranks(
    prepared: Prepared, query: jax.Array, wanted: jax.Array, found: jax.Array, incomplete: jax.Array
) -> jax.Array:
    """Replace the ranks [b, c] of doubtful rows by those found from measuring every distance by subtraction."""
    prepared = jax.lax.stop_gradient(prepared)

    def one(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        incomplete, found = state
        which = incomplete.argmax()
        row = query[which]
        apart = jax.lax.optimization_barrier((prepared.rows - prepared.rows[row]) * (1 / prepared.norms.scale))
        far = (apart * apart).sum(1)  # as neighbours are measured: not by matmul, which lets equal rows differ
        far = far.at[row].set(jnp.inf)
        limit = far[wanted[which]]
        # Above 0 the next number is one that processors flush to 0: equal rows would all be first.
        next_up = jnp.maximum(jnp.nextafter(limit, jnp.inf), jnp.finfo(far.dtype).tiny)
        return incomplete.at[which].set(False), found.at[which].set(_count(far, wanted[which], next_up, limit))

    return jax.lax.while_loop(lambda state: state[0].any(), one, (incomplete, found))[1]


def _count(far: jax.Array, wanted: jax.Array, before: jax.Array, after: jax.Array) -> jax.Array:
    """Rank columns wanted [c] by the distances far [n]; [c].

    Columns to the left count where they are less than before [c], those to the right where less than after [c].
    """
    ahead = jnp.arange(len(far), dtype=jnp.int32)[None, :] < wanted[:, None]
    limit = jnp.where(ahead, before[:, None], after[:, None])
    # Summed by a product, within one thread of a CPU: a sum would wait for others. Counts below 2^24 are exact.
    return 1 + jnp.matmul((far[None, :] < limit).astype(far.dtype), jnp.ones_like(far), precision=HIGHEST)
