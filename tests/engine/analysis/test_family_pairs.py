"""Quadratic assignment over families: against scikit-bio and least squares, on planted effects and on noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from hyle.engine.analysis.families import LEVEL
from hyle.engine.analysis.family_pairs import correlate_pairs, explained_by_chance, mean_over_pairs, regress_pairs

SIZES = (1, 1, 2, 1, 3, 1, 4, 2, 1)
FAMILIES = np.repeat(np.arange(9), SIZES)


def of_pairs(rng: np.random.Generator, *, tails: bool = False, families: np.ndarray = FAMILIES) -> np.ndarray:
    """Return symmetric values with effects of families, of pairs of families, and of models."""

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_t(3, shape) if tails else rng.normal(size=shape)

    k, m = families.max() + 1, len(families)
    own, both, rest = draw(k)[families], draw(k, k), draw(m, m)
    values = own[:, None] + own + (both + both.T)[np.ix_(families, families)] + (rest + rest.T) / 4
    return values + 3 * (families[:, None] == families)


def labels(rng: np.random.Generator) -> np.ndarray:
    kind = rng.permutation(9)[FAMILIES] < rng.integers(3, 6)
    return (kind[:, None] == kind).astype(float)


def test_single_models_agree_with_a_mantel_test(skbio: Any) -> None:
    rng = np.random.default_rng(0)
    first = np.abs(of_pairs(rng, families=np.arange(8)))
    second = np.abs(of_pairs(rng, families=np.arange(8))) + first
    for values in (first, second):
        np.fill_diagonal(values, 0)
    found = correlate_pairs(first, second)
    value, p, _ = skbio.stats.distance.mantel(first, second, method="spearman", permutations=4999, seed=0)
    assert found.value == pytest.approx(value)
    assert found.p == pytest.approx(p, abs=0.02)
    assert (found.models, found.families) == (8, 8)


def test_slopes_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    families = np.arange(9)
    outcome, fact, other = (of_pairs(rng, families=families) for _ in range(3))
    fact = fact + other
    pairs = np.triu_indices(9, 1)
    columns = np.stack([np.ones(36), fact[pairs], other[pairs]], 1)
    slope = np.linalg.lstsq(columns, outcome[pairs], rcond=None)[0][1]
    assert regress_pairs(outcome, fact, covariates=[other]).value == pytest.approx(slope)
    alone = regress_pairs(outcome, fact)
    share = np.corrcoef(outcome[pairs], fact[pairs])[0, 1] ** 2
    assert explained_by_chance(outcome, fact)[0] == pytest.approx(share)
    assert alone.low < alone.value < alone.high
    # The same test rejects what is outside the interval.
    assert regress_pairs(outcome - (alone.high + 1e-6) * fact, fact).p <= LEVEL
    assert regress_pairs(outcome - (alone.high - 1e-3) * fact, fact).p > LEVEL


def test_copies_and_pairs_within_families_change_nothing() -> None:
    rng = np.random.default_rng(2)
    single = [of_pairs(rng, families=np.arange(9)) for _ in range(2)]
    blocks = [one[np.ix_(FAMILIES, FAMILIES)] for one in single]
    blocks[0] = np.where(FAMILIES[:, None] == FAMILIES, rng.normal(size=blocks[0].shape), blocks[0])
    expected, found = correlate_pairs(*single), correlate_pairs(*blocks, FAMILIES)
    assert (found.p, found.families, found.models) == (expected.p, 9, 16)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize("tails", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_family_effects_alone_reject_at_the_level(tails: bool) -> None:
    sets, rejected = 250, np.zeros(4)
    for seed in range(sets):
        rng = np.random.default_rng([seed, tails])
        first, second, kind, other = of_pairs(rng, tails=tails), of_pairs(rng, tails=tails), labels(rng), labels(rng)
        mean = mean_over_pairs(first, FAMILIES)
        rejected += [
            correlate_pairs(first, second, FAMILIES, permutations=199).p <= LEVEL,
            regress_pairs(first, kind, FAMILIES, permutations=199).p <= LEVEL,
            # Another fact that has an effect, and that may go with this one, is regressed out.
            regress_pairs(first + 4 * other, kind, FAMILIES, covariates=[other], permutations=199).p <= LEVEL,
            mean.low > 0 or mean.high < 0,
        ]
    low, high = binom.ppf([0.0005, 0.9995], sets, LEVEL)
    assert (rejected >= low - 3).all(), rejected
    assert (rejected <= high).all(), rejected


def test_planted_effects_are_found() -> None:
    rng, found = np.random.default_rng(3), np.zeros(3)
    for _ in range(30):
        first, kind = of_pairs(rng), labels(rng)
        found += [
            correlate_pairs(first, first + of_pairs(rng), FAMILIES).p <= LEVEL,
            regress_pairs(first + 3 * kind, kind, FAMILIES).p <= LEVEL,
            mean_over_pairs(first + 4, FAMILIES).low > 0,
        ]
    assert (found >= 24).all(), found


def test_facts_that_covariates_explain_are_not_tested() -> None:
    rng = np.random.default_rng(4)
    first, kind = of_pairs(rng), labels(rng)
    for found in (
        regress_pairs(first, kind, FAMILIES, covariates=[1 - kind]),
        regress_pairs(first, np.ones_like(first), FAMILIES),
        correlate_pairs(np.ones_like(first), first, FAMILIES),
    ):
        assert np.isnan([found.value, found.p]).all()


def test_few_families_say_what_they_could_give() -> None:
    rng = np.random.default_rng(5)
    first, second = of_pairs(rng), of_pairs(rng)
    kept = FAMILIES < 5
    found = correlate_pairs(first[np.ix_(kept, kept)], second[np.ix_(kept, kept)], FAMILIES[kept])
    assert found.families == 5
    assert np.isnan([found.p, found.low, found.high]).all()
    assert 1 / 120 <= found.smallest_p <= 0.1
    # One family against eight: nine arrangements.
    alone = np.where(FAMILIES == 0, 1, 0)
    test = regress_pairs(first, (alone[:, None] == alone).astype(float), FAMILIES)
    assert test.smallest_p == pytest.approx(1 / 9, abs=0.02)
