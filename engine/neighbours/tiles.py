"""Exact search for neighbours in one half of the Gram product, tile by tile, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import Threads, aligned_empty, count_cores, pack_sort_keys, release_memory, unpack_sort_keys
from ..gram import Norms, Prepared, multiply
from .row_blocks import KEPT_BYTES, PART, join_blocks
from .search import EXTRA_CANDIDATES, NeighbourMetric, Neighbours, distance_lower_bound
from .search_numpy import CHUNK, certify_numpy, lowest_bounds
from .uncertain import table_of_candidates

# Least and most rows of a tile, and the number of tiles between: the product of a tile with itself is computed as a
# whole, and with many small tiles, rows find their candidates more often anew.
LEAST, MOST = 2048, 4096
TILES = 5
# Entries of sort keys that are sorted at once.
KEYS = 2**20
# The part of a product up to which the entries that beat a candidate are few.
FEW = 1 / 8


def pairs_in_tiles(n: int) -> int:
    """Return the pairs of n rows whose inner products `tables_by_tiles` computes: half, and half of those of a tile."""
    side, _ = _shape(n)
    sizes = [min(side, n - start) for start in range(0, n, side)]
    return (n * n + sum(size * size for size in sizes)) // 2


def _shape(n: int) -> tuple[int, int]:
    """Return the rows of a tile and of a part of it, a divisor, so that a program is compiled for one shape."""
    rows = -(-n // -(-n // min(n, max(LEAST, min(MOST, n // TILES)))))
    chunks = -(-rows * rows // CHUNK)
    chunk = -(-rows // (chunks * PART)) * PART
    return chunks * chunk, chunk


class _Best(NamedTuple):
    """The candidates of all rows so far: lower bounds of their distances [n, c], ascending, and int32 rows [n, c]."""

    low: np.ndarray
    rows: np.ndarray

    def add(self, row: np.ndarray, other: np.ndarray, low: np.ndarray) -> None:
        """Add rows that may be nearer than some of the candidates.

        Args:
            row: int [e], whose neighbours they may be, in one tile; no pair twice.
            other: int [e], the rows that are added.
            low: float32 [e], lower bounds of the distances.
        """
        if not len(row):
            return
        count, lines = self.low.shape[1], (row - row.min()).astype(np.uint16)  # the sort of 16 bits is a fast one
        keys, more = pack_sort_keys(low, other)[np.argsort(lines, kind="stable")], np.bincount(lines)
        lines, more = row.min() + np.flatnonzero(more), more[more > 0]
        first, start = np.append(0, np.cumsum(more)), 0
        while start < len(lines):
            # The widest line decides how many are sorted at once.
            width = count + np.maximum.accumulate(more[start:])
            size = max(1, int(np.searchsorted(width * np.arange(1, len(width) + 1), KEYS)))
            some, entries = slice(start, start + size), slice(first[start], first[min(start + size, len(lines))])
            chosen, extra = lines[some], more[some]
            table = np.full((len(chosen), count + extra.max()), pack_sort_keys(np.float32(np.inf), 0))
            table[:, :count] = pack_sort_keys(self.low[chosen], self.rows[chosen])
            line = np.repeat(np.arange(len(chosen)), extra)
            place = np.arange(len(line)) - np.repeat(first[start : start + len(extra)] - first[start], extra)
            table[line, count + place] = keys[entries]
            self.low[chosen], self.rows[chosen] = unpack_sort_keys(np.sort(table, axis=1)[:, :count])
            start += size


class _Tiles:
    """The rows in tiles, of which the product of two is at hand at a time.

    Args:
        prepared: of n rows, NumPy arrays.
        pool: threads among which the work on a product is divided.
    """

    def __init__(self, prepared: Prepared, pool: Threads) -> None:
        self.n, self.pool, self.cores = len(prepared.rows), pool, count_cores()
        self.points = (prepared.kept() if prepared.rows.nbytes <= KEPT_BYTES else prepared).points
        self.norms: Norms = jax.tree.map(np.asarray, prepared.norms)
        self.side, self.chunk = _shape(self.n)
        self.gram = aligned_empty((self.side, self.side), self.points.dtype)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the rows of every tile, int32."""
        for start in range(0, self.n, self.side):
            yield np.arange(start, min(self.n, start + self.side), dtype=np.int32)

    def parts(self, tile: np.ndarray) -> list[np.ndarray]:
        """Divide the rows of a tile among the threads."""
        return [part for part in np.array_split(tile, self.cores) if len(part)]

    def multiply(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """Compute the inner products of the points of two tiles; NaN, below no limit, where there is no row."""
        some, out = self.points[rows], self.gram[: len(rows)]
        self.gram[len(rows) :] = self.gram[:, len(columns) :] = np.nan

        def of_part(part: np.ndarray) -> None:
            into = out[:, part[0] - columns[0] : part[-1] + 1 - columns[0]]
            multiply(self.points, some, slice(part[0], part[-1] + 1), into)

        list(self.pool.map(of_part, self.parts(columns)))

    def search_own(self, tile: np.ndarray, metric: NeighbourMetric, where: np.ndarray | None, best: _Best) -> None:
        """Find the candidates of the rows of a tile among them, from the product of the tile with itself."""
        count = min(best.low.shape[1], len(tile))

        def of_part(part: np.ndarray) -> None:
            products = self.gram[part[0] - tile[0] : part[-1] + 1 - tile[0], : len(tile)]
            low, at = lowest_bounds(self.norms, products, part, count, metric, where, columns=tile)
            best.low[part, :count], best.rows[part, :count] = low, tile[at]

        list(self.pool.map(of_part, self.parts(tile)))

    def search_pair(
        self, rows: np.ndarray, columns: np.ndarray, metric: NeighbourMetric, where: np.ndarray | None, best: _Best
    ) -> None:
        """Improve the candidates of the rows of two different tiles, from the product of these."""
        every_row, every_column = self._padded(rows), self._padded(columns)
        labels, kept = (None, where) if where is None or where.dtype == bool else (where, None)
        row_limits, column_limits = best.low[every_row, -1], best.low[every_column, -1]

        def of_chunk(start: int) -> tuple[np.ndarray, ...]:
            chunk = slice(start, start + self.chunk)
            query, limits = every_row[chunk], row_limits[chunk]
            low, beats = _bounds(
                self.norms, self.gram[chunk], query, every_column, limits, column_limits, labels, metric
            )
            low, beats = np.asarray(low), np.asarray(beats)
            if np.count_nonzero(beats) > FEW * beats.size:
                some = (None, None) if kept is None else (kept[query], kept[every_column])
                beats = _lowest_of_both(low, best.low.shape[1], *some) & beats
            row, column = np.divmod(np.flatnonzero(beats), self.side)
            values, of_row, of_column = low[row, column], limits[row], column_limits[column]
            row, column = query[row], every_column[column]
            row_beaten, column_beaten = values < of_row, values < of_column
            if kept is not None:
                row_beaten, column_beaten = row_beaten & kept[column], column_beaten & kept[row]
            return row, column, values, row_beaten, column_beaten

        found = list(self.pool.map(of_chunk, range(0, len(rows), self.chunk)))
        row, column, low, row_beaten, column_beaten = map(np.concatenate, zip(*found, strict=True))
        both = [(row, column, row_beaten), (column, row, column_beaten)]  # of different tiles, which do not meet
        list(self.pool.map(lambda each: best.add(each[0][each[2]], each[1][each[2]], low[each[2]]), both))

    def _padded(self, tile: np.ndarray) -> np.ndarray:
        return np.pad(tile, (0, self.side - len(tile)), mode="edge")


def tables_by_tiles(
    prepared: Prepared,
    wanted: Sequence[tuple[NeighbourMetric, int]],
    *,
    where: np.ndarray | None = None,
    ordered: int = 0,
    measured: bool = False,
) -> list[Neighbours]:
    """Find the k nearest neighbours of every row from one half of the Gram product, in NumPy and in threads.

    Args:
        prepared: of n rows, NumPy arrays.
        wanted: pairs (metric, k) of one table each.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        ordered: number of nearest Euclidean neighbours whose order must be exact.
        measured: whether to compute all distances by subtraction, so that equal distances are exactly equal.

    Returns:
        One table per entry of ``wanted``.

    First every row is compared with the rows of its own tile. The product of two different tiles then serves the rows
    of both, and few of its entries are below what a row has found so far. Cost n^2 d / 2; memory of one tile, one copy
    of the rows if it is small, and O(n k).
    """
    n = len(prepared.rows)
    spares = [min(n - 1, k + EXTRA_CANDIDATES) for _, k in wanted]
    best = [_Best(np.full((n, c), np.inf, np.float32), np.zeros((n, c), np.int32)) for c in spares]

    with Threads() as pool:
        tiles = _Tiles(prepared, pool)
        for tile in tiles:
            tiles.multiply(tile, tile)
            for (metric, _), each in zip(wanted, best, strict=True):
                tiles.search_own(tile, metric, where, each)
        for rows, columns in combinations(tiles, 2):
            tiles.multiply(rows, columns)
            for (metric, _), each in zip(wanted, best, strict=True):
                tiles.search_pair(rows, columns, metric, where, each)

        def finished(query: np.ndarray, metric: NeighbourMetric, k: int, candidates: _Best) -> Neighbours:
            low, index = candidates.low[query], candidates.rows[query]
            found = certify_numpy(tiles.norms, query, low, index, k, metric, min(k, ordered))
            options: dict[str, Any] = {"ordered": ordered, "measured": measured, "where": where}
            return table_of_candidates(prepared, found, query, k, metric, **options)

        tables = []
        for (metric, k), each in zip(wanted, best, strict=True):
            parts = pool.map(partial(finished, metric=metric, k=k, candidates=each), tiles)
            tables.append(join_blocks(list(parts), n))
    release_memory()
    return tables


@partial(jax.jit, static_argnames="metric")
def _bounds(
    norms: Norms,
    gram: Any,
    rows: Any,
    columns: Any,
    row_limits: Any,
    column_limits: Any,
    labels: Any,
    metric: NeighbourMetric,
) -> tuple[Any, Any]:
    """Return lower bounds of the distances [b, c], and whether they are below the limit of their row or column."""
    low = distance_lower_bound(norms, gram, rows, metric, labels, columns)
    return low, (low < row_limits[:, None]) | (low < column_limits[None, :])


def _lowest_of_both(
    low: np.ndarray, count: int, rows: np.ndarray | None = None, columns: np.ndarray | None = None
) -> np.ndarray:
    """Find the entries that are among the lowest of their row or of their column.

    Args:
        low: float32 [b, c], NaN for no entry.
        count: number of entries of each row and of each column.
        rows: bool [b], the rows that count in a column; default all.
        columns: bool [c], the columns that count in a row; default all.

    Returns:
        bool [b, c].
    """
    lowest = np.zeros(low.shape, bool)
    in_column = low if rows is None else np.where(rows[:, None], low, np.inf)
    in_row = low if columns is None else np.where(columns, low, np.inf)
    first = np.argpartition(in_column, min(count, len(low)) - 1, axis=0)[:count]
    np.put_along_axis(lowest, first, True, 0)
    first = np.argpartition(in_row, min(count, low.shape[1]) - 1, axis=1)[:, :count]
    np.put_along_axis(lowest, first, True, 1)
    return lowest
