"""Random permutations within strata that exchange the samples of a group as one block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from .draw import Permutations

# After so many draws in turn that are no new permutations, fewer are returned.
ATTEMPTS = 200
# Larger blocks change places with blocks of similar size, of which few would have a counterpart of the same size.
EXACT_SIZE, SIZE_RATIO = 4, 1.25


def draw_blocks(
    groups: Sequence[Any], count: int, *, strata: Sequence[Any] | None = None, seed: int = 0
) -> Permutations:
    """Draw distinct permutations within strata, none of which is the identity, that exchange whole groups.

    The members of a group, such as the atoms of a crystal, change places with those of another one, stratum by stratum:
    its oxygen atoms with the oxygen atoms of the other, its carbon atoms with the carbon atoms of the same other. Two
    groups can change places if they have about as many members in each stratum: as many up to `EXACT_SIZE`, and
    within a factor of `SIZE_RATIO` above, where a few members then meet those of a third group. A group without a
    counterpart stays. So what the members of a group have in common stays as it is, also across strata: groups whose
    members resemble each other would otherwise make any score look significant. Under the null hypothesis the groups
    are exchangeable; ``bench/results/node_null.md`` has the error rates.

    Args:
        groups: n labels.
        count: number of permutations, at least 1. Fewer are returned if hardly any others exist.
        strata: n labels; samples are exchanged within a stratum only. Default: one stratum.
        seed: of the random generator.

    Returns:
        Permutations of n samples, in O(count n log n).

    Raises:
        ValueError: ``count`` is less than 1, or no two groups have about as many samples in each stratum.

    Source: Winkler et al. (2015), NeuroImage 123, 253, on blocks of exchangeable observations.

    Example:
        >>> draw_blocks(["a", "a", "b", "b", "c"], 20).orders.tolist()
        [[2, 3, 0, 1, 4]]
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    group, stratum = _numbers(groups), _numbers(["" for _ in groups] if strata is None else strata)
    n, m = len(group), int(group.max()) + 1
    kind = _kinds(group, stratum)
    if np.bincount(kind).max() < 2:
        raise InputError(
            f"no two of the {m} groups have about as many samples in each stratum: nothing can be exchanged; use fewer "
            "strata or groups"
        )
    generator = np.random.default_rng([seed, n])
    identity = np.arange(n, dtype=np.int32)
    found: dict[bytes, np.ndarray] = {identity.tobytes(): identity}
    failures = 0
    while len(found) <= count and failures < ATTEMPTS:
        # Both orders have groups of the same kind at the same places, and in the same order in all strata.
        first, second = (np.lexsort((generator.permutation(m)[group], kind[group], stratum)) for _ in range(2))
        order = np.empty(n, np.int32)
        order[first] = second
        failures = 0 if found.setdefault(order.tobytes(), order) is order else failures + 1
    return Permutations(np.stack(list(found.values())[1:]))


def exchangeable_share(groups: Sequence[Any], strata: Sequence[Any] | None = None) -> tuple[float, int]:
    """Return the share of the samples whose group `draw_blocks` can exchange, and the number of these groups."""
    group, stratum = _numbers(groups), _numbers(["" for _ in groups] if strata is None else strata)
    kind = _kinds(group, stratum)
    movable = np.bincount(kind)[kind] > 1
    return float(movable[group].mean()), int(movable.sum())


def _numbers(labels: Sequence[Any]) -> np.ndarray:
    return np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def _kinds(group: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Return a number for each group, equal for groups with about as many members in each stratum."""
    strata = int(stratum.max()) + 1
    cell, size = np.unique(group * strata + stratum, return_counts=True)
    pairs: dict[int, list[tuple[int, int]]] = {}
    for owner, part, level in zip(cell // strata, cell % strata, _size_class(size), strict=True):
        pairs.setdefault(int(owner), []).append((int(part), int(level)))
    kinds: dict[tuple[tuple[int, int], ...], int] = {}
    return np.array([kinds.setdefault(tuple(pairs[g]), len(kinds)) for g in range(int(group.max()) + 1)])


def _size_class(size: np.ndarray) -> np.ndarray:
    """Return numbers that are equal where sizes are equal, or larger than `EXACT_SIZE` and similar."""
    steps = np.log(np.maximum(size, EXACT_SIZE) / EXACT_SIZE) / np.log(SIZE_RATIO)
    return np.where(size <= EXACT_SIZE, size, EXACT_SIZE + np.rint(steps).astype(int))
