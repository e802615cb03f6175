"""The narrow band of dimensions as a number."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from hyle.engine.analysis import dimension_band


def panel(models: np.ndarray, controls: np.ndarray, families: np.ndarray | None = None) -> xr.Dataset:
    values = np.concatenate([models, controls])
    kinds = ["atoms"] * len(models) + ["control"] * len(controls)
    names = [f"m{i}" for i in range(len(models))] + [f"c{i}" for i in range(len(controls))]
    data = xr.Dataset({"intrinsic_dimension": ("model", values), "modality": ("model", kinds)}, {"model": names})
    if families is not None:
        data["family"] = ("model", [*families.astype(str), *["control"] * len(controls)])
    return data


def test_a_planted_band_and_its_closest_control() -> None:
    rng = np.random.default_rng(0)
    found = dimension_band(panel(6 * np.exp(0.1 * rng.normal(size=20)), np.array([2.5, 8.0, 50.0, 20.0])))
    assert (found.models, found.families, found.controls) == (20, 20, 4)
    assert found.low < 0.1 * (2 / np.pi) ** 0.5 < found.high
    assert found.middle_low < 6 < found.middle_high
    assert (found.control, found.control_value) == ("c1", 8.0)
    assert found.over_control == pytest.approx(found.middle / 8)
    assert np.isnan([found.over_control_low, found.over_control_high]).all()


# Means of normal order statistics, the upper half of k: Teichroew (1956), Ann. Math. Stat. 27, 410.
UPPER = {
    2: (0.56419,),
    3: (0.84628,),
    4: (1.02938, 0.29701),
    5: (1.16296, 0.49502),
    6: (1.26721, 0.64176, 0.20155),
    10: (1.53875, 1.00136, 0.65606, 0.37576, 0.12267),
}


@pytest.mark.parametrize("k", UPPER)
def test_the_spread_of_few_normal_families_has_no_bias(k: int) -> None:
    # The values from -1 to 1 at equal steps have a known mean difference from their median, 0. The lower half of normal
    # values mirrors the upper one, so that 2 sum(UPPER) / k is the mean difference of k, and sqrt(2 / pi) that of all.
    logs = np.linspace(-1, 1, k)
    expected = np.abs(logs).mean() * (2 / np.pi) ** 0.5 / (2 * sum(UPPER[k]) / k)
    assert dimension_band(panel(np.exp(logs), np.array([]))).spread == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("tails", [False, True])
def test_intervals_over_families_cover_the_truth(tails: bool) -> None:
    sets, missed = 300, np.zeros(2)
    families = np.repeat(np.arange(9), [1, 1, 1, 1, 1, 2, 2, 3, 6])
    truth = 2 * 3**0.5 / np.pi if tails else (2 / np.pi) ** 0.5  # mean absolute deviation of t(3) and of a normal
    for seed in range(sets):
        rng = np.random.default_rng([seed, tails])
        own = rng.standard_t(3, 9) if tails else rng.normal(size=9)
        logs = 2 + own[families] + 0.1 * rng.normal(size=18)
        found = dimension_band(panel(np.exp(logs), np.array([9.0]), families))
        assert found.families == 9
        missed += [
            not found.middle_low <= np.exp(2) <= found.middle_high,
            not found.low <= truth <= found.high,
        ]
    assert (missed <= binom.ppf(0.9995, sets, 0.06)).all(), missed
    assert (missed >= binom.ppf(0.0005, sets, 0.03)).all(), missed


def test_the_interval_against_a_control_is_over_samples() -> None:
    data = panel(np.array([4.0, 4.0, 16.0, 16.0]), np.array([10.0]), np.array([0, 0, 1, 1]))
    data["intrinsic_dimension_se"] = ("model", 0.1 * data["intrinsic_dimension"].values)
    found = dimension_band(data)
    # The middle is 8 with a relative error of 0.1, if those of all models are of the same sign; the control has 0.1.
    half_width = 1.96 * (0.1**2 + 0.1**2) ** 0.5
    assert found.over_control == pytest.approx(0.8)
    assert found.over_control_low == pytest.approx(0.8 * np.exp(-half_width), rel=1e-5)
    assert found.over_control_high == pytest.approx(0.8 * np.exp(half_width), rel=1e-5)
    # Errors of five jackknife groups have 4 degrees of freedom each and 8 together, for which tables have t = 2.306.
    data["intrinsic_dimension_se"].attrs["jackknife_groups"] = 5
    few = dimension_band(data)
    assert few.over_control_low == pytest.approx(0.8 * np.exp(-2.306 * 0.02**0.5), rel=1e-4)
    assert few.over_control_high == pytest.approx(0.8 * np.exp(2.306 * 0.02**0.5), rel=1e-4)
    assert found.noise == pytest.approx(0.1 * (2 / np.pi) ** 0.5)


def test_what_there_are_too_few_for_is_not_given() -> None:
    found = dimension_band(panel(np.array([4.0, 5.0]), np.array([])))
    assert found.control == ""
    assert np.isnan([found.low, found.middle_low, found.over_control, found.noise]).all()
    one = dimension_band(panel(np.array([4.0, 5.0]), np.array([9.0]), np.array([0, 0])))
    assert np.isnan(one.spread)
    five = dimension_band(panel(np.array([4.0, 5.0, 4.5, 6, 5]), np.array([9.0])))
    assert np.isnan([five.low, five.middle_low]).all()
    equal = dimension_band(panel(np.full(8, 4.0), np.array([9.0])))
    assert (equal.spread, equal.middle) == (0, pytest.approx(4))
    with pytest.raises(ValueError, match="1 models have"):
        dimension_band(panel(np.array([4.0, np.nan]), np.array([9.0])))
    with pytest.raises(ValueError, match="no 'nothing'"):
        dimension_band(panel(np.array([4.0, 5.0]), np.array([9.0])), "nothing")
