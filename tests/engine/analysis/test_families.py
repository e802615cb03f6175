"""The family as the unit: means, permutations, jackknife."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from hyle.engine.analysis.families import (
    FamilyTest,
    complete_families,
    conclude,
    families_of,
    family_codes,
    family_means,
    family_pair_means,
    mean_over_families,
    permutation_p,
    permuted_families,
)

from .panels import comparison


def test_a_model_without_a_family_is_its_own() -> None:
    assert family_codes(["x", "", "x", "", "y"]).tolist() == [0, 1, 0, 2, 3]
    assert family_codes(None, 3).tolist() == [0, 1, 2]
    assert families_of(comparison(np.eye(3))).tolist() == [0, 1, 2]
    assert families_of(comparison(np.eye(3), family=["b", "b", ""])).tolist() == [0, 0, 1]


def test_means_of_families_by_hand() -> None:
    codes = np.array([0, 1, 0, 1, 2])
    assert family_means([1, 2, 3, np.nan, np.nan], codes) == pytest.approx([2, 2, np.nan], nan_ok=True)
    assert family_means([[1, 2, 3, 4, 5], [0, 0, 1, 0, 0]], codes) == pytest.approx(np.array([[2, 3, 5], [0.5, 0, 0]]))
    values = np.arange(25.0).reshape(5, 5)
    means = family_pair_means((values + values.T) / 2, codes)
    # Families 0 and 1 are joined by the pairs (0, 1), (0, 3), (2, 1) and (2, 3): 3, 9, 9 and 15.
    assert means[0, 1] == pytest.approx(9)
    assert means[0, 2] == pytest.approx((12 + 18) / 2)
    assert np.isnan(np.diag(means)).all()


def test_families_with_missing_pairs_are_excluded() -> None:
    matrix = np.ones((4, 4))
    matrix[1, 3] = matrix[3, 1] = matrix[1, 2] = matrix[2, 1] = np.nan
    assert complete_families([matrix]).tolist() == [0, 2, 3]
    assert complete_families([np.ones((4, 4)), matrix]).tolist() == [0, 2, 3]


def test_permutations_start_with_the_order_itself() -> None:
    orders = permuted_families(5)
    assert orders.shape == (120, 5)
    assert len(set(map(tuple, orders.tolist()))) == 120
    drawn = permuted_families(9, 99, seed=3)
    assert drawn.shape == (100, 9)
    for some in (orders, drawn):
        assert some[0].tolist() == list(range(some.shape[1]))
        assert (np.sort(some, 1) == np.arange(some.shape[1])).all()


def test_the_smallest_p_counts_the_orders_that_reach_the_extreme() -> None:
    assert permutation_p(np.array([3.0, 1, 3, 2, 4, 0, 0, 0])) == (3 / 8, 1 / 8)
    # One family against four others: 24 of 120 orders give each of the five arrangements.
    label = np.array([1.0, 0, 0, 0, 0])
    statistics = np.abs(label[permuted_families(5)] @ np.array([5.0, 1, 2, 2.5, 3]) - 2.7)
    assert permutation_p(statistics) == (24 / 120, 24 / 120)
    p, smallest = permutation_p(np.full(10, 0.5))
    assert math.isnan(p)
    assert smallest == 1


def test_fewer_than_six_families_have_no_p() -> None:
    said = conclude(FamilyTest(0.9, 0.5, 1.0, 0.01, 0.008, 20, 5))
    assert (said.value, said.smallest_p, said.models, said.families) == (0.9, 0.008, 20, 5)
    assert np.isnan([said.low, said.high, said.p]).all()
    assert conclude(FamilyTest(0.9, 0.5, 1.0, 0.01, 0.003, 20, 6)).p == 0.01
    assert math.isnan(conclude(FamilyTest(0.9, 0.5, 1.0, 0.1, 0.1, 20, 10)).p)


def test_the_interval_of_a_mean_is_the_t_interval_of_the_family_means() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(7), [1, 1, 2, 3, 1, 4, 2])
    values = rng.normal(size=14)
    means = [values[codes == family].mean() for family in range(7)]
    interval = ttest_1samp(means, 0).confidence_interval()
    assert mean_over_families(values, codes) == pytest.approx((np.mean(means), interval.low, interval.high))
    assert np.isnan(mean_over_families(values[:5], codes[:5])[1])
