"""Random permutations within strata that exchange the samples of a group as one block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from .draw import Permutations

# So many draws for each permutation that is asked for, before fewer are returned.
ATTEMPTS = 20
# Larger blocks change places with blocks of similar size, of which few would have a counterpart of the same size.
EXACT_SIZE, SIZE_RATIO = 4, 1.25


def draw_blocks(
    groups: Sequence[Any], count: int, *, strata: Sequence[Any] | None = None, seed: int = 0
) -> Permutations:
    """Draw distinct permutations within strata, none of which is the identity, that keep groups together.

    The members of a group in one stratum, such as the oxygen atoms of a crystal, change places with those of another
    group that has as many of them, or, above `EXACT_SIZE`, about as many (within a factor of `SIZE_RATIO`): then a
    few of them meet members of a third group. Those of a group that has no counterpart stay. So what samples of one
    group have in common stays as it is: samples that resemble each other within their group would otherwise make any
    score look significant. Under the null hypothesis the groups are exchangeable; ``bench/results/node_null.md`` has
    the error rates.

    Args:
        groups: n labels.
        count: number of permutations, at least 1. Fewer are returned if hardly any others exist.
        strata: n labels; samples are exchanged within a stratum only. Default: one stratum.
        seed: of the random generator.

    Returns:
        Permutations of n samples, in O(count n log n).

    Raises:
        ValueError: ``count`` is less than 1, or no two groups have about as many samples in a stratum.

    Source: Winkler et al. (2015), NeuroImage 123, 253, on blocks of exchangeable observations.

    Example:
        >>> draw_blocks(["a", "a", "b", "b", "c"], 20).orders.tolist()
        [[2, 3, 0, 1, 4]]
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    group, stratum = _numbers(groups), _numbers(["" for _ in groups] if strata is None else strata)
    n, m = len(group), int(group.max()) + 1
    # The number of samples in its block: in its group and stratum.
    _, block, sizes = np.unique(stratum * m + group, return_inverse=True, return_counts=True)
    size = _size_class(sizes[block])
    if not _can_move(group, stratum, size):
        raise InputError(
            f"no two of the {m} groups have about as many samples in a stratum: nothing can be exchanged; use fewer "
            "strata or groups"
        )
    generator = np.random.default_rng([seed, n])
    identity = np.arange(n, dtype=np.int32)
    found: dict[bytes, np.ndarray] = {identity.tobytes(): identity}
    for _ in range(ATTEMPTS * count):
        # Both orders have the same size classes at the same places, so that blocks meet blocks.
        first, second = (np.lexsort((generator.permutation(m)[group], size, stratum)) for _ in range(2))
        order = np.empty(n, np.int32)
        order[first] = second
        found.setdefault(order.tobytes(), order)
        if len(found) > count:
            break
    return Permutations(np.stack(list(found.values())[1:]))


def _numbers(labels: Sequence[Any]) -> np.ndarray:
    return np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def _size_class(size: np.ndarray) -> np.ndarray:
    """Return numbers that are equal where sizes are equal, or larger than `EXACT_SIZE` and similar."""
    steps = np.log(np.maximum(size, EXACT_SIZE) / EXACT_SIZE) / np.log(SIZE_RATIO)
    return np.where(size <= EXACT_SIZE, size, EXACT_SIZE + np.rint(steps).astype(int))


def _can_move(group: np.ndarray, stratum: np.ndarray, size: np.ndarray) -> bool:
    """Return whether two blocks of one stratum have the same size."""
    blocks = np.unique(np.stack([stratum, size, group]), axis=1)[:2]
    return len(np.unique(blocks, axis=1).T) < blocks.shape[1]
