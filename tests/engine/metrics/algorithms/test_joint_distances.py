"""Neighbours in the joint space of two representations, held against that space itself."""

import numpy as np
import pytest

from hyle.engine.gram.prepared import prepare
from hyle.engine.metrics.algorithms.joint_distances import joint_distances

from ...samples import N, single, views


def nearest(space, k):
    far = np.linalg.norm(space[:, None] - space[None], axis=2)
    return np.sort(far + np.where(np.eye(len(space)), np.inf, 0), 1)[:, :k]


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("permuted", [False, True])
def test_distances_are_those_of_both_side_by_side(scale, permuted):
    x, y = views(0)
    order = np.random.default_rng(0).permutation(N) if permuted else None
    orders = [np.random.default_rng(1).permutation(N), order]
    _, found = joint_distances([prepare(single(x)), prepare(single(scale * y))], [(0, 1), (0, 0)], orders, k=3)
    for (a, b), got in zip(((x, scale * y), (x, x)), found, strict=True):
        want = nearest(np.concatenate([a, b if order is None else b[order]], 1), 3)
        if scale > 1 and b is not x:
            np.testing.assert_allclose(got, want, rtol=1e-4)
        else:
            np.testing.assert_allclose(got, want, rtol=1e-5)


def test_what_rounding_cannot_tell_is_left_to_others():
    tight = np.repeat(views(0)[0][: N // 16], 16, axis=0)  # so many at the same place that candidates do not suffice
    x = single(tight + 1e-7 * np.random.default_rng(0).normal(size=tight.shape))
    assert joint_distances([prepare(x)], [(0, 0)]) == [[None]]
