"""Estimators of the intrinsic dimension from a table of neighbour distances."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.dimension.estimators import DimensionEstimate, dimension, estimate, largest_order, neighbours_needed
from hyle.engine.neighbours.search import neighbours

from .. import definitions
from ..samples import EXAMPLES, N, seeds, single, views

ESTIMATORS = ("mle", "mle_arithmetic", "twonn", "twonn_ml", "gride")
K = 16
ALL = np.ones(N, bool)


def table(seed: int, d: float = 3.0) -> np.ndarray:
    """Neighbour distances of uniform density in d dimensions: the d-th root of sums of exponentials."""
    return np.cumsum(np.random.default_rng(seed).exponential(size=(N, K)), 1) ** (1 / d)


def numbers(result: DimensionEstimate) -> list[float]:
    return [float(value) for value in result]


def test_largest_order():
    assert [largest_order(k) for k in (2, 3, 4, 7, 8, 50, 64)] == [1, 1, 2, 2, 4, 16, 32]
    assert [neighbours_needed(name, 50) for name in ESTIMATORS] == [50, 50, 2, 2, 32]


@EXAMPLES
@given(seed=seeds, d=st.floats(0.5, 100))
def test_gride_and_its_error_are_those_of_the_density(seed, d):
    with jax.enable_x64(True):
        distance = table(seed, d)
        for n1 in (1, 2, 8):
            mu = distance[:, 2 * n1 - 1] / distance[:, n1 - 1]
            value, error, *_ = numbers(estimate(distance, ALL, "gride", n1))
            assert value == pytest.approx(definitions.gride(mu, n1), rel=1e-6)
            assert error == pytest.approx(definitions.gride_error(mu, value, n1), rel=1e-5)


@EXAMPLES
@given(seed=seeds, d=st.floats(0.5, 100), scale=st.sampled_from([1e-20, 1e-4, 1e4, 1e20]))
def test_float32_at_any_scale(seed, d, scale):
    distance = table(seed, d)
    for estimator in ESTIMATORS:
        value, error, n, mean_distance = numbers(estimate(single(distance * scale), ALL, estimator))
        assert value == pytest.approx(definitions.dimension_of(distance, estimator, K), rel=1e-4)
        assert n == N
        used = {"mle": range(K), "mle_arithmetic": range(K), "gride": [K // 2 - 1, K - 1]}.get(estimator, [0, 1])
        assert mean_distance == pytest.approx(distance[:, list(used)].mean() * scale, rel=1e-5)
        if estimator == "gride":
            mu = distance[:, K - 1] / distance[:, K // 2 - 1]
            assert error == pytest.approx(definitions.gride_error(mu, value, K // 2), rel=1e-4)
        elif estimator == "twonn_ml":
            assert error == pytest.approx(value / N**0.5, rel=1e-5)
        else:
            assert np.isnan(error)


def test_estimates_are_unbiased_and_the_error_equals_their_standard_deviation():
    # On independent rows, as the error assumes; the arithmetic mean is larger by a factor (k - 1) / (k - 2).
    distance = jnp.asarray(np.stack([table(seed, 7.0) for seed in range(400)]), jnp.float32)
    for estimator in ("mle", "mle_arithmetic", "twonn_ml", "gride"):
        found = jax.vmap(lambda one, name=estimator: estimate(one, jnp.asarray(ALL), name))(distance)
        expected = 7 * ((K - 1) / (K - 2) if estimator == "mle_arithmetic" else 1)
        assert float(found.value.mean()) == pytest.approx(expected, rel=0.01)
        if estimator in ("twonn_ml", "gride"):
            assert float(found.error.mean()) == pytest.approx(float(found.value.std()), rel=0.1)


def test_columns_beyond_those_needed_change_nothing():
    distance = single(table(1))
    for estimator in ("twonn", "twonn_ml"):
        expected = definitions.dimension_of(distance[:, :2], estimator, 2)
        assert float(estimate(distance, ALL, estimator).value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rows_at_distance_zero_are_excluded_with_a_finite_gradient(estimator):
    distance, kept = single(table(2)), ALL.copy()
    kept[:5] = False  # duplicates: their nearest neighbour is at distance zero
    distance[:5, 0] = 0
    distance[5, :] = 0  # closer than the precision of the dtype
    found = estimate(distance, kept, estimator)
    assert found.n_used == N - 6
    assert float(found.value) == pytest.approx(definitions.dimension_of(distance[6:], estimator, K), rel=1e-4)
    gradient = np.asarray(jax.jit(jax.grad(lambda one: estimate(one, jnp.asarray(kept), estimator).value))(distance))
    assert np.isfinite(gradient).all()
    assert not gradient[:6].any()
    assert gradient[6:].any()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_neighbours_all_equally_far(estimator):
    distance = np.full((N, K), 2, np.float32)
    value = float(estimate(distance, ALL, estimator).value)
    assert np.isnan(value) if estimator == "mle_arithmetic" else value == np.inf
    distance[7:] = single(table(3))[7:]
    value, _, n, _ = numbers(estimate(distance, ALL, estimator))
    assert np.isfinite(value)
    assert n == (N - 7 if estimator == "mle_arithmetic" else N)
    gradient = jax.jit(jax.grad(lambda one: estimate(one, jnp.asarray(ALL), estimator).value))(distance)
    assert np.isfinite(gradient).all()


def test_ratios_of_one_are_treated_as_a_limit(float64):
    # The likelihood is zero there for every d; its limit for vanishing differences is not.
    distance = table(4)
    distance[:9, K - 1] = distance[:9, K // 2 - 1]
    value = float(estimate(distance, ALL, "gride").value)
    distance[:9, K - 1] *= 1 + 1e-7
    mu = distance[:, K - 1] / distance[:, K // 2 - 1]
    assert value == pytest.approx(definitions.gride(mu, K // 2), rel=1e-5)


def test_too_few_distinct_rows():
    kept = np.zeros(N, bool)
    kept[:K] = True
    distance = single(table(5))
    for estimator in ("mle", "mle_arithmetic", "gride"):
        assert np.isnan(estimate(distance, kept, estimator).value)
    for estimator in ("twonn", "twonn_ml"):
        assert np.isfinite(estimate(distance, kept, estimator).value)


def test_digits(digits, float64):
    # Values of scikit-dimension and DADApy; errors of GRIDE of scikit-dimension.
    x = jnp.asarray(np.concatenate(digits, 1))
    kept = jnp.ones(len(x), bool)
    distance = neighbours(x, 64).value
    assert float(estimate(distance[:, :50], kept, "mle").value) == pytest.approx(6.1453, abs=6e-5)
    assert float(estimate(distance, kept, "twonn").value) == pytest.approx(8.908173, abs=1e-6)
    assert float(estimate(distance, kept, "twonn_ml").value) == pytest.approx(9.044249, abs=1e-6)
    values = {2: 8.17381694, 4: 7.2046155, 8: 6.6020911, 16: 6.12904862, 32: 5.58057341}
    errors = {2: 0.13896531, 4: 0.0869041, 8: 0.05632795, 16: 0.03697, 32: 0.02380599}
    for n1 in values:
        found = estimate(distance, kept, "gride", n1)
        assert float(found.value) == pytest.approx(values[n1], abs=1e-7)
        assert float(found.error) == pytest.approx(errors[n1], abs=1e-7)


# The derivative of a zero distance is defined by the neighbour table.
def test_gradient_at_repeated_rows_is_finite():
    x = single(views(6)[0])
    x[3] = x[2]
    assert np.isfinite(jax.jit(jax.grad(lambda x: dimension(x, "mle", 20).value))(x)).all()
