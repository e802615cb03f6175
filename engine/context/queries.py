"""Rows drawn as queries, which are compared with all rows, and sums over them scaled to all rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

# Groups of the jackknife over the queries, and the fewest queries, two in each group.
QUERY_GROUPS = 20
MIN_QUERIES = 2 * QUERY_GROUPS


@dataclass(frozen=True)
class Queries:
    """q of n rows, drawn at random without replacement, in g jackknife groups.

    Sums are returned as [1 + g]: over all queries, and then without each group. Multiplied by `single`, or by `double`
    if they are over pairs of different queries, each is an unbiased estimate of the sum over all n rows.

    Args:
        rows: int32 [q], ascending.
        n: number of all rows.
        group: int [q], the jackknife group of each query, from 0 to g - 1.
    """

    rows: np.ndarray
    n: int
    group: np.ndarray

    @cached_property
    def sizes(self) -> np.ndarray:
        """The number of queries in each group, int [g]."""
        return np.bincount(self.group)

    @cached_property
    def place(self) -> np.ndarray:
        """The position of each row among the queries, int32 [n]; -1 for a row that is none."""
        place = np.full(self.n, -1, np.int32)
        place[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        return place

    @property
    def single(self) -> np.ndarray:
        """Factor from a sum over queries to that over all rows, [1 + g]."""
        return np.asarray(self.n / self._counts)

    @property
    def double(self) -> np.ndarray:
        """Factor from a sum over ordered pairs of different queries to that over all pairs of rows, [1 + g]."""
        return np.asarray(self.n * (self.n - 1.0) / (self._counts * (self._counts - 1)))

    @property
    def _counts(self) -> np.ndarray:
        return len(self.rows) - np.array([0.0, *self.sizes])

    def sums(self, source: np.ndarray, values: Any) -> np.ndarray:
        """Sum values that belong to one query each.

        Args:
            source: int [s], positions among the queries.
            values: [s].
        """
        of_group = np.bincount(self.group[source], values, len(self.sizes))
        return np.asarray(of_group.sum() - np.array([0.0, *of_group]))

    def pair_sums(self, source: np.ndarray, target: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sum values that belong to two queries each; without a group, neither of them is in it.

        Args:
            source: int [s], positions among the queries.
            target: int [s], the same.
            values: [s].
        """
        first, second = self.group[source], self.group[target]
        of_first = np.bincount(first, np.where(first == second, 0, values), len(self.sizes))
        of_second = np.bincount(second, values, len(self.sizes))
        return np.asarray(values.sum() - np.array([0.0, *(of_first + of_second)]))


def draw_queries(n: int, count: int, seed: int) -> Queries:
    """Draw ``count`` of n rows, all n if there are fewer, and divide them at random into `QUERY_GROUPS` groups."""
    generator = np.random.default_rng([seed, n, count])
    count = min(n, count)
    rows = np.sort(generator.choice(n, count, replace=False)).astype(np.int32)
    return Queries(rows, n, generator.permutation(np.arange(count) % min(QUERY_GROUPS, count)))
