from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import norm_outliers

from ..samples import D, N


def panel():
    x = np.random.default_rng(0).normal(size=(N, D)).astype("float32")
    x[[3, 8]] *= 30
    return x


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: x * 1e-30, lambda x: x * 1e30, lambda x: x + 7.0, jnp.asarray]
)
def test_finds_the_rows_far_outside_whatever_the_unit_and_the_origin(change):
    np.testing.assert_array_equal(np.flatnonzero(norm_outliers(change(panel()))), [3, 8])


def test_a_large_mean_hides_nothing_and_makes_nothing():
    x = np.random.default_rng(1).normal(size=(N, D)) + 1e4
    assert not norm_outliers(x).any()
    x[5] += 200
    assert np.flatnonzero(norm_outliers(x)).tolist() == [5]


def test_repeated_rows_are_no_outliers():
    assert not norm_outliers(np.ones((N, D), "float32")).any()


def test_the_factor_sets_what_is_far():
    assert norm_outliers(panel(), factor=1.01).sum() > 2
    assert not norm_outliers(panel(), factor=1e3).any()
    with pytest.raises(ValueError, match="above 1"):
        norm_outliers(panel(), factor=1.0)
