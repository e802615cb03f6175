"""The narrow band of dimensions as a number."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hyle.engine.analysis import dimension_band


def panel(models: np.ndarray, controls: np.ndarray) -> xr.Dataset:
    values = np.concatenate([models, controls])
    kinds = ["atoms"] * len(models) + ["control"] * len(controls)
    return xr.Dataset({"intrinsic_dimension": ("model", values), "modality": ("model", kinds)})


def test_a_planted_band_is_narrow_beside_its_controls() -> None:
    rng = np.random.default_rng(0)
    found = dimension_band(panel(6 * np.exp(0.1 * rng.normal(size=20)), np.array([2.5, 8.0, 50.0, 20.0])))
    assert (found.models, found.controls) == (20, 4)
    assert found.low < 0.1 < found.high
    assert found.middle == pytest.approx(6, rel=0.1)
    assert found.ratio_high < 1
    assert found.p < 0.01


def test_of_equal_spreads_no_more_than_the_level_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    told = covered = 0
    for _ in range(300):
        found = dimension_band(panel(np.exp(rng.normal(2, 0.5, 8)), np.exp(rng.normal(3, 0.5, 4))))
        told += found.p <= 0.05
        covered += found.low <= 0.5 <= found.high
        assert (found.p <= 0.05) == (not found.ratio_low <= 1 <= found.ratio_high)
    assert 3 <= told <= 30
    assert 270 <= covered <= 297


def test_what_there_are_too_few_for_is_not_given() -> None:
    found = dimension_band(panel(np.array([4.0, 5.0]), np.array([9.0])))
    assert np.isnan([found.low, found.ratio, found.p, found.noise]).all()
    with pytest.raises(ValueError, match="1 models have"):
        dimension_band(panel(np.array([4.0, np.nan]), np.array([9.0])))
    with pytest.raises(ValueError, match="no 'nothing'"):
        dimension_band(panel(np.array([4.0, 5.0]), np.array([9.0])), "nothing")


def test_the_error_of_the_estimates_is_told() -> None:
    data = panel(np.array([4.0, 5.0, 6.0]), np.array([9.0]))
    data["intrinsic_dimension_se"] = ("model", 0.2 * data["intrinsic_dimension"].values)
    assert dimension_band(data).noise == pytest.approx(0.2)
