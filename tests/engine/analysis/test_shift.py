from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import degree_of_shift


def test_the_degree_of_shift_grows_with_the_shift() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=(300, 6)), rng.normal(size=(150, 6))
    found = [degree_of_shift(inside, outside + far) for far in (0.0, 0.7, 2.0, 10.0)]
    aucs, ratios = [one.auc for one in found], [one.ratio for one in found]
    assert aucs[0] == pytest.approx(0.5, abs=0.06)
    assert ratios[0] == pytest.approx(1, abs=0.1)
    assert aucs == sorted(aucs)
    assert ratios == sorted(ratios)
    assert aucs[-1] == 1
    turned = degree_of_shift(5 * inside[:, ::-1], 5 * (outside + 0.7)[:, ::-1])
    assert turned.ratio == pytest.approx(ratios[1], rel=1e-4)
    assert turned.distance.shape == (150,)


def test_the_k_th_distance_by_hand() -> None:
    inside, outside = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[2.0], [-1.0]])
    found = degree_of_shift(inside, outside, k=2)
    # Second nearest of each reference sample among the others: 3, 2, 3, 6.
    np.testing.assert_allclose(found.distance, np.array([1, 2]) / 3, rtol=1e-6)
    assert found.ratio == pytest.approx(0.5)
    assert found.auc == pytest.approx((0 + 0.5) / 8)


def test_what_has_no_shift_is_named() -> None:
    x = np.zeros((10, 2))
    with pytest.raises(ValueError, match="reference has 2 columns and shifted has 3"):
        degree_of_shift(x, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="not a distance"):
        degree_of_shift(x, x, neighbour_metric="inner_product")
