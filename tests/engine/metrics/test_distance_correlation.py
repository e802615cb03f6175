from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import distance_correlation

from .. import definitions
from ..samples import (
    ALL_CASES,
    EXAMPLES,
    SINGLE_CASES,
    D,
    N,
    oracle,
    oracle_inputs,
    padded,
    rotation,
    rounding,
    scales,
    seeds,
    single,
    unrelated,
    views,
)

ORACLES = {
    "dcor": {"debiased": False, "squared": False},
    "dcor_sqr": {"debiased": False},
    "dcor_u_sqr": {},
}


@pytest.mark.parametrize("case", ALL_CASES)  # repeated rows are samples like others here
@pytest.mark.parametrize("name", ["dcor_sqr", "dcor_u_sqr"])
def test_oracle_in_float64(name, case, float64):
    value = float(distance_correlation(*padded(case), **ORACLES[name]))
    assert value == pytest.approx(oracle(name, case), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("case", SINGLE_CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_float32(name, case):
    value = distance_correlation(*map(single, padded(case)), **ORACLES[name])
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle(name, case), rel=1e-4)


def test_widths_may_differ():
    x, y = map(single, oracle_inputs()["shared64"])
    assert x.shape[1] != y.shape[1]
    assert float(distance_correlation(x, y)) == pytest.approx(oracle("dcor_u_sqr", "shared64"), rel=1e-4)


def test_four_samples(float64):
    # The example of the documentation of dcor 0.7.
    a, b = np.arange(1.0, 17).reshape(4, 4), np.array([[1.0], [0], [0], [1]])
    assert float(distance_correlation(a, b, debiased=False)) == pytest.approx(0.2773500981126146, abs=1e-12)
    assert float(distance_correlation(a, b)) == pytest.approx(-0.5, abs=1e-12)
    assert float(distance_correlation(a, b, squared=False)) == pytest.approx(-(0.5**0.5), abs=1e-12)


@pytest.mark.parametrize("debiased", [True, False])
def test_definition(debiased):
    x, y = map(single, views(1))
    expected = definitions.distance_correlation(x, y, debiased)
    value = float(distance_correlation(x, y, debiased=debiased))
    assert value == pytest.approx(expected, rel=1e-5)
    # CKA with distances for kernels is the same formula.
    own = definitions.distance_hsic(x, x, debiased) * definitions.distance_hsic(y, y, debiased)
    assert expected == pytest.approx(definitions.distance_hsic(x, y, debiased) / np.sqrt(own), rel=1e-9)


@pytest.mark.parametrize("debiased", [True, False])
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-200, 200))
def test_rotation_scale_translation_and_common_permutation_leave_it(debiased, seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    # The offset counts in standard deviations.
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    value = float(distance_correlation(single(moved), single(y[order]), debiased=debiased))
    assert value == pytest.approx(definitions.distance_correlation(x, y, debiased), abs=1e-4)
    assert (-1 if debiased else 0) < value < 1


@pytest.mark.parametrize("debiased", [True, False])
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_symmetric_and_one_with_itself(debiased, seed, scale):
    x, y = map(single, views(seed))
    there, back = (float(distance_correlation(*pair, debiased=debiased)) for pair in ((x, y), (y, x)))
    assert there == pytest.approx(back, abs=rounding(N))
    assert float(distance_correlation(x, x * np.float32(scale), debiased=debiased)) == pytest.approx(1, abs=rounding(N))


def test_the_root_has_the_sign_of_the_square():
    for seed in range(4):
        x, y = single(np.random.default_rng(seed).normal(size=(2, N, D)))
        square, root = (float(distance_correlation(x, y, squared=squared)) for squared in (True, False))
        assert root == pytest.approx(np.sign(square) * abs(square) ** 0.5, rel=1e-6)


def test_under_vmap_the_loop_and_by_chance_zero():
    x, y = single(np.random.default_rng(0).normal(size=(2, 400, N, D)))
    values = np.asarray(jax.jit(jax.vmap(distance_correlation))(x, y))
    loop = [float(distance_correlation(*pair)) for pair in zip(x[:5], y[:5], strict=True)]
    np.testing.assert_allclose(values[:5], loop, rtol=1e-4, atol=1e-6)
    assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(len(values))
    assert values.min() < 0  # not clamped


def test_noise_lowers_it_step_by_step():
    x, _ = views(3)
    noise = np.random.default_rng(4).normal(size=x.shape)
    values = [float(distance_correlation(single(x), single(x + s * noise))) for s in (0, 0.5, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("offset", [200, 3000])
@pytest.mark.parametrize("debiased", [True, False])
def test_far_from_the_origin_in_float32(debiased, offset):
    x, y = (single(v + offset * v.std()) for v in views(5))
    expected = definitions.distance_correlation(x, y, debiased)
    assert float(distance_correlation(x, y, debiased=debiased)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("debiased", [True, False])
def test_repeated_rows(debiased):
    x, y = map(single, views(6))
    x[[3, 9, 40]] = x[50]
    y[[9, 11]] = y[50]
    expected = definitions.distance_correlation(x, y, debiased)
    assert float(distance_correlation(x, y, debiased=debiased)) == pytest.approx(expected, rel=1e-4)


def test_more_columns_than_rows_and_independent():
    x, y = map(single, unrelated())
    assert float(distance_correlation(x, y, debiased=False)) == pytest.approx(0.998211, abs=2e-5)
    assert float(distance_correlation(x, y, debiased=False, squared=False)) == pytest.approx(0.999105, abs=2e-5)
    assert float(distance_correlation(x, y)) == pytest.approx(0.014396, abs=2e-5)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(7))
    value = distance_correlation(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.distance_correlation(x, y), abs=1e-5)


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("squared", [True, False])
def test_constant_or_not_finite_is_nan(debiased, squared):
    x, y = map(single, views(8))
    bads = [np.full_like(x, 3.3), np.zeros_like(x)]
    for entry in (np.nan, np.inf):
        bads.append(x.copy())
        bads[-1][3, 2] = entry
    for bad in bads:
        assert np.isnan(distance_correlation(bad, y, debiased=debiased, squared=squared))
        assert np.isnan(distance_correlation(y, bad, debiased=debiased, squared=squared))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    expected = definitions.distance_correlation(x, y)
    assert float(distance_correlation(single(x * scale), single(y))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("debiased", "squared"), [(True, True), (False, False)])
def test_gradient_is_finite_at_repeated_rows_and_that_of_finite_differences(debiased, squared, float64):
    x, y = views(10)
    x[[5, 9]] = x[30]
    way = np.random.default_rng(0).normal(size=x.shape)
    way[[5, 9]] = way[30]  # along which equal rows stay equal: elsewhere a distance has a kink

    def score(v):
        return distance_correlation(v, y, debiased=debiased, squared=squared)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * way)) - float(score(x - 1e-5 * way))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * way).sum()) == pytest.approx(difference, rel=1e-6)


def test_gradient_in_float32_is_finite_at_repeated_rows():
    x, y = map(single, views(11))
    x[[5, 9]] = x[30]
    gradient = np.asarray(jax.jit(jax.grad(distance_correlation))(x, y))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((np.ones((5, 2)), np.ones((6, 2))), {}, "compare\\(\\) joins representations by id"),
        ((np.ones((3, 2)), np.ones((3, 2))), {}, "at least 4 samples"),
        ((np.ones((1, 2)), np.ones((1, 2))), {"debiased": False}, "at least 2 samples"),
        ((np.ones(5), np.ones((5, 2))), {}, "x must be a matrix"),
    ],
)
def test_mistakes_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        distance_correlation(*arguments, **options)


def test_digits_left_and_right(digits, float64):
    assert float(distance_correlation(*digits)) == pytest.approx(0.32599565, abs=1e-8)
    assert float(distance_correlation(*digits, debiased=False)) == pytest.approx(0.33615972, abs=1e-8)
    assert float(distance_correlation(*digits, debiased=False, squared=False)) == pytest.approx(0.57979282, abs=1e-8)
