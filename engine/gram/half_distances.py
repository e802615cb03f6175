"""Selecting distances of a range, of which each is computed once, in NumPy."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..base import MIN_BLOCK, Threads, aligned_empty
from .prepared import Prepared

# Inner products of one block of rows, and distances that are compared at once, so that they stay in the cache.
BLOCK, CHUNK = 2**22, 2**16
# Columns of one job.
JOBS, MIN_COLUMNS = 8, 256


def distances_between(prepared: Prepared, low: float, high: float) -> tuple[np.ndarray, int, int]:
    """Select the squared distances between rows that are in a range.

    Args:
        prepared: of n rows, NumPy arrays.
        low: smallest squared distance to return, in the squared units of the points.
        high: the largest.

    Returns:
        The squared distances from low to high, the number of those below, and of those that are finite. Those within
        the rounding error of zero, at most 4 eps (|a|^2 + |b|^2), do not count.

    Cost n^2 d / 2; memory O(b n) for blocks of b rows.
    """
    n = len(prepared.points)
    block = min(n, max(MIN_BLOCK, BLOCK // n))
    buffer = np.empty(0) if prepared.whole is not None else aligned_empty(block * n, prepared.points.dtype)
    parts: list[tuple[np.ndarray, int, int]] = []
    with Threads() as pool:
        for start in range(0, n, block):
            end = min(n, start + block)
            if prepared.whole is None:
                gram = prepared.half_gram(start, end, buffer[: (end - start) * (n - start)].reshape(-1, n - start))
            else:
                gram = prepared.whole[start:end, start:]
            width = max(MIN_COLUMNS, -(-(n - start) // JOBS))
            select = partial(_select, prepared, gram, start, width, low, high)
            parts += pool.map(select, range(0, n - start, width))
    values = np.concatenate([part[0] for part in parts])
    return values, sum(part[1] for part in parts), sum(part[2] for part in parts)


@np.errstate(all="ignore")  # rows that are not finite
def _select(
    prepared: Prepared, gram: np.ndarray, start: int, width: int, low: float, high: float, first: int
) -> tuple[np.ndarray, int, int]:
    """Select among the distances of some columns, from ``first`` on, to the rows before each."""
    squares, eps = prepared.norms.squares, np.finfo(gram.dtype).eps
    last, largest = min(gram.shape[1], first + width), np.finfo(gram.dtype).max
    columns = squares[start + first : start + last]
    limit, finite_squares = 8 * eps * squares.max(), bool(np.isfinite(squares).all())
    rows, size = min(len(gram), last - 1), max(1, CHUNK // (last - first))
    buffer, found, below, finite = np.empty((size, last - first), gram.dtype), [], 0, 0
    for lowest in range(0, rows, size):
        chunk = slice(lowest, min(rows, lowest + size))
        own = squares[start:][chunk, None]
        far = np.multiply(gram[chunk, first:last], -2, out=buffer[: chunk.stop - lowest])
        far += own
        far += columns
        skipped = not finite_squares or far.min() <= limit
        if skipped:
            far[~(far > 4 * eps * (own + columns))] = np.inf
        for row in range(max(lowest, first), chunk.stop):  # at and before the diagonal
            far[row - lowest, : row + 1 - first] = np.inf
            skipped = True
        near = far < low
        upto = far <= high
        below += int(np.count_nonzero(near))
        finite += int(np.count_nonzero(far <= largest)) if skipped else far.size
        upto ^= near
        found.append(far.ravel()[np.flatnonzero(upto)])
    return np.concatenate([*found, buffer[:0, 0]]), below, finite
