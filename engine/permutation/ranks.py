"""Mean ranks of neighbours under permutations of the samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from ..base import Threads, pack_sort_keys, unpack_sort_keys
from ..gram import Prepared, gram_of
from .draw import Permutations

# Number of rows of a matrix of ranks that are in memory at once.
ROWS = 128


def permuted_ranks(
    representations: Sequence[Prepared],
    tables: Sequence[np.ndarray],
    permutations: Permutations,
    first: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute the mean rank in one model of the neighbours in another, with the rows of one of the two permuted.

    Args:
        representations: m, of the same n samples.
        tables: m neighbour tables, int [n, k].
        permutations: K permutations.
        first: bool [m, m], whether the rows of b are permuted in the pair (a, b), else those of a.
        progress: called with (models done, total).

    Returns:
        [K, m, m] in float64, entry (p, a, b) the mean rank in b, by Euclidean distance and from 1, of the neighbours
        in a. The order of distances that differ by rounding errors only is arbitrary.

    Cost m n^2 (d + log n) + K m^2 n k, memory O(m b n) for blocks of b rows.
    """
    m, n, count = len(representations), len(tables[0]), len(permutations)
    orders, inverses = permutations.orders, permutations.inverses
    values = np.empty((count, m, m))
    # Flat arrays, in which NumPy looks up entries twice as fast.
    offset = (np.arange(count) * n)[:, None, None]

    def of_target(target: int) -> np.ndarray:
        sums = np.zeros((count, m))
        for start in range(0, n, ROWS):
            rows = np.arange(start, min(start + ROWS, n))
            rank = _rank_rows(representations[target], rows)
            for source, table in enumerate(tables):
                # Row r of the target is compared with row to_source[r] of the source, whose row j is row to_target[j]
                # of the target.
                to_target, to_source = (orders, inverses) if first[source, target] else (inverses, orders)
                near = table.take(to_source[:, rows], axis=0)  # [K, b, k]
                columns = to_target.ravel().take(near + offset)
                position = columns + n * np.arange(len(rows))[None, :, None]
                sums[:, source] += rank.take(position).sum((1, 2), dtype=np.float64)
        return sums / (n * tables[0].shape[1])

    with Threads() as pool:
        for target, sums in enumerate(pool.map(of_target, range(m))):
            values[:, :, target] = sums
            if progress is not None:
                progress(target + 1, m)
    return values


def _rank_rows(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """Compute the ranks of all other rows, the row itself last, as a flat array [b n]."""
    n = len(prepared.rows)
    # Padded to one shape, to compile once.
    query = np.minimum(np.arange(rows[0], rows[0] + ROWS, dtype=np.int32), n - 1)
    far = np.maximum(np.asarray(_distances(prepared, query), np.float32)[: len(rows)], 0)
    far[np.arange(len(rows)), rows] = np.inf
    _, order = unpack_sort_keys(np.sort(pack_sort_keys(far, np.arange(n)), axis=1))
    order = order + n * np.arange(len(rows))[:, None]
    rank = np.empty(len(rows) * n, np.int32)
    rank[order.ravel()] = np.tile(np.arange(1, n + 1, dtype=np.int32), len(rows))
    return rank


@jax.jit
def _distances(prepared: Prepared, query: jax.Array) -> jax.Array:
    return prepared.norms.distances(gram_of(prepared.points, query), query)
