"""Random permutations of the samples, from which null distributions of scores are estimated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..base import InputError, Threads

# Number of permutations per call of a compiled function.
AT_ONCE = 8


@dataclass(frozen=True)
class Permutations:
    """K ways to pair the rows of one representation with those of another.

    Args:
        orders: int32 [K, n]; row ``orders[p, i]`` of the second representation is compared with row i of the first.
        cycle: int32 [n], all samples in a random order, such that ``orders[p, cycle[t]] == cycle[t + shifts[p]]``,
            modulo n; None if samples are permuted within groups.
        shifts: int32 [K], distinct and non-zero; None if samples are permuted within groups.
    """

    orders: np.ndarray
    cycle: np.ndarray | None = None
    shifts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.orders)

    @property
    def inverses(self) -> np.ndarray:
        """The inverse permutations, int32 [K, n]: ``inverses[p, orders[p, i]] == i``."""
        return np.argsort(self.orders, axis=1).astype(np.int32)

    def map(self, function: Callable[[Any], Any], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Apply a function to all permutations, in threads.

        Args:
            function: of orders [c, n], c <= `AT_ONCE`; returns an array [c, ...].
            progress: called with (permutations done, total).

        Returns:
            [K, ...] in float64.
        """
        values, count = [], len(self)
        size = min(AT_ONCE, count)
        with Threads() as pool:

            def of_chunk(start: int) -> np.ndarray:
                # The last chunk is padded to full size, so that nothing is compiled for it.
                rows = np.minimum(np.arange(start, start + size), count - 1)
                return np.asarray(function(jnp.asarray(self.orders[rows])), np.float64)[: count - start]

            for chunk in pool.map(of_chunk, range(0, count, size)):
                values.append(chunk)
                if progress is not None:
                    progress(min(count, size * len(values)), count)
        return np.concatenate(values)


def draw(n: int, count: int, *, groups: Sequence[Any] | None = None, seed: int = 0) -> Permutations:
    """Draw permutations of n samples, none of which is the identity.

    Without groups, the permutations are shifts along one random cycle through all samples. All shifts form a group
    in the algebraic sense, which is all that a permutation test requires (Hemerik & Goeman 2018, TEST 27, 811). None of
    those drawn leaves a sample in place, and kernel scores under all shifts at once follow from Fourier transforms.

    Args:
        n: number of samples, at least 2.
        count: number of permutations; without groups at most n - 1, the number of shifts, are drawn.
        groups: n labels; samples are permuted within groups of equal labels.
        seed: of the random generator.

    Raises:
        ValueError: ``count`` is less than 1, or every group contains one sample only.
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    generator = np.random.default_rng([seed, n])
    if groups is None:
        cycle = generator.permutation(n).astype(np.int32)
        shifts = 1 + generator.permutation(n - 1)[:count].astype(np.int32)
        orders = np.empty((len(shifts), n), np.int32)
        orders[:, cycle] = cycle[(np.arange(n) + shifts[:, None]) % n]
        return Permutations(orders, cycle, shifts)
    _, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    movable = [rows for rows in members if len(rows) > 1]
    if not movable:
        raise InputError(f"each of the {n} samples is in a separate group: no samples can be permuted within groups")
    orders = np.tile(np.arange(n, dtype=np.int32), (count, 1))
    for order in orders:
        while (order == np.arange(n)).all():
            for rows in movable:
                order[rows] = generator.permutation(rows)
    return Permutations(orders)
