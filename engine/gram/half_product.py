"""Inner products of all points of a representation, of which one half is kept, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock

import numpy as np

from ..base import aligned_empty

# Rows of a kept block: few, since the product of a block with itself is kept as a whole; and of one that is multiplied.
ROWS, MULTIPLIED = 128, 512


class HalfProduct:
    """The inner products of n points with those after them, in blocks of `ROWS` rows, computed when first needed.

    Args:
        n: number of points.
        multiply: of the arguments (start, end, out), returns the inner products [b, n - start] of some points with
            those at and after the first, in ``out``.
        dtype: of the points.
    """

    def __init__(self, n: int, multiply: Callable[[int, int, np.ndarray], np.ndarray], dtype: np.dtype) -> None:
        self._n, self._multiply, self._dtype = n, multiply, dtype
        self._computed: list[np.ndarray] = []
        self._lock = Lock()

    @property
    def _blocks(self) -> list[np.ndarray]:
        with self._lock:
            if not self._computed:
                self._computed = list(self._compute())
            return self._computed

    def _compute(self) -> Iterator[np.ndarray]:
        n = self._n
        buffer = aligned_empty(min(n, MULTIPLIED) * n, self._dtype)
        for start in range(0, n, MULTIPLIED):
            end = min(n, start + MULTIPLIED)
            out = buffer[: (end - start) * (n - start)].reshape(end - start, n - start)
            products = self._multiply(start, end, out)
            for first in range(0, end - start, ROWS):
                yield products[first : first + ROWS, first:].copy()

    @staticmethod
    def entries(n: int) -> int:
        """Return the number of inner products that are kept."""
        return sum(min(ROWS, n - start) * (n - start) for start in range(0, n, ROWS))

    def block(self, start: int) -> np.ndarray:
        """Return the inner products [b, n - start] of the points of the block that begins with a row."""
        return self._blocks[start // ROWS]

    def of_rows(self, start: int, end: int, first: int = 0) -> np.ndarray:
        """Return inner products of some points with all, or with those at and after one of them.

        Args:
            start: the first of b points.
            end: behind the last.
            first: the first of the other points.

        Returns:
            [b, n - first], a copy.
        """
        products = aligned_empty((end - start, self._n - first), self._dtype)
        for at, block in enumerate(self._blocks[: -(-end // ROWS)]):
            top, low = at * ROWS, max(first, at * ROWS)
            bottom = top + len(block)
            rows = slice(max(start, top), min(end, bottom))
            if rows.start < rows.stop:
                own = products[rows.start - start : rows.stop - start]
                own[:, low - first :] = block[rows.start - top : rows.stop - top, low - top :]
            after = slice(max(start, bottom), end)
            if after.start < end and low < bottom:
                others = products[after.start - start :, low - first : bottom - first]
                others[:] = block[low - top :, after.start - top : end - top].T
        return products
