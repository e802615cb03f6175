"""Exact search for neighbours in one half of the Gram product, tile by tile, on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import Threads, aligned_empty, count_cores, pack_sort_keys, release_memory, unpack_sort_keys
from ..gram import Norms, Prepared, multiply
from .row_blocks import KEPT_BYTES, PART, join_blocks
from .search import EXTRA_CANDIDATES, NeighbourMetric, Neighbours, distance_lower_bound
from .search_numpy import CHUNK, certify_numpy, lowest_bounds
from .uncertain import table_of_candidates

# A tile has a fifth of the rows, but not fewer or more than these. The product of a tile with itself is computed as a
# whole, which small tiles make cheap; with many tiles, rows find candidates that they replace again more often.
TILES, LEAST, MOST = 5, 2048, 4096
# Entries that wait to be compared with candidates, at most; and rows whose candidates are sorted at once.
WAITING, SORTED = 2**19, 1024
# The part of a product up to which the entries that beat a candidate are few.
FEW = 1 / 8


def pairs_in_tiles(n: int) -> int:
    """Return the pairs of n rows whose inner products `tables_by_tiles` computes: half, and half of those of a tile."""
    side, _ = tile_shape(n)
    sizes = [min(side, n - start) for start in range(0, n, side)]
    return (n * n + sum(size * size for size in sizes)) // 2


def tile_shape(n: int) -> tuple[int, int]:
    """Return the rows of a tile, and of the chunks in which its products are searched."""
    most = min(n, max(LEAST, min(MOST, n // TILES)))
    count = -(-n // most)
    rows = -(-n // count)
    chunks = -(-rows * rows // CHUNK)
    # Chunks of one size, and with a multiple of `PART` rows, which JAX takes without a copy.
    chunk = -(-rows // (chunks * PART)) * PART
    return chunks * chunk, chunk


class _Best(NamedTuple):
    """The candidates of all rows so far: lower bounds of their distances [n, c], ascending, and int32 rows [n, c]."""

    low: np.ndarray
    rows: np.ndarray

    @classmethod
    def none(cls, n: int, count: int) -> _Best:
        """Return c candidates at infinity: the row itself, which is nobody's own neighbour."""
        return cls(np.full((n, count), np.inf, np.float32), np.repeat(np.arange(n, dtype=np.int32)[:, None], count, 1))

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
        line = (row - first_row).astype(np.uint16)  # NumPy sorts 16 bits fast
        keys = pack_sort_keys(low, other)[np.argsort(line, kind="stable")]
        counts = np.bincount(line)
        touched, counts = first_row + np.flatnonzero(counts), counts[counts > 0]
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
        self.tiles = [slice(start, min(self.n, start + self.side)) for start in range(0, self.n, self.side)]
        self.gram = aligned_empty((self.side, self.side), self.points.dtype)

    def rows(self, tile: slice) -> np.ndarray:
        """Return the row numbers of a tile, int32."""
        return np.arange(tile.start, tile.stop, dtype=np.int32)

    def multiply(self, some: np.ndarray, columns: slice) -> None:
        """Compute the inner products of some points with those of a tile."""

        def of_part(part: np.ndarray) -> None:
            into = self.gram[: len(some), part[0] - columns.start : part[-1] + 1 - columns.start]
            multiply(self.points, some, slice(part[0], part[-1] + 1), into)

        list(self.pool.map(of_part, self._parts(columns)))

    def search_own(self, tile: slice, metric: NeighbourMetric, where: np.ndarray | None, best: _Best) -> None:
        """Find the candidates of the rows of a tile among them, from the product of the tile with itself."""
        own = self.rows(tile)
        count = min(best.low.shape[1], len(own))

        def of_part(part: np.ndarray) -> None:
            products = self.gram[part[0] - tile.start : part[-1] + 1 - tile.start, : len(own)]
            low, at = lowest_bounds(self.norms, products, part, count, metric, where, columns=own)
            near = low < np.inf
            best.low[part, :count] = low
            best.rows[part, :count] = np.where(near, own[at], part[:, None])

        list(self.pool.map(of_part, self._parts(tile)))

    def search_pair(
        self, rows: slice, columns: slice, metric: NeighbourMetric, where: np.ndarray | None, best: _Best
    ) -> None:
        """Improve the candidates of the rows of two different tiles, from the product of these.

        The first tile has no fewer rows than others: only the last one has, whose product is filled up.
        """
        labels, kept = (None, where) if where is None or where.dtype == bool else (where, None)
        own, others = self.rows(rows), self.rows(columns)
        filled = np.pad(others, (0, self.side - len(others)), mode="edge")
        of_rows, of_columns = _Waiting(best), _Waiting(best)

        def of_chunk(start: int) -> None:
            query = own[start : start + self.chunk]
            limits, column_limits = best.low[query, -1], best.low[filled, -1]
            gram = self.gram[start : start + self.chunk]
            found = _bounds(self.norms, gram, query, filled, limits, column_limits, labels, metric)
            low, beats = map(np.asarray, found)
            if len(others) < self.side:
                beats = beats & (np.arange(self.side) < len(others))
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

        list(self.pool.map(of_chunk, range(0, len(own), self.chunk)))
        list(self.pool.map(_Waiting.finish, (of_rows, of_columns)))  # of different tiles, which do not meet

    def _parts(self, tile: slice) -> list[np.ndarray]:
        """Divide the rows of a tile among the threads."""
        return [part for part in np.array_split(self.rows(tile), self.cores) if len(part)]


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
    best = [_Best.none(n, min(n - 1, k + EXTRA_CANDIDATES)) for _, k in wanted]

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
            query = tiles.rows(tile)
            low, index = candidates.low[tile], candidates.rows[tile]
            found = certify_numpy(tiles.norms, query, low, index, k, metric, min(k, ordered))
            options: dict[str, Any] = {"ordered": ordered, "measured": measured, "where": where}
            return table_of_candidates(prepared, found, query, k, metric, **options)

        tables = []
        for (metric, k), each in zip(wanted, best, strict=True):
            parts = pool.map(partial(finished, metric=metric, k=k, candidates=each), tiles.tiles)
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
