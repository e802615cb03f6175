"""Sums over kernel matrices from the entries after their diagonals, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..base import Threads, aligned_empty, exponent_factors, multiply_each
from .kernels import Kernel
from .prepared import Norms, Prepared, stacked
from .product import multiply
from .sums import Sums

# Entries of one model that are computed at once, so that they stay in the cache, and of all models that are multiplied.
CHUNK, MULTIPLIED = 2**17, 2**21
# Columns of one job: the same sums with any number of cores.
JOBS, MIN_COLUMNS, MAX_COLUMNS = 8, 256, 2048
# Entries whose products are summed in the dtype of the points.
PIECE = 2**14
# Models up to which BLAS takes less time for the products of two rows each than for one product of a matrix.
FEW = 4
# Number of random rows from which the means of all rows are estimated.
SAMPLE = 64


class Saved(Protocol):
    """Saves the sums of finished rows; see `hyle.engine.block_pass.segments.Segments`."""

    rows: int

    def done(self, end: int) -> None:
        """Save the sums up to a row, if it is time."""


class HalfSums:
    """Sums over the kernel matrices of m models of n > 2 points, of which only the entries after the diagonal are used.

    Args:
        representations: m, of the same n samples, NumPy arrays.
        kernels: see `kernel_products`.
        sigmas: m bandwidths, for ``rbf``.

    The U-centred product of two matrices (Székely and Rizzo 2014, eq. 2.6), the unbiased HSIC, stays the same if a
    number h_i is subtracted from row i and column i, off the diagonal. So the entries are centred before the means of
    their rows are known: by means that are estimated from `SAMPLE` rows, so that no large terms cancel; what is left of
    the means is summed and corrected for in the end. For the linear kernel of centred points the means are known: with
    q the squared norms, row i sums to -q_i without its diagonal entry.

    Cost n^2 d / 2 for each model, n^2 / 2 for each pair and kernel; memory O(m b n) for blocks of b rows.
    """

    def __init__(
        self, representations: Sequence[Prepared], kernels: Sequence[Kernel], sigmas: Sequence[Any] | None = None
    ) -> None:
        m, n = len(representations), len(representations[0].points)
        self._prepared, self._kernels = representations, tuple(kernels)
        self._norms = [prepared.norms for prepared in representations]
        self._factors = [
            exponent_factors(np.ldexp(np.asarray(sigma, norms.squares.dtype), -norms.exponent))
            for sigma, norms in zip(m * [1] if sigmas is None else sigmas, self._norms, strict=True)
        ]
        self._buffer = np.empty(0, representations[0].points.dtype)
        # Sums of every block, which are added in the end: in the same order whether a pass was interrupted or not.
        self._products: list[list[np.ndarray]] = [[] for _ in self._kernels]
        self._left = [np.zeros((m, 0 if kernel == "linear" else n)) for kernel in self._kernels]
        self._squares: list[np.ndarray] = []
        with Threads() as pool:
            offsets = list(pool.map(self._offsets_of, range(m)))
        self._offsets = [np.stack(each) for each in zip(*offsets, strict=True)]

    def add(self, start: int, end: int, pool: Threads) -> None:
        """Add the entries of the rows from ``start`` to ``end``."""
        m, n = len(self._prepared), len(self._prepared[0].points)
        b, columns = end - start, n - start
        grams = self._grams(start, end)
        width = min(MAX_COLUMNS, max(MIN_COLUMNS, -(-columns // JOBS)))
        products, rows = np.zeros((len(self._kernels), m, m)), np.zeros((len(self._kernels), m, b))
        squares = np.zeros(m)
        jobs = pool.map(partial(self._sum, grams, start, b, width), range(0, columns, width))
        for one_products, one_rows, one_squares in jobs:
            products += one_products
            rows += one_rows
            squares += one_squares
        self._squares.append(squares)
        for kernel, (product, sums) in enumerate(zip(products, rows, strict=True)):
            self._products[kernel].append(2 * product)  # two for the two halves of the matrix
            if self._left[kernel].size:
                self._left[kernel][:, start:end] += sums

    def sums(self) -> dict[Kernel, Sums]:
        """Return the sums over all rows, in float64."""
        norms, found = stacked(self._norms), {}
        for kernel, parts, left, offsets in zip(self._kernels, self._products, self._left, self._offsets, strict=True):
            n, h = offsets.shape[1], offsets.astype(np.float64)
            products = np.sum(parts, 0)
            summed = products.diagonal()
            with np.errstate(all="ignore"):
                if kernel == "linear":
                    means = -np.asarray(norms.squares, np.float64) / (n - 1)
                else:
                    rest = left / (n - 1)
                    means = rest + h + (h.sum(1, keepdims=True) - h) / (n - 1)
                    products = products - (n - 1) * rest @ rest.T - n * (n - 1) / (n - 2) * _deviations(rest)
                products = products + n * (n - 1) / (n - 2) * _deviations(means)
                found[kernel] = Sums.of(kernel, norms, products, means, summed)
        return found

    def squares(self) -> np.ndarray:
        """Return the sum of the squared inner products of all pairs of points, [m] in float64."""
        own = np.stack([np.asarray(norms.squares, np.float64) for norms in self._norms])
        return np.asarray(2 * sum(self._squares) + (own**2).sum(1))

    def counts(self) -> int:
        """Return how many blocks were added so far; see `part`."""
        return len(self._products[0])

    def part(self, start: int, end: int, count: int) -> dict[str, np.ndarray]:
        """Return the sums of the blocks since there were ``count``."""
        products = {f"products {at}": np.stack(each[count:]) for at, each in enumerate(self._products)}
        return products | {"squares": np.stack(self._squares[count:])}

    def add_part(self, start: int, part: Mapping[str, np.ndarray]) -> None:
        """Add what `part` returned for the rows from ``start`` on."""
        self._squares += list(part["squares"])
        for at, products in enumerate(self._products):
            products += list(part[f"products {at}"])

    def state(self) -> dict[str, np.ndarray]:
        """Return the sums of the rows, to which every block adds."""
        return {f"left {at}": left for at, left in enumerate(self._left) if left.size}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue with what `state` returned."""
        self._left = [np.array(state.get(f"left {at}", left)) for at, left in enumerate(self._left)]

    def _grams(self, start: int, end: int) -> list[np.ndarray]:
        """Compute the inner products [b, n - start] of b points of each model with those at and after the first."""
        m, n, b = len(self._prepared), len(self._prepared[0].points), end - start
        if self._buffer.size < m * b * (n - start):
            self._buffer = aligned_empty(m * b * (n - start), self._buffer.dtype)
        grams = list(self._buffer[: m * b * (n - start)].reshape(m, b, n - start))

        def of_model(model: int, threads: int) -> np.ndarray:
            return self._prepared[model].half_gram(start, end, grams[model])

        return multiply_each(of_model, range(m), [prepared.rows.shape[1] for prepared in self._prepared])

    @np.errstate(all="ignore")  # rows that are not finite
    def _sum(
        self, grams: Sequence[np.ndarray], start: int, b: int, width: int, first: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Add the columns of one job to the sums of these, and return the other sums.

        Args:
            grams: m matrices [b, c], whose column i is that of row i.
            start: row of the first.
            b: number of rows.
            width: number of columns at most.
            first: of the columns.

        Returns:
            For each kernel the products [m, m] and the sums [m, b] of the rows; and the sums [m] of squared products.
        """
        m, last = len(grams), min(grams[0].shape[1], first + width)
        products, rows = np.zeros((len(self._kernels), m, m)), np.zeros((len(self._kernels), m, b))
        squares, columns = np.zeros(m), slice(start + first, start + last)
        size = max(1, min(CHUNK, MULTIPLIED // m) // (last - first))
        buffer = np.empty(m * min(size, b) * (last - first), grams[0].dtype)
        for low in range(0, min(b, last - 1), size):
            high = min(b, last - 1, low + size)
            chunk = buffer[: m * (high - low) * (last - first)].reshape(m, high - low, last - first)
            within = slice(start + low, start + high)
            for kernel, offsets in enumerate(self._offsets):
                for model, part in enumerate(chunk):
                    gram, name = grams[model][low:high, first:last], self._kernels[kernel]
                    if kernel == 0 and name != "linear":
                        np.copyto(part, gram)
                        _clear(part, low - first)
                        squares[model] += np.vdot(part, part)
                    self._entries(model, gram, within, columns, name, part, low - first)
                    part -= offsets[model, within][:, None]
                    part -= offsets[model, columns]
                _clear(chunk, low - first)
                products[kernel] += _products(chunk.reshape(m, -1))
                if self._left[kernel].size:
                    rows[kernel, :, low:high] += chunk.sum(2)
                    self._left[kernel][:, columns] += chunk.sum(1)
        return products, rows, squares

    def _entries(
        self,
        model: int,
        gram: np.ndarray,
        rows: Any,
        columns: Any,
        kernel: Kernel,
        out: np.ndarray,
        shift: int | None = None,
    ) -> None:
        """Compute entries [b, c] of a kernel matrix, in ``out``.

        Args:
            model: index of the model.
            gram: [b, c], inner products of the points.
            rows: slice or int [b].
            columns: slice or int [c].
            kernel: as in `kernel_entries`, which computes the same of whole rows.
            out: [b, c].
            shift: where the diagonal is, see `_clear`; what is at and before it is not used.
        """
        norms = self._norms[model]
        if kernel == "linear" or norms.all_equal:
            np.copyto(out, 0 if norms.all_equal else gram)
            return
        np.multiply(gram, -2, out=out)
        out += norms.squares[rows][:, None]
        out += norms.squares[columns]
        if shift is not None:
            _clear(out, shift, np.inf)  # no equal points
        if out.min() <= 4 * norms.gram_rtol * norms.squares.max():
            np.copyto(out, 0, where=_equal(norms, gram, rows, columns))
        if kernel == "distance":
            np.sqrt(out, out=out)
        else:
            for factor in self._factors[model]:
                out *= factor
            np.exp(out, out=out)

    @np.errstate(all="ignore")
    def _offsets_of(self, model: int) -> list[np.ndarray]:
        """Estimate, for each kernel, what is subtracted from rows and columns of a model: [n] each."""
        prepared, norms = self._prepared[model], self._norms[model]
        n, dtype = len(prepared.points), prepared.points.dtype
        squares, found = norms.squares.astype(np.float64), []
        sample = np.sort(np.random.default_rng(n).choice(n, min(n, SAMPLE), replace=False))
        some = prepared.points[sample]
        means = [np.empty(n) for _ in self._kernels]
        for start in range(0, n, MAX_COLUMNS):
            columns = slice(start, min(n, start + MAX_COLUMNS))
            count = columns.stop - start
            if prepared.whole is None:
                gram = multiply(prepared.points, some, columns, np.empty((len(sample), count), dtype))
            else:
                gram = prepared.whole[sample, columns]
            entries, own = np.empty_like(gram), np.flatnonzero((sample >= start) & (sample < columns.stop))
            others = np.full(count, len(sample))
            others[sample[own] - start] -= 1
            for mean, kernel in zip(means, self._kernels, strict=True):
                if kernel != "linear":
                    self._entries(model, gram, sample, columns, kernel, entries)
                    entries[own, sample[own] - start] = 0
                    mean[columns] = entries.sum(0) / others
        for mean, kernel in zip(means, self._kernels, strict=True):
            if kernel == "linear":
                # Minus those of which all rows and columns then sum to 0.
                found.append((squares.sum() / (2 * (n - 1)) - squares) / (n - 2))
            else:
                found.append(mean - mean[sample].mean() / 2)
        return [offsets.astype(dtype) for offsets in found]


def half_sums(sums: HalfSums, n: int, block: int, *, saved: Saved | None = None, progress: Any = None) -> None:
    """Add all rows, in blocks.

    Args:
        sums: to which they are added.
        n: number of rows.
        block: number of rows of a block at most.
        saved: where finished rows are saved, and how many already are.
        progress: called with (rows done, total rows) after each block.
    """
    with Threads() as pool:
        for start in range(saved.rows if saved else 0, n, block):
            end = min(n, start + block)
            sums.add(start, end, pool)
            if saved:
                saved.done(end)
            if progress is not None:
                progress(end, n)


def _equal(norms: Norms, gram: np.ndarray, rows: Any, columns: Any) -> np.ndarray:
    """Return which points are equal, whose distance is 0 and not the square root of a rounding error: bool [b, c]."""
    squares = norms.squares * (1 - norms.gram_rtol)
    both = squares[rows][:, None] + squares[columns]
    both -= 2 * gram
    return both <= 0


def _products(flat: np.ndarray) -> np.ndarray:
    """Compute the inner products [m, m] of rows [m, c], in float64 from those of pieces.

    With `numpy.dot`, since `numpy.matmul` does not release Python's lock for so few results.
    """
    m, c = flat.shape
    pieces = (flat[:, start : start + PIECE] for start in range(0, c, PIECE))
    if m > FEW:
        return np.asarray(sum(np.dot(piece, piece.T).astype(np.float64) for piece in pieces))
    products = np.zeros((m, m))
    for piece in pieces:
        for at, row in enumerate(piece):
            products[at, at:] += [np.dot(row, other) for other in piece[at:]]
    return products + np.triu(products, 1).T


def _clear(part: np.ndarray, shift: int, value: float = 0) -> None:
    """Set the entries [..., b, c] at and before the diagonal, which is at column row + ``shift``."""
    for row in range(max(0, -shift), part.shape[-2]):
        part[..., row, : row + shift + 1] = value


def _deviations(rows: np.ndarray) -> np.ndarray:
    """Compute the inner products [m, m] of rows [m, n] minus their means."""
    apart = rows - rows.mean(1, keepdims=True)
    return apart @ apart.T
