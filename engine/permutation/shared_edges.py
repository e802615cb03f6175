"""Neighbours that two models share when the samples of one are shifted along cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..base import Threads
from .draw import Permutations

# Number of pairs of edges that are examined at once.
PAIRS = 2**17


class Shared(NamedTuple):
    """Edges that models a and b share, under all permutations; an edge leads from a row to one of its neighbours.

    Args:
        number: int [s], index of the permutation.
        first: int [s], flat position of the edge in the table [k, n] of a.
        second: int [s], flat position of the edge in the table [k, n] of b.
        source: int [s], identifier of the row, equal for edges of one permutation that share the row.
        target: int [s], identifier of the neighbour, of the same kind.
    """

    number: np.ndarray
    first: np.ndarray
    second: np.ndarray
    source: np.ndarray
    target: np.ndarray


# Function of models a and b and their shared edges that returns the scores [K] of (a, b) and of (b, a).
Score = Callable[[int, int, Shared], tuple[np.ndarray, np.ndarray]]


def shifted_pairs(
    indices: np.ndarray,
    permutations: Permutations,
    score: Score,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute the scores of every pair of neighbour tables, with the samples of the second shifted along cycles.

    Args:
        indices: int [m, k, n], with the neighbours of row i in column i of each table.
        permutations: K permutations along cycles.
        score: see `Score`; called in threads.
        progress: called with (pairs done, total).

    Returns:
        [K, m, m] in float64, entry (p, a, b), a <= b, with the rows of b permuted; (p, b, a) is the score of (b, a)
        under the same permutation.

    An edge from position t to t + d of a cycle matches one from s to s + d under the shift s - t only. Edges are
    therefore joined once by d for all shifts along a cycle: cost m^2 (c n k^2 + K k^2) for c cycles, instead of
    m^2 K n k^2 for one permutation after the other; memory O(m c n k + K k^2).
    """
    assert permutations.cycles
    m, _, n = indices.shape
    tables = np.asarray(indices)
    ordered = [_ordered(table, _positions(permutations.cycles[0].first)) for table in tables]
    seconds, numbers, drawn = [], [], 0
    for cycle in permutations.cycles:
        same = cycle.second is cycle.first
        seconds.append(ordered if same else [_ordered(table, _positions(cycle.second)) for table in tables])
        # The permutation of each difference of positions (plus n), -1 for none.
        which = np.full(n, -1, np.int32)
        which[cycle.shifts] = np.arange(drawn, drawn + len(cycle.shifts))
        numbers.append(np.concatenate([which, which]))
        drawn += len(cycle.shifts)
    pairs = list(zip(*np.triu_indices(m), strict=True))
    values = np.empty((len(permutations), m, m))

    def of_pair(pair: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        a, b = pair
        first, parts = ordered[a], []
        for second, which in zip(seconds, numbers, strict=True):
            for number, left, right in _join(first, second[b], which, n):
                edges = first.edge[left], second[b].edge[right]
                parts.append(Shared(number, *edges, first.source[left], first.target[left]))
        return score(a, b, Shared(*(np.concatenate(column) for column in zip(*parts, strict=True))))

    with Threads() as pool:
        for done, ((a, b), (forward, backward)) in enumerate(zip(pairs, pool.map(of_pair, pairs), strict=True), 1):
            values[:, b, a] = backward
            values[:, a, b] = forward  # last, so that it is the one kept on the diagonal
            if progress is not None:
                progress(done, len(pairs))
    return values


def _positions(arrangement: np.ndarray) -> np.ndarray:
    position = np.empty(len(arrangement), np.int32)
    position[arrangement] = np.arange(len(arrangement), dtype=np.int32)
    return position


class _Ordered(NamedTuple):
    """Edges of a model, sorted by their length along the cycle.

    Args:
        step: int [n k], length from source to target modulo n, ascending.
        source: int [n k], position of the row in the cycle.
        target: int [n k], position of the neighbour in the cycle.
        edge: int [n k], flat position in the table.
        begin: int [n + 1], index of the first edge of each length.
    """

    step: np.ndarray
    source: np.ndarray
    target: np.ndarray
    edge: np.ndarray
    begin: np.ndarray


def _ordered(table: np.ndarray, position: np.ndarray) -> _Ordered:
    k, n = table.shape
    source, target = np.tile(position, k), position[table.ravel()]
    step = (target - source) % n
    edge = np.argsort(step, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(step, minlength=n))])
    return _Ordered(step[edge], source[edge], target[edge], edge, begin)


def _join(a: _Ordered, b: _Ordered, which: np.ndarray, n: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, in chunks, the permutations under which an edge of a equals one of b, and the indices of the two edges."""
    begin = b.begin[a.step]
    ends = np.cumsum(b.begin[a.step + 1] - begin)
    cuts = np.searchsorted(ends, np.arange(PAIRS, ends[-1], PAIRS))
    for low, high in zip([0, *cuts], [*cuts, len(ends)], strict=True):
        last = ends[low:high] - (ends[low - 1] if low else 0)
        counts = np.diff(last, prepend=0)
        # Index of the first candidate in b of each edge of a, minus the number of candidates before it: adding a
        # running index gives every candidate.
        offset = (begin[low:high] - last + counts).astype(np.int32)
        right = np.arange(counts.sum(), dtype=np.int32) + np.repeat(offset, counts)
        number = which.take(b.source.take(right) + np.repeat(n - a.source[low:high], counts))
        match = np.flatnonzero(number >= 0)
        yield number[match], low + np.searchsorted(last, match, "right"), right[match]
