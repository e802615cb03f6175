"""The mean fourth moment of X'Y over all permutations of the rows of Y, in closed form."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# |X'Y|^4 of Schatten norms is sum A_ij A_kl B_jk B_li over the rows i, j, k, l, with A = XX' and B = YY'.
_IN_FIRST, _IN_SECOND = ((0, 1), (2, 3)), ((1, 2), (3, 0))

Partition = tuple[frozenset[int], ...]


class GramSums(NamedTuple):
    """Sums over the Gram matrix A = XX' of rows with mean 0.

    Args:
        diagonal: sum A_ii^2.
        trace: (sum A_ii)^2.
        whole: sum A_ij^2 over all i and j.
    """

    diagonal: float
    trace: float
    whole: float


def mean_fourth_moment(first: GramSums, second: GramSums, n: int) -> float:
    """Compute the mean of tr (X'PYY'P'X)^2 over all n! permutations P of the n rows of Y.

    The four rows in a term coincide in one of 15 ways. A permutation maps rows that coincide in one way to rows that
    coincide in the same way, all equally often: each way contributes the product of its sums in A and in B, divided by
    the number of its terms.
    """
    a, b = (np.array([0.0, *sums]) for sums in (first, second))
    total = 0.0
    for in_first, in_second, rows in _ways():
        terms = math.prod(range(n - rows + 1, n + 1))
        if terms > 0:
            total += float(in_first @ a) * float(in_second @ b) / terms
    return total


@functools.cache
def _ways() -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Return, for each way in which four rows coincide, the factors of the sums of A and B, and the number of rows.

    The sum over distinct rows is an alternating sum, by Möbius inversion, of sums over rows of which more may coincide.
    """
    partitions = [tuple(frozenset(block) for block in blocks) for blocks in _partitions([0, 1, 2, 3])]
    found = []
    for fine in partitions:
        factors = np.zeros((2, 4))
        for coarse in partitions:
            if all(any(block <= other for other in coarse) for block in fine):
                merged = [sum(block <= other for block in fine) for other in coarse]
                sign = math.prod((-1) ** (k - 1) * math.factorial(k - 1) for k in merged)
                for side, edges in enumerate((_IN_FIRST, _IN_SECOND)):
                    factors[side, _sum_of(coarse, edges)] += sign
        found.append((factors[0], factors[1], len(fine)))
    return found


def _partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    for rest in _partitions(items[1:]):
        for at in range(len(rest)):
            yield [*rest[:at], [items[0], *rest[at]], *rest[at + 1 :]]
        yield [[items[0]], *rest]


def _sum_of(partition: Partition, edges: Sequence[tuple[int, int]]) -> int:
    """Return which sum the product of two entries is, the rows of each block being one: of `GramSums`, or 0, zero."""
    ends = [frozenset(block for block in partition if block & set(edge)) for edge in edges]
    if all(len(blocks) == 1 for blocks in ends):
        return 1 if ends[0] == ends[1] else 2
    # Every row of A sums to 0, and so does each sum in which one block is in a single entry.
    return 3 if ends[0] == ends[1] else 0
