from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

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
    assert (found.n, found.families) == (14, 7)
    assert found.smallest_p == pytest.approx(2 / 5040)
    ps = [convergence(planted(14, 0.0, seed)).p for seed in range(200)]
    assert binom.ppf(0.0005, 200, 0.033) <= sum(p <= 0.05 for p in ps) <= binom.ppf(0.9995, 200, 0.05)


def test_a_correlation_with_the_family_of_the_best_is_a_description() -> None:
    every = convergence(planted(16, 0.7), other_families=False)
    assert (every.n, every.families) == (15, 8)
    assert every.correlation < -0.8
    assert np.isnan([every.low, every.high, every.p]).all()
    # Without families nothing is similar by construction.
    alone = planted(16, 0.7).drop_vars("family")
    assert convergence(alone, other_families=False).p == convergence(alone).p < 0.01


def test_family_effects_alone_are_not_taken_for_convergence() -> None:
    """Models of one family share error and alignment, without any relation of the two."""
    sets, told = 200, 0
    families = np.repeat(np.arange(8), [1, 1, 1, 1, 2, 3, 5, 8])
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        error, own, both = rng.normal(size=8), rng.normal(size=8), rng.normal(size=(8, 8))
        values = 0.05 * (own[:, None] + own + both + both.T)[np.ix_(families, families)] + 0.3
        values += 0.01 * rng.normal(size=values.shape)
        values = (values + values.T) / 2 + 0.4 * (families[:, None] == families)
        data = comparison(values, energy_mae=error[families] + 0.2 * rng.normal(size=22), family=families.astype(str))
        told += convergence(data).p <= 0.05
    assert binom.ppf(0.0005, sets, 0.033) <= told <= binom.ppf(0.9995, sets, 0.055)


def test_few_families_prove_nothing() -> None:
    found = convergence(planted(5, 0.7))
    assert (found.n, found.families) == (3, 2)
    assert np.isnan(found.correlation)
    found = convergence(planted(12, 0.7))
    assert (found.n, found.families) == (10, 5)
    assert found.correlation < -0.8
    assert np.isnan([found.low, found.high, found.p]).all()
    assert found.smallest_p == pytest.approx(2 / 120)


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
