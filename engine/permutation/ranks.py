"""Mean ranks of neighbours under permutations of the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from ..base import (
    Threads,
    of_all,
    own_share,
    pack_sort_keys,
    several_processes,
    unpack_sort_keys,
    use_numpy,
)
from ..gram import Prepared, in_numpy
from .draw import Permutations
from .ranks_on_devices import ROWS, rank_sums_on_devices, sums_fit


def permuted_ranks(
    representations: Sequence[Prepared],
    tables: Sequence[np.ndarray],
    permutations: Permutations,
    first: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
    *,
    tied: Mapping[int, np.ndarray] | None = None,
    mesh: Mesh | None = None,
) -> np.ndarray:
    """Compute the mean rank in one model of the neighbours in another, with the rows of one of the two permuted.

    Args:
        representations: m, of the same n samples.
        tables: m neighbour tables, int [n, k].
        permutations: K permutations.
        first: bool [m, m], whether the rows of b are permuted in the pair (a, b), else those of a.
        progress: called with (models done, total).
        tied: for models with ties, the neighbour tables of their permuted rows, int [K, n, k]. Ties of these models are
            broken by the lowest index of the permuted rows.
        mesh: devices among which the rows are divided, with those of other processes, which all call this and have the
            result; by default the device of the points. On a CPU NumPy sorts, and only processes divide the rows.

    Returns:
        [K, m, m] in float64, entry (p, a, b) the mean rank in b, by Euclidean distance and from 1, of the neighbours
        in a. The order of distances that differ by rounding errors only is arbitrary in models without ties. Sums of
        ranks are exact, whatever the number of devices and processes.

    Cost m n^2 (d + log n) + K m^2 n k, memory O(m b n) for blocks of b rows; for each model with ties also K m n k t,
    where t is the number of distances that are equal, or K m n^2 k on an accelerator.
    """
    tied, n = tied or {}, len(tables[0])
    if jax.default_backend() == "cpu" or not sums_fit(n, tables[0].shape[1]):
        sums = _sums_numpy(representations, tables, permutations, first, progress, tied, several_processes(mesh))
    else:
        sums = rank_sums_on_devices(representations, tables, permutations, first, progress, tied, mesh)
    return sums / (n * tables[0].shape[1])


def _sums_numpy(
    representations: Sequence[Prepared],
    tables: Sequence[np.ndarray],
    permutations: Permutations,
    first: np.ndarray,
    progress: Callable[[int, int], None] | None,
    tied: Mapping[int, np.ndarray],
    shared: bool,
) -> np.ndarray:
    """Compute the sums [K, m, m] of ranks over rows and neighbours; ``shared`` among several processes."""
    m, n, count = len(representations), len(tables[0]), len(permutations)
    orders, inverses = permutations.orders, permutations.inverses
    values = np.empty((count, m, m))
    # Flat arrays, in which NumPy looks up entries twice as fast.
    offset = (np.arange(count) * n)[:, None, None]
    starts = own_share(range(0, n, ROWS)) if shared else range(0, n, ROWS)

    def of_target(target: int) -> np.ndarray:
        sums = np.zeros((count, m))
        for start in starts:
            rows = np.arange(start, min(start + ROWS, n))
            if target in tied:
                groups = _tied_rows(representations[target], rows)
                rank = np.concatenate([each.rank for each in groups])
            else:
                groups = []
                rank = _rank_rows(representations[target], rows)
            for source, table in enumerate(tables):
                # Row r of the target is compared with row to_source[r] of the source, whose row j is row to_target[j]
                # of the target.
                permuted = first[source, target]
                to_target, to_source = (orders, inverses) if permuted else (inverses, orders)
                if not permuted and source in tied:
                    columns = tied[source][:, rows]
                else:
                    near = table.take(to_source[:, rows], axis=0)  # [K, b, k]
                    columns = to_target.ravel().take(near + offset)
                position = columns + n * np.arange(len(rows))[None, :, None]
                sums[:, source] += rank.take(position).sum((1, 2), dtype=np.float64)
                for at, row in enumerate(groups):
                    labels = inverses if permuted else np.broadcast_to(np.arange(n), inverses.shape)
                    sums[:, source] += row.before(columns[:, at], labels)
        return sums

    with Threads() as pool:
        for target, sums in enumerate(pool.map(of_target, range(m))):
            values[:, :, target] = sums
            if progress is not None:
                progress(target + 1, m)
    return of_all(values).sum(0) if shared else values


def _rank_rows(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """Compute the ranks of all other rows, the row itself last, as a flat array [b n]."""
    n = len(prepared.rows)
    # Padded to one shape, to compile once.
    query = np.minimum(np.arange(rows[0], rows[0] + ROWS, dtype=np.int32), n - 1)
    prepared = in_numpy(prepared) if use_numpy(prepared.points) else prepared
    distances = _distances if isinstance(prepared.points, np.ndarray) else _compiled_distances
    far = np.maximum(np.asarray(distances(prepared, query), np.float32)[: len(rows)], 0)
    far[np.arange(len(rows)), rows] = np.inf
    _, order = unpack_sort_keys(np.sort(pack_sort_keys(far, np.arange(n)), axis=1))
    order = order + n * np.arange(len(rows))[:, None]
    rank = np.empty(len(rows) * n, np.int32)
    rank[order.ravel()] = np.tile(np.arange(1, n + 1, dtype=np.int32), len(rows))
    return rank


class _TiedRow(NamedTuple):
    """The ranks of all rows by their distance from one row, with ties.

    Args:
        rank: int [n], the lowest rank of each row among those that are equally far.
        order: int [n], the rows by distance.
        end: int [n], the rank of the last of those that are equally far.
    """

    rank: np.ndarray
    order: np.ndarray
    end: np.ndarray

    def before(self, columns: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Count the rows as far as those of columns int [K, k] that have lower labels int [K, n], summed; [K]."""
        total = np.zeros(len(columns))
        starts = self.rank[columns]
        for start in np.unique(starts):
            members = self.order[start - 1 : self.end[self.order[start - 1]]]
            if len(members) > 1:
                p, at = np.nonzero(starts == start)
                lower = labels[p[:, None], members] < labels[p, columns[p, at]][:, None]
                np.add.at(total, p, lower.sum(1))
        return total


def _tied_rows(prepared: Prepared, rows: np.ndarray) -> list[_TiedRow]:
    """Rank all rows by their distance from some rows, in float64, such that distances equal in float32 are ties."""
    from scipy.spatial.distance import cdist  # imported here because it takes a tenth of a second

    values = np.asarray(prepared.rows, np.float64)
    far = cdist(values[rows], values).astype(np.float32)
    far[np.arange(len(rows)), rows] = np.inf
    found = []
    for line in far:
        order = np.argsort(line, kind="stable")
        new = np.flatnonzero(np.diff(line[order], prepend=-1) != 0)
        sizes = np.diff(np.append(new, len(line)))
        rank, end = np.empty((2, len(line)), np.int64)
        rank[order], end[order] = np.repeat(new + 1, sizes), np.repeat(new + sizes, sizes)
        found.append(_TiedRow(rank, order, end))
    return found


def _distances(prepared: Prepared, query: Any) -> Any:
    return prepared.norms.distances(prepared.gram(query), query)


_compiled_distances = jax.jit(_distances)
