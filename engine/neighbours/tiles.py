"""Exact search for neighbours in one half of the Gram product, tile by tile, on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import (
    Threads,
    aligned_empty,
    count_cores,
    one_thread_products,
    pack_sort_keys,
    release_memory,
    unpack_sort_keys,
)
from ..gram import Norms, Prepared, multiply
from .bounds import NeighbourMetric, distance_lower_bound
from .row_blocks import KEPT_BYTES, PART, join_blocks
from .search import EXTRA_CANDIDATES, Neighbours
from .search_numpy import certify_numpy, lowest_bounds
from .uncertain import table_of_candidates

# A tile has a fifth of the rows, but not fewer or more than these. The product of a tile with itself is computed as a
# whole, which small tiles make cheap; with many tiles, rows find candidates that they replace again more often.
TILES, LEAST, MOST = 5, 2048, 4096
# Entries of a product that are compared at once.
CHUNK = 2**20
# Entries that wait to be compared with candidates, at most; and rows whose candidates are sorted at once.
WAITING, SORTED = 2**19, 1024
# The part of a product up to which the entries that beat a candidate are few.
FEW = 1 / 8


def pairs_in_tiles(n: int) -> int:
    """Return the pairs of n rows whose inner products `tables_by_tiles` computes: half, and half of those of a tile."""
    return (n * n + sum(len(range(*tile.indices(n))) ** 2 for tile in tiles_of(n))) // 2


def tiles_of(n: int) -> list[slice]:
    """Divide n rows into T tiles, each of which has every T-th row.

    Every tile is then a sample of all rows, whatever their order: the candidates that a row finds in its own tile are
    about as near as those in others. With tiles of adjacent rows, nearly all entries of later tiles can be nearer.
    """
    count = -(-n // tile_shape(n)[0])
    return [slice(first, n, count) for first in range(count)]


def tile_shape(n: int) -> tuple[int, int]:
    """Return the most rows of a tile, and those of the chunks in which its products are searched."""
    most = min(n, max(LEAST, min(MOST, n // TILES)))
    count = -(-n // most)
    rows = -(-n // count)
    chunks = -(-rows * rows // CHUNK)
    # Chunks of one size, and with a multiple of `PART` rows, which JAX takes without a copy.
    chunk = -(-rows // (chunks * PART)) * PART
    return chunks * chunk, chunk


class _Best(NamedTuple):
    """The candidates of all rows so far: lower bounds of their distances [n, c], ascending, and int32 rows [n, c].

    The rows of a tile follow each other in steps of ``step``.
    """

    low: np.ndarray
    rows: np.ndarray
    step: int

    @classmethod
    def none(cls, n: int, count: int, step: int) -> _Best:
        """Return c candidates at infinity: the row itself, which is nobody's own neighbour."""
        rows = np.repeat(np.arange(n, dtype=np.int32)[:, None], count, 1)
        return cls(np.full((n, count), np.inf, np.float32), rows, step)

    def add(self, row: np.ndarray, other: np.ndarray, low: np.ndarray) -> None:
        """Compare candidates with rows that may be nearer, and keep the nearest.

        Args:
            row: int [e], whose neighbours they may be, in one tile; no pair twice.
            other: int [e], the rows that may be nearer.
            low: float32 [e], lower bounds of the distances.
        """
        if not len(row):
            return
        first_row, count = row.min(), self.low.shape[1]
        line = ((row - first_row) // self.step).astype(np.uint16)  # NumPy sorts 16 bits fast
        keys = pack_sort_keys(low, other)[np.argsort(line, kind="stable")]
        counts = np.bincount(line)
        touched, counts = first_row + self.step * np.flatnonzero(counts), counts[counts > 0]
        ends = np.cumsum(counts)
        for start in range(0, len(touched), SORTED):
            some, added = touched[start : start + SORTED], counts[start : start + SORTED]
            begin = ends[start] - counts[start]
            table = np.full((len(some), count + added.max()), np.iinfo(np.int64).max)  # after all candidates
            table[:, :count] = pack_sort_keys(self.low[some], self.rows[some])
            within = np.arange(added.sum()) - np.repeat(np.cumsum(added) - added, added)
            table[np.repeat(np.arange(len(some)), added), count + within] = keys[begin : begin + len(within)]
            self.low[some], self.rows[some] = unpack_sort_keys(np.sort(table, axis=1)[:, :count])


class _Waiting:
    """Entries of a product that beat a candidate. They wait until there are many, since all candidates are sorted then.

    Args:
        best: the candidates.
    """

    def __init__(self, best: _Best) -> None:
        self._best, self._entries, self._count, self._lock = best, list[tuple[np.ndarray, ...]](), 0, Lock()

    def offer(self, row: np.ndarray, other: np.ndarray, low: np.ndarray) -> None:
        """Add entries, see `_Best.add`; from several threads."""
        with self._lock:
            self._entries.append((row, other, low))
            self._count += len(row)
            if self._count > WAITING:
                self._compare()

    def finish(self) -> None:
        """Compare all that wait."""
        with self._lock:
            self._compare()

    def _compare(self) -> None:
        if self._entries:
            self._best.add(*map(np.concatenate, zip(*self._entries, strict=True)))
        self._entries, self._count = [], 0


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
        self.side, self.chunk = tile_shape(self.n)
        self.tiles = tiles_of(self.n)
        self.gram = aligned_empty((self.side, self.side), self.points.dtype)

    def rows(self, tile: slice) -> np.ndarray:
        """Return the row numbers of a tile, int32."""
        return np.arange(tile.start, tile.stop, tile.step, dtype=np.int32)

    def multiply(self, some: np.ndarray, columns: slice) -> None:
        """Compute the inner products of some points with those of a tile."""
        step = columns.step

        def of_part(part: np.ndarray) -> None:
            rows = slice(columns.start + step * part[0], columns.start + step * part[-1] + 1, step)
            multiply(self.points, some, rows, self.gram[: len(some), part[0] : part[-1] + 1])

        with one_thread_products():
            list(self.pool.map(of_part, self._parts(columns)))

    def search_own(self, tile: slice, metric: NeighbourMetric, where: np.ndarray | None, best: _Best) -> None:
        """Find the candidates of the rows of a tile among them, from the product of the tile with itself."""
        own = self.rows(tile)
        count = min(best.low.shape[1], len(own))

        def of_part(part: np.ndarray) -> None:
            products, query = self.gram[part[0] : part[-1] + 1, : len(own)], own[part]
            low, at = lowest_bounds(self.norms, products, query, count, metric, where, columns=own)
            near = low < np.inf
            best.low[query, :count] = low
            best.rows[query, :count] = np.where(near, own[at], query[:, None])

        list(self.pool.map(of_part, self._parts(tile)))

    def search_pair(
        self, rows: slice, columns: slice, metric: NeighbourMetric, where: np.ndarray | None, best: _Best
    ) -> None:
        """Improve the candidates of the rows of two different tiles, from the product of these.

        Tiles with fewer rows than others are filled up, so that programs are compiled for one shape.
        """
        labels, kept = (None, where) if where is None or where.dtype == bool else (where, None)
        counts = len(self.rows(rows)), len(self.rows(columns))
        own, filled = (
            np.pad(self.rows(tile), (0, self.side - count), mode="edge")
            for tile, count in zip((rows, columns), counts, strict=True)
        )
        of_rows, of_columns = _Waiting(best), _Waiting(best)

        def of_chunk(start: int) -> None:
            query = own[start : start + self.chunk]
            limits, column_limits = best.low[query, -1], best.low[filled, -1]
            gram = self.gram[start : start + self.chunk]
            found = _bounds(self.norms, gram, query, filled, limits, column_limits, labels, metric)
            low, beats = map(np.asarray, found)
            if counts[1] < self.side or start + self.chunk > counts[0]:
                inside = np.arange(start, start + self.chunk) < counts[0]
                beats = beats & inside[:, None] & (np.arange(self.side) < counts[1])
            if np.count_nonzero(beats) > FEW * beats.size:
                some = (None, None) if kept is None else (kept[query], kept[filled])
                beats = _lowest_of_both(np.where(beats, low, np.inf), best.low.shape[1], *some) & beats
            # Much faster than in two dimensions.
            at_row, at_column = np.divmod(np.flatnonzero(beats), self.side)
            values, row, column = low[at_row, at_column], query[at_row], filled[at_column]
            nearer, column_nearer = values < limits[at_row], values < column_limits[at_column]
            if kept is not None:
                nearer, column_nearer = nearer & kept[column], column_nearer & kept[row]
            of_rows.offer(row[nearer], column[nearer], values[nearer])
            of_columns.offer(column[column_nearer], row[column_nearer], values[column_nearer])

        list(self.pool.map(of_chunk, range(0, counts[0], self.chunk)))
        list(self.pool.map(_Waiting.finish, (of_rows, of_columns)))  # of different tiles, which do not meet

    def _parts(self, tile: slice) -> list[np.ndarray]:
        """Divide the places of the rows of a tile among the threads."""
        return [part for part in np.array_split(np.arange(len(self.rows(tile))), self.cores) if len(part)]


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
    of both, and few of its entries are below what a row has found so far. Cost n^2 d / 2, and half the products of
    each tile with itself; memory of one tile, one copy of the rows if it is small, and O(n k).
    """
    n = len(prepared.rows)
    step = len(tiles_of(n))
    best = [_Best.none(n, min(n - 1, k + EXTRA_CANDIDATES), step) for _, k in wanted]

    with Threads() as pool:
        tiles = _Tiles(prepared, pool)
        for tile in tiles.tiles:
            tiles.multiply(tiles.points[tile], tile)
            for (metric, _), each in zip(wanted, best, strict=True):
                tiles.search_own(tile, metric, where, each)
        for at, rows in enumerate(tiles.tiles):
            some = tiles.points[rows]
            for columns in tiles.tiles[at + 1 :]:
                tiles.multiply(some, columns)
                for (metric, _), each in zip(wanted, best, strict=True):
                    tiles.search_pair(rows, columns, metric, where, each)

        def finished(tile: slice, metric: NeighbourMetric, k: int, candidates: _Best) -> Neighbours:
            query = np.arange(tile.start, tile.stop, dtype=np.int32)
            low, index = candidates.low[tile], candidates.rows[tile]
            found = certify_numpy(tiles.norms, query, low, index, k, metric, min(k, ordered))
            options: dict[str, Any] = {"ordered": ordered, "measured": measured, "where": where}
            return table_of_candidates(prepared, found, query, k, metric, **options)

        tables, adjacent = [], [slice(start, min(n, start + tiles.side)) for start in range(0, n, tiles.side)]
        for (metric, k), each in zip(wanted, best, strict=True):
            parts = pool.map(partial(finished, metric=metric, k=k, candidates=each), adjacent)
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
        low: float32 [b, c].
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
