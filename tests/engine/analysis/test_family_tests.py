"""Tests of values of models over families: against SciPy, on planted effects and on family effects alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import binom, kruskal, linregress, pearsonr, permutation_test, spearmanr

from hyle.engine.analysis.families import LEVEL
from hyle.engine.analysis.family_tests import compare_groups, correlate_models, fit_slope, tied_ranks

SIZES = (1, 1, 1, 1, 2, 3, 5, 8)
FAMILIES = np.repeat(np.arange(8), SIZES)


def of_models(rng: np.random.Generator, *, tails: bool = False) -> np.ndarray:
    """Return values with a strong effect of the family, normal or t(3)."""

    def draw(n: int) -> np.ndarray:
        return rng.standard_t(3, n) if tails else rng.normal(size=n)

    return 2 * draw(8)[FAMILIES] + draw(len(FAMILIES))


def test_single_models_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7))
    y = y + x
    found = correlate_models(x, y)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    exact = permutation_test((x,), lambda v: spearmanr(v, y).statistic, permutation_type="pairings", n_resamples=np.inf)
    assert found.p == pytest.approx(exact.pvalue)
    assert found.smallest_p == pytest.approx(2 / 5040)
    slope = fit_slope(x, y)
    assert slope.value == pytest.approx(linregress(x, y).slope)
    exact = permutation_test((x,), lambda v: pearsonr(v, y).statistic, permutation_type="pairings", n_resamples=np.inf)
    # SciPy doubles the smaller tail; here the absolute value counts.
    assert slope.p == pytest.approx((np.abs(exact.null_distribution) >= abs(exact.statistic) - 1e-12).mean())


def test_the_interval_of_a_correlation_is_that_of_its_source() -> None:
    # Bonett & Wright (2000), equation 3: tanh(atanh(r) +- 1.96 sqrt((1 + r^2 / 2) / (n - 3))), here for r = 0.95 of 9:
    # atanh(r) = 1.8318 and the half width is 0.9639.
    x = np.arange(9.0)
    y = np.array([1, 0, 3, 2, 4, 5, 7, 6, 8.0])
    found = correlate_models(x, y)
    assert found.value == pytest.approx(1 - 6 * 6 / (9 * 80))
    assert (found.low, found.high) == pytest.approx((0.7003, 0.9926), abs=1e-4)
    assert 0.7 < correlate_models(x, x).low < 0.95  # the order of nine is no proof of a correlation of 1


def test_the_interval_of_a_slope_holds_what_the_test_does_not_reject() -> None:
    rng = np.random.default_rng(1)
    x, y = of_models(rng), of_models(rng)
    found = fit_slope(x, y, FAMILIES)
    assert found.low < found.value < found.high
    for slope, rejected in (
        (found.low - 1e-6, True),
        (found.low + 1e-3, False),
        (found.high - 1e-3, False),
        (found.high + 1e-6, True),
    ):
        assert (fit_slope(x, y - slope * x, FAMILIES).p <= LEVEL) == rejected


def test_groups_agree_with_kruskal_wallis() -> None:
    rng = np.random.default_rng(2)
    values, labels = rng.normal(size=12), np.repeat(["a", "b", "c"], 4)
    h = kruskal(*(values[labels == one] for one in "abc")).statistic
    assert compare_groups(values, labels).value == pytest.approx(h / 11)
    # The family of mixed labels is excluded.
    assert compare_groups(values, labels, [*"stuvvwxyzqrp"]).families == 10


def test_rounding_of_means_is_a_tie() -> None:
    assert tied_ranks(np.array([0.1 + 0.2, 0.3, 0.5])).tolist() == [1.5, 1.5, 3]
    assert tied_ranks(np.zeros(3)).tolist() == [2, 2, 2]


def test_copies_of_models_change_nothing() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 8))
    for test in (correlate_models, fit_slope):
        single, copied = test(x, y), test(x[FAMILIES], y[FAMILIES], FAMILIES)
        assert copied.p == single.p
        assert copied.value == pytest.approx(single.value)
        assert (copied.models, copied.families) == (22, 8)


@pytest.mark.parametrize("tails", [False, True])
def test_family_effects_alone_reject_at_the_level(tails: bool) -> None:
    sets, rejected = 300, np.zeros(4)
    for seed in range(sets):
        rng = np.random.default_rng([seed, tails])
        x, y = of_models(rng, tails=tails), of_models(rng, tails=tails)
        labels = np.where(rng.permutation(8)[FAMILIES] < 4, "a", "b")
        found = correlate_models(x, y, FAMILIES, permutations=299)
        slope = fit_slope(x, y, FAMILIES, permutations=299)
        rejected += [
            found.p <= LEVEL,
            found.low > 0 or found.high < 0,
            slope.low > 0 or slope.high < 0,
            compare_groups(x, labels, FAMILIES, permutations=299).p <= LEVEL,
        ]
    low, high = binom.ppf([0.0005, 0.9995], sets, LEVEL)
    assert (rejected >= low - 4).all(), rejected  # ranks of eight families do not reach 5 % exactly
    assert (rejected <= high).all(), rejected


def test_planted_effects_are_found() -> None:
    rng, found = np.random.default_rng(4), np.zeros(2)
    for _ in range(40):
        x = of_models(rng)
        y = 2 * x + of_models(rng)
        tests = correlate_models(x, y, FAMILIES), fit_slope(x, y, FAMILIES)
        found += [test.p <= LEVEL for test in tests]
        assert tests[0].low <= tests[0].value <= tests[0].high
    assert (found > 30).all(), found


def test_too_little_is_inconclusive() -> None:
    for families in (None, [0, 0, 1, 1, 2]):
        found = correlate_models([1, 2, 3, 4, 5.0], [1, 2, 3, 4, 5.0], families)
        assert found.value == pytest.approx(1)
        assert np.isnan([found.p, found.low, found.high]).all()
    assert found.smallest_p == pytest.approx(2 / 6)
    assert np.isnan(correlate_models([1, 2, 3], [1, 2, 3], [0, 0, 1]).value)
    constant = fit_slope(np.ones(8), np.arange(8.0))
    assert np.isnan([constant.value, constant.p]).all()
    assert np.isnan(correlate_models(np.arange(8.0), np.ones(8)).p)


def test_rounding_of_means_has_no_slope() -> None:
    # The mean of three times 0.1 is 0.10000000000000002: nothing varies, and nothing can be tested.
    families = np.repeat(np.arange(6), [1, 3, 1, 1, 1, 3])
    size = np.array([1.0, 4.0, 2.0, 6.0, 3.0, 5.0])[families]
    flat = fit_slope(size, np.full(10, 0.1), families)
    assert (flat.value, flat.smallest_p, flat.models, flat.families) == (0, 1, 10, 6)
    assert np.isnan([flat.p, flat.low, flat.high]).all()
    steep = fit_slope(np.full(10, 0.1), size, families)
    assert steep.smallest_p == 1
    assert np.isnan([steep.value, steep.p, steep.low, steep.high]).all()
    # A difference that is small beside the values, but no rounding, is tested: slope 1e-6 by construction.
    small = fit_slope(size, 0.1 + 1e-6 * size, families)
    assert small.value == pytest.approx(1e-6)
    assert small.p == pytest.approx(2 / 720)  # the order and its reverse, of 6!


def test_a_correlation_with_what_does_not_vary_is_not_defined() -> None:
    """Equal errors, or errors that are all missing, correlate with nothing: neither 0 nor a warning."""
    values = np.random.default_rng(0).normal(size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for errors in (np.full(8, 0.3), np.full(8, np.nan)):
            test = correlate_models(values, errors)
            assert np.isnan([test.value, test.low, test.high, test.p]).all()
            assert test.smallest_p == 1
