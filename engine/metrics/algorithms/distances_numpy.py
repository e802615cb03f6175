"""Squared distances of all pairs of rows on a CPU, from one matrix product if that preserves their order."""

from __future__ import annotations

import numpy as np

from ...base import first_occurrence_numpy

# Rows of the product per block.
BLOCK = 256
# Upper bound of sums of squares, in units of the last place common to all rows, for which sums in float32 are exact.
EXACT = 2.0**22
# Number of pairs whose distances are checked by subtraction, and of distances among which they are ranked.
CHECKED, RANKED = 2048, 2**16
# Largest root mean square error of their ranks, in standard deviations of a rank: about the change of the correlation
# that each of the two models may cause.
MAX_RANK_ERROR = 1e-4


def squared_distances_numpy(rows: np.ndarray) -> np.ndarray | None:
    """Compute the squared distances of all pairs of rows from a matrix product.

    Args:
        rows: float32 [n, d], scaled such that squares are far from the ends of its range.

    Returns:
        [n // 2, n], entry (s - 1, i) between rows i and i + s modulo n. None if a product would not preserve the order
        of the distances, as in tight clusters, if it would break ties between equal rows, or if rows are not finite.

    For rows of small integers, times a power of two, all ties are preserved. Cost O(n^2 d), memory that of the result.
    """
    if not np.isfinite(rows).all():
        return None
    if _on_a_grid(rows):
        return _all_pairs(rows)
    if not first_occurrence_numpy(rows).all():
        return None
    far = _all_pairs(rows - rows.mean(0, dtype=np.float64).astype(rows.dtype))
    return far if _in_order(rows, far) else None


def _on_a_grid(rows: np.ndarray) -> bool:
    largest = np.einsum("ij,ij->i", rows, rows).max()
    if largest == 0:
        return True
    steps = rows * np.float32(2.0 ** np.floor(np.log2(EXACT / largest) / 2))
    return bool((steps == np.rint(steps)).all())


def _all_pairs(points: np.ndarray) -> np.ndarray:
    n = len(points)
    squares = np.einsum("ij,ij->i", points, points)
    far = np.empty((n // 2, n), np.float32)
    for start in range(0, n, BLOCK):
        query = slice(start, start + BLOCK)
        block = points[query] @ points.T
        block *= -2
        block += squares
        block += squares[query, None]
        np.maximum(block, 0, out=block)
        # Diagonals of the product as rows: row i starts after its own column and continues cyclically.
        around = np.concatenate([block, block], 1)[:, start + 1 :]
        step, size = around.strides
        far[:, query] = np.lib.stride_tricks.as_strided(around, (n // 2, len(block)), (size, step + size))
    return far


def _in_order(rows: np.ndarray, far: np.ndarray) -> bool:
    """Check that distances of some pairs have the ranks that subtraction in float64 gives them."""
    rng = np.random.default_rng(0)
    offset, first = rng.integers(0, len(far), CHECKED), rng.integers(0, len(rows), CHECKED)
    difference = rows[first].astype(np.float64) - rows[(first + offset + 1) % len(rows)]
    exact = np.einsum("ij,ij->i", difference, difference)
    approximate, others = far[offset, first], np.sort(far.ravel()[rng.integers(0, far.size, RANKED)])
    # Count the distances strictly between the two values, so that a distance does not count itself.
    end = np.searchsorted(others, np.maximum(exact, approximate))
    error = np.maximum(0, end - np.searchsorted(others, np.minimum(exact, approximate), side="right")) / RANKED
    return bool(np.sqrt(12 * np.mean(error**2)) <= MAX_RANK_ERROR)
