"""Permutations of the samples, under which chance is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..base import InputError, Threads

# Permutations that one call of a compiled function takes.
AT_ONCE = 8


@dataclass(frozen=True)
class Permutations:
    """K ways to pair the rows of one representation with those of another.

    Args:
        orders: int32 [K, n]; row ``orders[p, i]`` of the second is compared with row i of the first.
        cycle: int32 [n], all samples in a random order, such that ``orders[p, cycle[t]] == cycle[t + shifts[p]]``,
            modulo n; None where samples stay within groups.
        shifts: int32 [K], each once and none 0; None likewise.
    """

    orders: np.ndarray
    cycle: np.ndarray | None = None
    shifts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.orders)

    @property
    def inverses(self) -> np.ndarray:
        """int32 [K, n]: ``inverses[p, orders[p, i]] == i``."""
        return np.argsort(self.orders, axis=1).astype(np.int32)

    def map(self, function: Callable[[Any], Any], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Apply a function of some orders [c, n], which returns an array [c, ...], to all of them, in threads."""
        found, count = [], len(self)
        size = min(AT_ONCE, count)
        with Threads() as pool:

            def one(start: int) -> np.ndarray:
                # The last few are filled up, so that nothing is compiled for them.
                rows = np.minimum(np.arange(start, start + size), count - 1)
                return np.asarray(function(jnp.asarray(self.orders[rows])), np.float64)[: count - start]

            for part in pool.map(one, range(0, count, size)):
                found.append(part)
                if progress is not None:
                    progress(min(count, size * len(found)), count)
        return np.concatenate(found)


def draw(n: int, count: int, *, groups: Sequence[Any] | None = None, seed: int = 0) -> Permutations:
    """Draw permutations of n samples, none of which is the identity.

    Without groups they are shifts along one random cycle through all samples. Those form a group, which is all that a
    permutation test asks for (Hemerik & Goeman 2018, TEST 27, 811), each alone leaves no sample in place, and what a
    kernel gives under all of them at once comes from Fourier transforms.

    Args:
        n: samples, at least 2.
        count: how many; without groups at most n - 1, which are all, are drawn.
        groups: n labels; samples change places with those of their own label only.
        seed: of the draw.

    Raises:
        ValueError: fewer than one is asked for, or every group is of one sample.
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is needed, 200 are usual")
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
        raise InputError(f"each of the {n} samples is a group of its own: none can change places within its group")
    orders = np.tile(np.arange(n, dtype=np.int32), (count, 1))
    for order in orders:
        while (order == np.arange(n)).all():
            for rows in movable:
                order[rows] = generator.permutation(rows)
    return Permutations(orders)
