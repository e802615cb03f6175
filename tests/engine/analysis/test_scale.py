from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.analysis import scale_trend


def test_a_planted_power_law() -> None:
    rng = np.random.default_rng(0)
    size = np.geomspace(1e5, 1e9, 9)
    error = 3 * size**-0.2 * np.exp(0.05 * rng.normal(size=9))
    found = scale_trend([*size, np.nan], [*error, 1.0], logarithmic=True)
    assert found.low < -0.2 < found.high
    assert found.p < 1e-4
    assert found.n == 9
    flat = scale_trend(size, rng.normal(size=9))
    assert flat.low < 0 < flat.high


def test_three_models_have_no_interval() -> None:
    assert np.isnan(scale_trend([1, 10, 100], [1, 2, 4]).low)
    for size, value, wrong in (
        ([1, 2], [1, 2], "2 models of 2 sizes"),
        ([5, 5, 5], [1, 2, 3], "3 models of 1 sizes"),
        ([0, 1, 2], [1, 2, 3], "above 0"),
    ):
        with pytest.raises(ValueError, match=wrong):
            scale_trend(size, value)
