from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import association, blind_spots


def test_planted_shared_errors_are_found() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2, 400))
    errors = np.stack([1.5 * shared[i // 3] + rng.normal(size=400) for i in range(6)])
    errors[:, 5] = np.nan
    found = blind_spots(errors)
    together = np.equal.outer(np.arange(6) // 3, np.arange(6) // 3) & ~np.eye(6, dtype=bool)
    assert found.n == 399
    assert found.correlation[together].min() > 0.3 > np.abs(found.correlation[~together & ~np.eye(6, dtype=bool)]).max()
    assert found.kappa[together].min() > 0.1
    assert np.abs(found.kappa[~together & ~np.eye(6, dtype=bool)]).max() < 0.15
    assert (found.by_difficulty[:, together] > 0.2).all()
    seen = association(np.where(together, 0.8, 0.2) + 0.01 * rng.normal(size=(6, 6)), found.correlation)
    assert seen.correlation > 0.5
    assert seen.p < 0.15  # six models have few orders
    assert seen.low < seen.correlation < seen.high
    assert (seen.models, seen.families) == (6, 6)
    two = association(found.correlation, found.correlation, families=["a", "a", "b", "b", "c", "c"])
    assert (two.families, two.correlation) == (3, pytest.approx(1))
    assert np.isnan(two.p)


def test_kappa_by_hand() -> None:
    # Wrong on 2 of 8 and 4 of 8, both on 2: c = 6 / 8, e = 6 / 8 4 / 8 + 2 / 8 4 / 8 = 1 / 2.
    errors = np.array([[9, 9, 1, 1, 1, 1, 1, 1], [-9, 9, 9, 9, 1, 1, 1, 1]], float)
    found = blind_spots(errors, threshold=5)
    assert found.kappa[0, 1] == pytest.approx(0.5)
    assert found.kappa[0, 0] == 1
    assert np.isnan(found.by_difficulty).all()


def test_independent_similarities_are_seldom_associated() -> None:
    ps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        points, others = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
        near = [-np.linalg.norm(v[:, None] - v[None, :], axis=2) for v in (points, others)]
        ps.append(association(*near, permutations=99, seed=seed).p)
    assert np.mean(np.array(ps) <= 0.05) <= 0.14


def test_what_has_no_shared_errors_is_named() -> None:
    with pytest.raises(ValueError, match="at least two models"):
        blind_spots(np.zeros((1, 20)))
    with pytest.raises(ValueError, match="7 samples have an error"):
        blind_spots(np.zeros((2, 7)))
    with pytest.raises(ValueError, match="at least four models"):
        association(np.eye(3), np.eye(3))
