"""Selecting distances of a range, of which each is computed once, in NumPy."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..base import MIN_BLOCK, Threads, aligned_empty
from .half_product import ROWS
from .prepared import Prepared

# Inner products of one block of rows, and distances that are compared at once: in smaller parts, threads would wait for
# each other in Python.
BLOCK, CHUNK = 2**22, 2**18
# Columns of one job.
JOBS, MIN_COLUMNS = 8, 256


def fits_one_block(n: int) -> bool:
    """Return whether `distances_between` of n rows takes no more memory than one block: else a few rows take more."""
    return n * MIN_BLOCK <= BLOCK


def distances_between(
    prepared: Prepared, low: float, high: float, threads: int | None = None
) -> tuple[np.ndarray, int, int]:
    """Select the squared distances between rows that are in a range.

    Args:
        prepared: of n rows, NumPy arrays.
        low: smallest squared distance to return, in the squared units of the points.
        high: the largest.
        threads: that compare them; default one per core.

    Returns:
        The squared distances from low to high, the number of those below, and of those that are finite. Those within
        the rounding error of zero, at most 4 eps (|a|^2 + |b|^2), do not count.

    Cost n^2 d / 2; memory O(b n) for blocks of b rows.
    """
    n, half, whole = len(prepared.points), prepared.half, prepared.whole
    parts: list[tuple[np.ndarray, int, int]] = []

    def of_kept(start: int) -> tuple[np.ndarray, int, int]:
        gram = whole[start : start + ROWS, start:] if half is None else half.block(start)
        return _select(prepared, gram, start, n - start, low, high, 0)

    with Threads(threads) as pool:
        if half is not None or whole is not None:
            parts += pool.map(of_kept, range(0, n, ROWS))
        else:
            block = min(n, max(MIN_BLOCK, BLOCK // n))
            buffer = aligned_empty(block * n, prepared.points.dtype)
            for start in range(0, n, block):
                end = min(n, start + block)
                gram = prepared.half_gram(start, end, buffer[: (end - start) * (n - start)].reshape(-1, n - start))
                width = max(MIN_COLUMNS, -(-(n - start) // JOBS))
                select = partial(_select, prepared, gram, start, width, low, high)
                parts += pool.map(select, range(0, n - start, width))
    values = np.concatenate([part[0] for part in parts])
    return values, sum(part[1] for part in parts), sum(part[2] for part in parts)


@np.errstate(all="ignore")  # rows that are not finite
def _select(
    prepared: Prepared, gram: np.ndarray, start: int, width: int, low: float, high: float, first: int
) -> tuple[np.ndarray, int, int]:
    """Select among the distances of some columns, from ``first`` on, to the rows before each.

    For squared norms q and inner products g, a squared distance is less than L if g - q_row / 2 > (q_column - L) / 2.
    """
    squares, eps = prepared.norms.squares, np.finfo(gram.dtype).eps
    last = min(gram.shape[1], first + width)
    columns = squares[start + first : start + last]
    below_low, upto_high, equal = ((columns - limit) / 2 for limit in (low, high, 8 * eps * squares.max()))
    finite_squares = bool(np.isfinite(squares).all())
    rows, size = min(len(gram), last - 1), max(1, CHUNK // (last - first))
    buffer, found, below, finite = np.empty((size, last - first), gram.dtype), [], 0, 0
    for lowest in range(0, rows, size):
        chunk = slice(lowest, min(rows, lowest + size))
        products, own = gram[chunk, first:last], squares[start:][chunk, None]
        some = np.subtract(products, own / 2, out=buffer[: len(products)])
        after = some.size
        for row in range(max(lowest, first), chunk.stop):  # at and before the diagonal
            some[row - lowest, : row + 1 - first] = -np.inf
            after -= row + 1 - first
        if finite_squares and not (some >= equal).any():
            near, upto = some > below_low, some >= upto_high
        else:
            far = np.where(some > -np.inf, own + columns - 2 * products, np.inf)
            far[~(far > 4 * eps * (own + columns))] = np.inf
            near, upto, after = far < low, far <= high, int(np.count_nonzero(far <= np.finfo(far.dtype).max))
        below += int(np.count_nonzero(near))
        finite += after
        upto ^= near
        at_row, at_column = np.divmod(np.flatnonzero(upto), upto.shape[1])
        far_from = squares[start + lowest + at_row] + columns[at_column]
        found.append(far_from - 2 * products[at_row, at_column])
    return np.concatenate([*found, buffer[:0, 0]]), below, finite
