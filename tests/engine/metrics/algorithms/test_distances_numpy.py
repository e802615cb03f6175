from __future__ import annotations

import numpy as np
import pytest

from hyle.engine import rsa
from hyle.engine.metrics.algorithms.distances_numpy import squared_distances_numpy

from ... import definitions
from ...samples import single


def diagonals(x: np.ndarray) -> np.ndarray:
    """Squared distances [n // 2, n] of row i to row i + s, modulo n, in float64."""
    x = x.astype(np.float64)
    return np.stack([((x - np.roll(x, -shift, 0)) ** 2).sum(1) for shift in range(1, len(x) // 2 + 1)])


def clusters(spread: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return single(np.repeat(rng.normal(size=(4, 12)), 50, 0) + spread * rng.normal(size=(200, 12)))


@pytest.mark.parametrize("n", [2, 3, 256, 601])  # of less, just as much, and more than are multiplied at once
@pytest.mark.parametrize("offset", [0, 200])
def test_distances_stand_in_their_diagonals(n, offset):
    x = single(np.random.default_rng(n).normal(size=(n, 12)) + offset)
    np.testing.assert_allclose(squared_distances_numpy(x), diagonals(x), rtol=1e-4)


@pytest.mark.parametrize("unit", [1.0, 2.0**-20, 2.0**20])
def test_rows_of_integers_keep_every_tie_and_repetition(unit):
    rng = np.random.default_rng(0)
    x = single(rng.integers(-2, 3, size=(300, 20)))
    x[7] = x[3]
    np.testing.assert_array_equal(squared_distances_numpy(x * np.float32(unit)), diagonals(x) * unit**2)


def test_repeated_rows_whose_distances_a_product_might_part_are_left_to_others():
    x = clusters(1.0)
    x[7] = x[3]
    assert squared_distances_numpy(x) is None


def test_what_rounding_would_put_out_of_order_is_left_to_others():
    assert squared_distances_numpy(clusters(1e-1)) is not None
    assert squared_distances_numpy(clusters(1e-4)) is None
    x, y = clusters(1e-4), clusters(1.0)[::-1]
    assert float(rsa(x, y)) == pytest.approx(definitions.rsa(x, y), abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_left_to_others(bad):
    x = clusters(1.0)
    x[5, 2] = bad
    assert squared_distances_numpy(x) is None
