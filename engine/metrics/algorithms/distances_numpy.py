"""Squared distances of all pairs of rows on a CPU, from one product where that keeps their order."""

from __future__ import annotations

import numpy as np

from ...base import first_occurrence_numpy

# Rows of the product at once.
BLOCK = 256
# Sums of squares, in units of the last place of all rows, up to which every sum in float32 is exact.
EXACT = 2.0**22
# Pairs that are measured by subtraction too, and distances among which their places are sought.
MEASURED, PLACES = 2048, 2**16
# What the places of the sample may be off, as the root of the mean square in deviations of a rank: about as far as the
# correlation may move for each of its two models.
MISPLACED = 1e-4


def squared_distances_numpy(rows: np.ndarray) -> np.ndarray | None:
    """Measure all pairs of rows [n, d] in float32, whose squares are far from the ends of its range.

    Returns:
        [n // 2, n], entry (s - 1, i) between rows i and i + s modulo n; None where a product would lose the order of
        the distances, as it does in tight clusters, or would part distances that are equal because rows are, and where
        rows are not finite.

    Rows of small integers, times a power of two, keep every tie. Cost O(n^2 d), memory that of what is returned.
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
        own = slice(start, start + BLOCK)
        block = points[own] @ points.T
        block *= -2
        block += squares
        block += squares[own, None]
        np.maximum(block, 0, out=block)
        # Row i from its own place on, around the end; as diagonals.
        around = np.concatenate([block, block], 1)[:, start + 1 :]
        step, size = around.strides
        far[:, own] = np.lib.stride_tricks.as_strided(around, (n // 2, len(block)), (size, step + size))
    return far


def _in_order(rows: np.ndarray, far: np.ndarray) -> bool:
    """Tell whether distances of some pairs stand where those measured by subtraction in float64 would."""
    rng = np.random.default_rng(0)
    offset, first = rng.integers(0, len(far), MEASURED), rng.integers(0, len(rows), MEASURED)
    apart = rows[first].astype(np.float64) - rows[(first + offset + 1) % len(rows)]
    exact = np.einsum("ij,ij->i", apart, apart)
    rough, others = far[offset, first], np.sort(far.ravel()[rng.integers(0, far.size, PLACES)])
    # Of those between, not of itself.
    end = np.searchsorted(others, np.maximum(exact, rough))
    off = np.maximum(0, end - np.searchsorted(others, np.minimum(exact, rough), side="right")) / PLACES
    return bool(np.sqrt(12 * np.mean(off**2)) <= MISPLACED)
