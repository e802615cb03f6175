"""Neighbours that two models share under shifts of the samples along a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..base import Threads
from ..neighbours import Lookup
from .draw import Permutations

# Pairs of edges that are looked at together.
PAIRS = 2**17


class Shared(NamedTuple):
    """Edges, each from a row to one of its neighbours, that models a and b share, under all permutations.

    Args:
        number: int [s], the permutation.
        first, second: int [s], where the edge stands in the tables of a and of b, counted along their rows.
        source, target: int [s], names of its ends; the same for edges of one permutation that share an end.
    """

    number: np.ndarray
    first: np.ndarray
    second: np.ndarray
    source: np.ndarray
    target: np.ndarray


# Of models a and b, and what they share: the scores [K] of (a, b) and of (b, a).
Score = Callable[[int, int, Shared], tuple[np.ndarray, np.ndarray]]


def shifted_pairs(
    indices: np.ndarray,
    permutations: Permutations,
    score: Score,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Score every pair of neighbour tables, the rows of the second shifted along the cycle.

    Args:
        indices: int [m, k, n], column i of each table holding the neighbours of row i.
        permutations: K of them, along a cycle.
        score: called in threads.
        progress: called with (pairs done, in all).

    Returns:
        [K, m, m] in float64, entry (p, a, b) for a before b with the rows of b in another order, and (p, b, a) the same
        with the roles of the two swapped.

    An edge from place t to t + d meets one from s to s + d under the shift s - t and no other, so that edges are joined
    once by d for all shifts: cost m^2 (n k^2 + K k^2), where one permutation after the other costs m^2 K n k^2; memory
    O(m n k + K k^2).
    """
    assert permutations.cycle is not None
    assert permutations.shifts is not None
    m, _, n = indices.shape
    place = np.empty(n, np.int32)
    place[permutations.cycle] = np.arange(n, dtype=np.int32)
    # Which permutation a difference of places, plus n, belongs to.
    which = np.full(n, -1, np.int32)
    which[permutations.shifts] = np.arange(len(permutations))
    which = np.concatenate([which, which])
    ordered = [_ordered(table, place) for table in np.asarray(indices)]
    ends = list(zip(*np.triu_indices(m), strict=True))
    found = np.empty((len(permutations), m, m))

    def one(pair: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        a, b = pair
        parts = _joined(ordered[a], ordered[b], which, n)
        number, left, right = (np.concatenate(part) for part in zip(*parts, strict=True))
        mine, other = ordered[a], ordered[b]
        return score(a, b, Shared(number, mine.edge[left], other.edge[right], mine.source[left], mine.target[left]))

    with Threads() as pool:
        for done, ((a, b), (there, back)) in enumerate(zip(ends, pool.map(one, ends), strict=True), 1):
            found[:, b, a] = back
            found[:, a, b] = there
            if progress is not None:
                progress(done, len(ends))
    return found


def shifted_tables(
    tables: Lookup,
    permutations: Permutations,
    score: Score,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Do the same with tables [m, n, k]; NaN for models whose rows are all alike."""
    unknown = np.isnan(np.asarray(tables.value)).any(axis=(1, 2))
    values = shifted_pairs(np.asarray(tables.indices).swapaxes(1, 2), permutations, score, progress)
    return np.where(unknown[:, None] | unknown, np.nan, values)


class _Ordered(NamedTuple):
    """Edges of a model, by how far along the cycle they lead.

    Args:
        step: int [n k], from source to target, ascending.
        source, target: int [n k], places along the cycle.
        edge: int [n k], where it stands in the table.
        begin: int [n + 1], where the edges of each step begin.
    """

    step: np.ndarray
    source: np.ndarray
    target: np.ndarray
    edge: np.ndarray
    begin: np.ndarray


def _ordered(table: np.ndarray, place: np.ndarray) -> _Ordered:
    k, n = table.shape
    source, target = np.tile(place, k), place[table.ravel()]
    step = (target - source) % n
    edge = np.argsort(step, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(step, minlength=n))])
    return _Ordered(step[edge], source[edge], target[edge], edge, begin)


def _joined(a: _Ordered, b: _Ordered, which: np.ndarray, n: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give the permutation under which an edge of a and one of b are the same, and the two."""
    begin = b.begin[a.step]
    ends = np.cumsum(b.begin[a.step + 1] - begin)
    cuts = np.searchsorted(ends, np.arange(PAIRS, ends[-1], PAIRS))
    for low, high in zip([0, *cuts], [*cuts, len(ends)], strict=True):
        last = ends[low:high] - (ends[low - 1] if low else 0)
        counts = np.diff(last, prepend=0)
        # A's first partner less those counted before it: a running number then gives each of them.
        offset = (begin[low:high] - last + counts).astype(np.int32)
        right = np.arange(counts.sum(), dtype=np.int32) + np.repeat(offset, counts)
        number = which.take(b.source.take(right) + np.repeat(n - a.source[low:high], counts))
        hit = np.flatnonzero(number >= 0)
        yield number[hit], low + np.searchsorted(last, hit, "right"), right[hit]
