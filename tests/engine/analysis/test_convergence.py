from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hyle.engine.analysis import convergence

from .panels import comparison


def planted(m: int, slope: float, seed: int = 0) -> xr.Dataset:
    """Models whose distance to a common centre grows with their error by so much, and controls without errors."""
    rng = np.random.default_rng(seed)
    error = np.sort(rng.uniform(0.1, 1, m))
    quality = 1 - slope * error
    values = np.outer(quality, quality) + 0.02 * rng.normal(size=(m, m))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return comparison(values, energy_mae=error, family=[f"f{i // 2}" for i in range(m)], modality=["atoms"] * m)


def test_planted_convergence_is_found_and_none_is_not() -> None:
    found = convergence(planted(16, 0.7))
    assert found.reference == ("m0",)
    assert "m1" not in found.models  # of the same family
    assert found.correlation < -0.8
    assert found.low <= found.correlation <= found.high < 0
    assert found.p < 0.01
    assert convergence(planted(16, 0.7), other_families=False).n == 15
    ps = [convergence(planted(10, 0.0, seed)).p for seed in range(40)]
    assert sum(p <= 0.05 for p in ps) <= 6


def test_few_models_prove_nothing() -> None:
    found = convergence(planted(5, 0.7))
    assert found.n == 3
    assert np.isnan(found.correlation)


def test_the_reference_can_be_chosen_or_averaged() -> None:
    data = planted(12, 0.5)
    assert convergence(data, reference="m4").reference == ("m4",)
    assert len(convergence(data, top=3, other_families=False).reference) == 3
    with pytest.raises(ValueError, match="no model is called 'x'"):
        convergence(data, reference="x")
    with pytest.raises(ValueError, match="no pair metric 'cka'"):
        convergence(data, "cka")
    with pytest.raises(ValueError, match="has no 'nothing'"):
        convergence(data, error="nothing")
