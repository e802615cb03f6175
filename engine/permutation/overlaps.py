"""Number of neighbours that two models share when the samples of one are shifted along cycles, for few samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .draw import Permutations
from .kernels import shifted_products

# With at most this many samples, Fourier transforms of whole matrices take less time than joining edges.
MAX_ROWS = 2048


def shifted_overlaps(
    indices: np.ndarray,
    permutations: Permutations,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Count the edges that every pair of neighbour tables shares, with the samples of the second shifted along cycles.

    Args:
        indices: int [m, k, n], with the neighbours of row i in column i of each table.
        permutations: K permutations along cycles.
        progress: called with (diagonals done, total).

    Returns:
        int64 [K, m, m], symmetric, entry (p, a, b), a <= b, with the rows of b permuted.

    The count is the inner product of two matrices of zeros and ones, of which the second is permuted: that of their
    symmetric parts plus that of their antisymmetric parts, see `shifted_products`. Transforms in float64 leave errors
    far below 1, so that rounding gives the exact count. Cost c (m n^2 log n + m^2 n^2) for c cycles, whatever k.
    """
    m, k, n = indices.shape
    edges = np.zeros((m, n, n), bool)
    for table, neighbours in zip(edges, indices, strict=True):
        table[np.tile(np.arange(n), k), neighbours.ravel()] = True
    products = np.zeros((len(permutations), m, m))
    for part, sign in enumerate((1, -1)):

        def diagonals(model: int, arrangement: np.ndarray, start: int, size: int, sign: int = sign) -> np.ndarray:
            other = arrangement[(np.arange(n) + (start + np.arange(size))[:, None]) % n]
            there, back = edges[model][arrangement, other], edges[model][other, arrangement]
            return (there.astype(np.float64) + sign * back) / 2

        def report(done: int, total: int, part: int = part) -> None:
            if progress is not None:
                progress(part * total + done, 2 * total)

        products += shifted_products([diagonals], m, n, permutations, progress=report)
    counts = np.triu(np.rint(products).astype(np.int64))
    return counts + np.triu(counts, 1).swapaxes(1, 2)
