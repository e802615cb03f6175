"""Random permutations of whole groups of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from .draw import Permutations


def draw_whole_groups(groups: Sequence[Any], count: int, *, seed: int = 0) -> Permutations:
    """Draw permutations that exchange whole groups of samples, uniformly and independently.

    The members of a group move together and keep their order, so what samples of one group have in common stays as it
    is: states of one material are near each other in any representation, and that alone is no alignment. Only groups of
    equal size change places; a group whose size no other group has stays where it is. Under the null hypothesis the
    groups of one size are exchangeable. The identity is drawn as often as any other permutation: without it, few groups
    would give p-values that are too small (Phipson & Smyth 2010, SAGMB 9, 39).

    Args:
        groups: n labels.
        count: number of permutations, at least 1.
        seed: of the random generator.

    Returns:
        Permutations of n samples, in O(count n).

    Raises:
        ValueError: ``count`` is less than 1, or no two groups have the same size.

    Source: Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd ed., on exchangeable blocks;
        Winkler et al. (2015), NeuroImage 123, 253, on whole-block exchangeability.

    Example:
        >>> np.unique(draw_whole_groups(["a", "a", "b", "b", "c"], 20).orders, axis=0).tolist()
        [[0, 1, 2, 3, 4], [2, 3, 0, 1, 4]]
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    _, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n = len(labels)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    sizes = np.array([len(rows) for rows in members])
    classes = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    blocks = [np.stack([members[i] for i in each]) for each in classes if len(each) > 1]
    if not blocks:
        raise InputError(
            f"the {len(members)} groups of the {n} samples all differ in size: only groups of one size can be exchanged"
        )
    generator = np.random.default_rng([seed, n])
    orders = np.tile(np.arange(n, dtype=np.int32), (count, 1))
    for order in orders:
        for block in blocks:
            order[block] = generator.permutation(block)
    return Permutations(orders)
