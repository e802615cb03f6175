from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import compare, id_correlation

from .. import definitions
from ..samples import EXAMPLES, SINGLE_CASES, D, N, oracle, padded, scales, seeds, single, views


# Few of the cases: every shape is compiled anew.
@pytest.mark.parametrize("case", ["shared64", pytest.param("wide40", marks=pytest.mark.thorough)])
def test_oracle_in_float64(case, float64):
    assert float(id_correlation(*padded(case))) == pytest.approx(oracle("id_corr_twonn", case), rel=1e-6)


@pytest.mark.parametrize("case", SINGLE_CASES)
def test_oracle_in_float32(case):
    value = id_correlation(*map(single, padded(case)))
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle("id_corr_twonn", case), rel=1e-4)


def test_another_estimator(float64):
    x, y = views(0)
    expected = definitions.id_correlation(x, y, "mle")
    assert float(id_correlation(x, y, estimator="mle", k=20)) == pytest.approx(expected, rel=1e-9)


def test_repeated_rows_are_left_out(float64):
    x, y = views(3)
    x[56:], y[60:] = x[:8], y[4:8]
    assert [len(definitions.unique_rows(v)) for v in (x, y, np.concatenate([x, y], 1))] == [56, 60, 60]
    assert float(id_correlation(x, y)) == pytest.approx(definitions.id_correlation(x, y), rel=1e-9)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_scale_and_shift_of_columns_and_a_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(N)
    moved = single((x[order][:, rng.permutation(D)] + offset * x.std()) * scale * 10.0 ** rng.uniform(-3, 3, size=D))
    value = float(id_correlation(moved, single(y[order])))
    assert value == pytest.approx(definitions.id_correlation(x, y), abs=1e-4)


@EXAMPLES
@given(seed=seeds)
def test_symmetric_and_one_with_itself(seed):
    x, y = map(single, views(seed))
    assert float(id_correlation(x, y)) == pytest.approx(float(id_correlation(y, x)), abs=1e-5)
    assert float(id_correlation(x, x)) == pytest.approx(1, abs=1e-5)


def test_sizes_at_the_ends_of_float32():
    x, y = views(1)
    expected = definitions.id_correlation(x, y)
    sizes = np.where(np.arange(D) % 2, 1e-30, 1e30)
    assert float(id_correlation(single(x * sizes), single(y * 1e-30))) == pytest.approx(expected, abs=1e-4)


def test_dead_columns_stay_dead():
    x, y = map(single, views(2))
    x[:, 5] = 3.3  # whose mean over 64 rows is rounded
    x[:, 6] = 0
    expected = definitions.id_correlation(np.delete(x, [5, 6], 1), y)
    assert float(id_correlation(x, y)) == pytest.approx(expected, abs=1e-4)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    assert float(id_correlation(x, y)) == pytest.approx(definitions.id_correlation(x, y), rel=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = id_correlation(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.id_correlation(x, y), rel=1e-4)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    for entry in (np.nan, np.inf):
        broken = x.copy()
        broken[3, 2] = entry
        assert np.isnan(id_correlation(broken, y))
        assert np.isnan(id_correlation(y, broken))
    assert np.isnan(id_correlation(np.full_like(x, 3.3), y))
    assert np.isnan(id_correlation(y, np.zeros_like(x)))


@pytest.mark.thorough
def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(id_correlation(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(id_correlation))(xs, ys), loop, rtol=1e-5)


@pytest.mark.thorough
def test_gradient_is_that_of_finite_differences(float64):
    x, y = views(8)
    x[:, 3] = 3.3  # a dead column has no gradient
    gradient = jax.jit(jax.grad(lambda x: id_correlation(x, jnp.asarray(y))))(jnp.asarray(x))
    direction = np.random.default_rng(0).normal(size=x.shape)
    direction[:, 3] = 0
    step = 1e-6
    above, below = (float(id_correlation(x + sign * step * direction, y)) for sign in (1, -1))
    assert not gradient[:, 3].any()
    assert float((gradient * direction).sum()) == pytest.approx((above - below) / (2 * step), rel=1e-6)


@pytest.mark.thorough
def test_a_curve_is_seen_where_no_line_is():
    # The coordinates of a spiral, of 5,000 points: 0.9693 by an independent implementation.
    t = np.random.default_rng(0).uniform(0, 4 * np.pi, size=(5000, 1))
    x, y = single(t * np.cos(t)), single(t * np.sin(t))
    assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 0.2
    assert float(id_correlation(x, y)) == pytest.approx(0.9693, abs=2e-4)
    assert float(id_correlation(x, -3 * x + 1)) == pytest.approx(1, abs=1e-4)
    assert float(id_correlation(x, y[::-1])) < 0.2


def test_digits_left_and_right(digits, float64):
    assert float(id_correlation(*digits)) == pytest.approx(0.815079, abs=1e-6)


def test_chance_in_a_comparison_is_that_of_permuted_rows():
    x, y = map(single, views(9))
    wide = np.concatenate([y, y[:, :3]], 1)
    found = compare({"b": wide, "a": x}, metrics=["id_correlation"])
    rng = np.random.default_rng(0)
    orders = [rng.permutation(N) for _ in range(5)]
    expected = np.mean([definitions.id_correlation(x, wide[order]) for order in orders])
    chance = found.id_correlation_chance
    assert chance.sel(model="a", other="b").item() == pytest.approx(expected, abs=1e-4)
    assert chance.sel(model="b", other="a").item() == chance.sel(model="a", other="b").item()
    value = found.id_correlation.sel(model="b", other="a").item()
    assert value == pytest.approx(definitions.id_correlation(x, wide), abs=1e-4)
    assert found.id_correlation.sel(model="a", other="a").item() == 1
    assert found.id_correlation.attrs["k"] == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"estimator": "pca"}, "'pca': use 'mle'"),
        ({"estimator": "mle", "k": N}, "use k from 2 to 63"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        id_correlation(*views(0), **options)
    with pytest.raises(ValueError, match="x has 64 rows and y has 60"):
        id_correlation(views(0)[0], views(0)[1][:60])
