from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from hyle.engine.analysis import scale_trend


def test_a_planted_power_law() -> None:
    rng = np.random.default_rng(0)
    size = np.geomspace(1e5, 1e9, 9)
    error = 3 * size**-0.2 * np.exp(0.05 * rng.normal(size=9))
    found = scale_trend([*size, np.nan], [*error, 1.0], logarithmic=True)
    assert found.low < -0.2 < found.high
    assert found.p == found.smallest_p <= 2 / 2000  # the reverse order may be among the drawn ones
    assert (found.n, found.families) == (9, 9)
    flat = scale_trend(size, rng.normal(size=9))
    assert flat.low < 0 < flat.high


def test_families_are_the_unit() -> None:
    rng = np.random.default_rng(1)
    families = np.repeat(np.arange(8), [1, 1, 1, 1, 2, 3, 5, 8])
    size = 10 ** (5 + families + rng.uniform(-0.2, 0.2, 22))
    value = np.log10(size) + 0.3 * rng.normal(size=8)[families]
    found = scale_trend(size, value, families=families.astype(str))
    means = [np.mean(v[families == code]) for v in (np.log10(size), value) for code in range(8)]
    line = linregress(means[:8], means[8:])
    assert (found.slope, found.level) == pytest.approx((line.slope, line.intercept))
    assert found.low < 1 < found.high
    assert (found.n, found.families) == (22, 8)
    own = scale_trend(size[-8:], value[-8:], families=["f"] * 8)
    assert (own.n, own.families, own.smallest_p) == (8, 1, 1)
    assert own.slope == pytest.approx(linregress(np.log10(size[-8:]), value[-8:]).slope)
    assert np.isnan([own.p, own.low, own.high]).all()


def test_families_of_one_mean_size_have_no_slope() -> None:
    # Sizes of 10, 100 and 1,000 in every family: all means of the logarithm are 2, and the lines within families, here
    # of slope 1, say nothing about the sizes of families.
    families, size = np.repeat(["a", "b", "c"], 3), np.tile([10.0, 100.0, 1000.0], 3)
    value = np.log10(size) + np.repeat([0.0, 5.0, -3.0], 3)
    found = scale_trend(size, value, families=families)
    assert (found.n, found.families, found.smallest_p) == (9, 3, 1)
    assert np.isnan([found.slope, found.level, found.low, found.high, found.p]).all()
    two = scale_trend(size[:6], value[:6], families=families[:6])
    assert (two.families, two.slope, two.level) == (2, pytest.approx(1), pytest.approx(2.5))


def test_three_models_have_no_interval() -> None:
    assert np.isnan(scale_trend([1, 10, 100], [1, 2, 4]).low)
    for size, value, wrong in (
        ([1, 2], [1, 2], "2 models of 2 sizes"),
        ([5, 5, 5], [1, 2, 3], "3 models of 1 sizes"),
        ([0, 1, 2], [1, 2, 3], "above 0"),
    ):
        with pytest.raises(ValueError, match=wrong):
            scale_trend(size, value)
