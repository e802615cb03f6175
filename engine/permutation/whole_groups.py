"""Random permutations of whole groups of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from .draw import Permutations, distinct_orders


def draw_whole_groups(groups: Sequence[Any], count: int, *, seed: int = 0) -> Permutations:
    """Draw distinct permutations that exchange whole groups of samples, none of which is the identity.

    The members of a group move together and keep their order, so what samples of one group have in common stays as it
    is: states of one material are near each other in any representation, and that alone is no alignment. Only groups of
    equal size change places; a group whose size no other group has stays where it is. Under the null hypothesis the
    groups of one size are exchangeable. Permutations are drawn without replacement, so that (1 + permutations at least
    as aligned) / (1 + K) is exact for few groups too (Phipson & Smyth 2010, SAGMB 9, 39), and K says which p-values are
    possible.

    Args:
        groups: n labels.
        count: number of permutations, at least 1. Fewer are returned if fewer exist: one less than the product, over
            the sizes, of the factorials of the number of groups of each size.
        seed: of the random generator.

    Returns:
        Permutations of n samples, in O(count n).

    Raises:
        ValueError: ``count`` is less than 1, or no two groups have the same size.

    Source: Good (2005), Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd ed., on exchangeable blocks;
        Winkler et al. (2015), NeuroImage 123, 253, on whole-block exchangeability.

    Example:
        >>> draw_whole_groups(["a", "a", "b", "b", "c"], 20).orders.tolist()
        [[2, 3, 0, 1, 4]]
    """
    if count < 1:
        raise InputError(f"permutations={count}: at least 1 is required; 200 is usual")
    _, labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n = len(labels)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1])
    sizes = np.array([len(rows) for rows in members])
    classes = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    movable = [each for each in classes if len(each) > 1]
    if not movable:
        raise InputError(
            f"the {len(members)} groups of the {n} samples all differ in size: only groups of one size can be exchanged"
        )
    images = distinct_orders(len(members), count, movable, np.random.default_rng([seed, n]))
    orders = np.empty((len(images), n), np.int32)
    for order, image in zip(orders, images, strict=True):
        for rows, source in zip(members, image, strict=True):
            order[rows] = members[source]
    return Permutations(orders)
