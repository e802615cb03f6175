from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from hyle.engine.metrics.algorithms import ordered_pairs, tau_a
from hyle.engine.metrics.algorithms.kendall import LAST, inversions

from ... import definitions


def layout(pairs: np.ndarray, n: int) -> np.ndarray:
    """Arrange n (n - 1) / 2 distances as `squared_distances` does."""
    return np.append(pairs, np.full(n * (n // 2) - len(pairs), np.inf, pairs.dtype)).reshape(n // 2, n)


def test_inversions_of_all_orders_of_five() -> None:
    for order in itertools.permutations(range(5)):
        expected = sum(first > second for first, second in itertools.combinations(order, 2))
        assert inversions(np.array(order, np.int32)) == expected


@pytest.mark.parametrize("count", [1, 2, LAST - 1, LAST, LAST + 1, 5 * LAST + 3, 3000])
def test_inversions_of_any_number(count: int) -> None:
    order = np.random.default_rng(count).permutation(count).astype(np.int32)
    expected = int(np.triu(order[:, None] > order).sum())
    assert inversions(order) == expected
    assert inversions(np.arange(count, dtype=np.int32)) == 0
    assert inversions(np.arange(count, dtype=np.int32)[::-1]) == count * (count - 1) // 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("levels", [2, 7, 10**6])  # many ties, some, and none
def test_tau_a_is_that_of_all_signs(n: int, levels: int, dtype: type) -> None:
    rng = np.random.default_rng(n + levels)
    x, y = rng.integers(0, levels, (2, n * (n - 1) // 2))
    y = np.where(rng.random(len(x)) < 0.5, x, y)
    found = tau_a(*(ordered_pairs(layout(v.astype(dtype), n)) for v in (x, y)))
    assert found == pytest.approx(definitions.tau_a(x, y), abs=1e-15)
    if levels == 10**6 and max(len(x) - len(np.unique(v)) for v in (x, y)) == 0:
        assert found == pytest.approx(kendalltau(x, y).statistic, abs=1e-14)


def test_distances_that_are_all_equal_have_no_order() -> None:
    same, other = np.ones(45, np.float32), np.arange(45, dtype=np.float32)
    first, second = (ordered_pairs(layout(v, 10)) for v in (same, other))
    assert np.isnan(tau_a(first, second))
    assert np.isnan(tau_a(second, first))
    assert tau_a(second, second) == 1
