"""Centred rows that are computed where they are read, for which no copy of a representation is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .memory import aligned_empty
from .rows import is_constant, power_of_two

# Entries of the rows that are centred at once, so that they stay in the cache; more for wide rows, whose products take
# longer in small parts.
CHUNK, MIN_ROWS, WIDE_CHUNK = 2**16, 256, 2**21
# Bytes of the points that are multiplied with many others up to which it is they that are scaled.
SCALED_BYTES = 2**22
# A second mean shorter than so many spacings of the dtype, relative to the root mean square of the rows, is left out:
# it changes squared norms by at most twice as much, and sums over all rows by the square of it.
NO_SHIFT = 8
# Rows within this power of two, up or down, are multiplied without being scaled first.
MOST_EXPONENT = 32


@dataclass(frozen=True)
class Centred:
    """The points of a representation in NumPy, see `hyle.engine.gram.Prepared`, which are read like an array.

    Args:
        rows: floating [n, d], which are not changed.
        first: [d], the means of the columns.
        second: [d], the means of what is left, which far from the origin is not 0 by the rounding of the first; 0 where
            they do not matter, see `NO_SHIFT`.
        exponent: the points are divided by 2**exponent; a scalar of NumPy.
        constant: whether all rows are equal, so that the points are exactly 0.
    """

    rows: np.ndarray
    first: np.ndarray
    second: np.ndarray
    exponent: np.int32
    constant: bool

    @classmethod
    @np.errstate(all="ignore")  # rows that are not finite, or out of the range of the dtype
    def of(cls, x: np.ndarray) -> Centred:
        """Centre and scale the rows of a floating matrix [n, d]. Cost O(n d), memory O(d)."""
        constant, first = is_constant(x), x.mean(0, dtype=np.float64).astype(x.dtype)
        once = cls(x, first, np.zeros_like(first), np.int32(0), False)
        left, lowest, highest = np.zeros(x.shape[1]), np.full_like(first, np.inf), np.full_like(first, -np.inf)
        squares = 0.0
        for _, part in once.chunks():
            left += part.sum(0, dtype=np.float64)
            squares += float(np.einsum("ij,ij->", part, part))
            np.minimum(lowest, part.min(0), out=lowest)
            np.maximum(highest, part.max(0), out=highest)
        second = (left / len(x)).astype(x.dtype)
        largest = (NO_SHIFT * float(np.finfo(x.dtype).eps)) ** 2 * squares
        if len(x) * float(np.square(second, dtype=np.float64).sum()) <= largest < np.inf and squares > 0:
            second = np.zeros_like(first)
        # Rounding keeps the order, so that these are the outermost entries of the points as well.
        outermost = x[:1] if constant else np.stack([lowest - second, highest - second])
        return cls(x, first, second, np.int32(power_of_two(outermost)), constant)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows and of columns."""
        return self.rows.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the rows."""
        return self.rows.dtype

    @property
    def mean(self) -> np.ndarray:
        """The mean row that is subtracted, [d]."""
        return self.first + self.second

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Compute some points.

        Args:
            rows: a slice, or int [...], row numbers.

        Returns:
            [..., d].
        """
        return self._centred(self.rows[rows], None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Compute all points, [n, d]."""
        points = aligned_empty(self.shape, self.dtype)
        for chunk, rows in self._chunks():
            self._centred(rows, points[chunk])
        return points if dtype is None else points.astype(dtype, copy=False)

    def chunks(self, entries: int = CHUNK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield parts of the rows in order, and their points, which the next part overwrites.

        Args:
            entries: number of entries of a part.
        """
        buffer: np.ndarray | None = None
        for chunk, rows in self._chunks(entries):
            buffer = np.empty(rows.shape, self.dtype) if buffer is None else buffer
            yield chunk, self._centred(rows, buffer[: len(rows)])

    def gram(self, query: np.ndarray) -> np.ndarray:
        """Compute the inner products [b, n] of the points at int [b] with all points."""
        follow = len(query) > 0 and (np.diff(query) == 1).all()
        some = self[query[0] : query[-1] + 1] if follow else self[query]  # a slice is not copied
        return self.multiply(some, slice(0, len(self)), aligned_empty((len(query), len(self)), self.dtype))

    def multiply(self, some: np.ndarray, rows: slice, out: np.ndarray) -> np.ndarray:
        """Compute the inner products of some points [b, d] with the points of a slice of the rows, in ``out``.

        Of all rows only the first mean is subtracted. The rest is done to the few: with x - first = 2^e (p + s), the
        product of a point q with p is <q, 2^-e (x - first)> - <q, s>. Far from the origin s is small and costs nothing.
        """
        part = Centred(self.rows[rows], self.first, self.second, self.exponent, self.constant)
        if abs(self.exponent) > MOST_EXPONENT or self.constant:  # 2^-e q would be out of the range of the dtype
            for chunk, points in part.chunks():
                np.matmul(some, points.T, out=out[:, chunk])
            return out
        d, scale = self.shape[1], np.ldexp(np.ones((), self.dtype), -self.exponent)
        # A product reads all of the few points: it takes longer with less rows beside them.
        size = min(len(part), max(self._size(), WIDE_CHUNK // (2 * d)))
        beside = (some @ (self.second * scale))[:, None] if self.second.any() else None
        within = some.nbytes > SCALED_BYTES  # else the few are scaled, of which each thread then has a copy
        if self.exponent and not within:
            some = some * scale
        buffer = np.empty((size, d), self.dtype)
        # Of narrow rows in the same shape: NumPy subtracts it without a loop over the rows.
        means = np.tile(self.first, (size, 1)) if d < MIN_ROWS else np.broadcast_to(self.first, (size, d))
        for chunk, some_rows in part._chunks(size * d):
            apart = np.subtract(some_rows, means[: len(some_rows)], out=buffer[: len(some_rows)])
            if self.exponent and within:
                apart *= scale
            products = np.matmul(some, apart.T, out=out[:, chunk])
            if beside is not None:
                products -= beside
        return out

    def _chunks(self, entries: int = CHUNK) -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(self), size := self._size(entries)):
            chunk = slice(start, start + size)
            yield chunk, self.rows[chunk]

    def _size(self, entries: int = CHUNK) -> int:
        d = self.shape[1]
        return min(len(self), max(1, entries // d, min(MIN_ROWS, WIDE_CHUNK // d)))

    def _centred(self, rows: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        points = np.subtract(rows, self.first, out=out)
        if self.constant:
            points -= points
        elif self.second.any():
            points -= self.second
        if abs(self.exponent) > MOST_EXPONENT:
            half = -self.exponent // 2  # 2^exponent itself may be out of the range of the dtype
            one = np.ones((), self.dtype)
            points *= np.ldexp(one, half)
            points *= np.ldexp(one, -self.exponent - half)
        elif self.exponent:
            points *= np.ldexp(np.ones((), self.dtype), -self.exponent)
        return points
