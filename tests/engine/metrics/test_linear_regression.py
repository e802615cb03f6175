from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import compare, linear_regression, reconstruction_error

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views

BOTH = pytest.mark.parametrize("held_out", [True, False])


@BOTH
@pytest.mark.parametrize("case", ["shared64", pytest.param("wide40", marks=pytest.mark.thorough)])
def test_definition_in_float64(case, held_out, float64):
    x, y = oracle_inputs()[case]
    expected = definitions.linear_regression(x, y, held_out)
    assert float(linear_regression(x, y, held_out=held_out)) == pytest.approx(expected, rel=1e-8)


@BOTH
def test_definition_in_float32(held_out):
    x, y = map(single, views(1))
    value = linear_regression(x, y, held_out=held_out)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.linear_regression(x, y, held_out), rel=1e-5)


def test_scikit_learn(float64):
    linear = pytest.importorskip("sklearn.linear_model").LinearRegression
    score = pytest.importorskip("sklearn.metrics").r2_score
    x, y = views(2)
    expected = score(y, linear().fit(x, y).predict(x), multioutput="variance_weighted")
    assert float(linear_regression(x, y, held_out=False)) == pytest.approx(expected, rel=1e-9)
    # One column: no singular value can be cut, and the held-out fit is that of least squares.
    a = x[:, :1]
    a = a - a[::2].mean(0)
    fitted = linear(fit_intercept=False).fit(a[::2], y[::2] - y[::2].mean(0))
    expected = score(y[1::2], fitted.predict(a[1::2]) + y[::2].mean(0), multioutput="variance_weighted")
    assert float(linear_regression(a, y)) == pytest.approx(expected, rel=1e-9)


def test_held_out_it_is_the_reconstruction_error_over_the_spread_of_the_held_out_rows(float64):
    x, y = views(3)
    spread = (definitions.standardised_by(y, np.arange(0, N, 2))[1::2]).var(0).sum()
    expected = 1 - float(reconstruction_error(x, y)) ** 2 / spread
    assert float(linear_regression(x, y)) == pytest.approx(expected, rel=1e-9)


@BOTH
def test_one_for_a_linear_function_one_way_only(held_out, float64):
    x, _ = views(4)
    y = x[:, :3] @ np.random.default_rng(1).normal(size=(3, D)) + 5
    assert float(linear_regression(x, y, held_out=held_out)) == pytest.approx(1, abs=1e-9)
    assert float(linear_regression(y, x, held_out=held_out)) < 0.9


def test_in_sample_it_is_the_share_of_the_columns_that_x_has(float64):
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(N, 5))
    axes = np.linalg.qr(axes - axes.mean(0))[0]
    y = axes[:, :3] * [3, 2, 1] + 7
    mixed = axes[:, [0, 4]] @ np.array([[1.0, 2.0], [0.5, -1.0]])
    assert float(linear_regression(mixed, y, held_out=False)) == pytest.approx(9 / 14, abs=1e-9)
    assert float(linear_regression(axes[:, 3:], y, held_out=False)) == pytest.approx(0, abs=1e-9)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_rotation_scale_and_translation_leave_it(seed, scale, offset):
    x, y = views(seed)
    moved = single((x @ rotation(D, seed) + offset * x.std()) * scale)
    turned = single((y @ rotation(D, seed + 1) + offset) / scale)
    for held_out in (True, False):
        expected = definitions.linear_regression(x, y, held_out)
        assert float(linear_regression(moved, turned, held_out=held_out)) == pytest.approx(expected, rel=1e-3)
    order = np.random.default_rng(seed).permutation(N)
    mapped = single(moved * np.linspace(0.5, 2, D))[order]
    assert float(linear_regression(mapped, turned[order], held_out=False)) == pytest.approx(expected, rel=1e-3)


@BOTH
def test_far_from_the_origin_in_float32(held_out):
    x, y = (single(v + 200 * v.std()) for v in views(5))
    expected = definitions.linear_regression(x, y, held_out)
    assert float(linear_regression(x, y, held_out=held_out)) == pytest.approx(expected, rel=1e-4)


def test_with_as_many_columns_as_rows_it_is_one_in_sample_and_so_is_chance_but_not_held_out():
    rng = np.random.default_rng(0)
    w, x = single(rng.normal(size=(N, 100))), single(views(0)[0])
    assert float(linear_regression(w, x, held_out=False)) == pytest.approx(1, abs=1e-5)
    assert float(linear_regression(w, x)) < 0.2
    found = compare({"w": w, "x": x}, metrics=["linear_regression", "linear_regression_in_sample"])
    assert found.linear_regression_in_sample.values[0, 1] == 1
    assert found.linear_regression_in_sample_chance.values[0, 1] == 1
    assert found.linear_regression_in_sample_chance.values[1, 0] == pytest.approx(D / (N - 1))
    assert found.linear_regression.values[0, 1] < 0.2
    assert found.linear_regression_chance.values[0, 1] < 0.2


@BOTH
@pytest.mark.filterwarnings("ignore:.*(is constant|NaN or infinite)")
def test_constant_or_not_finite_is_nan_and_so_is_the_gradient(held_out):
    x, y = map(single, views(8))
    broken = x.copy()
    broken[3, 2] = np.nan

    def score(a, b):
        return linear_regression(a, b, held_out=held_out)

    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        assert np.isnan(score(bad, y))
        assert np.isnan(score(y, bad))
        if not held_out:
            assert np.isnan(jax.grad(score)(bad, y)).all()
            assert np.isnan(jax.grad(score, argnums=1)(y, bad)).all()


def test_rows_that_are_constant_where_they_are_fitted_or_predicted_are_nan():
    x, y = map(single, views(8))
    fitted, predicted = x.copy(), x.copy()
    fitted[::2], predicted[1::2] = 3.3, 3.3
    assert np.isnan(linear_regression(fitted, y))
    assert np.isnan(linear_regression(y, fitted))
    assert np.isnan(linear_regression(y, predicted))
    assert np.isfinite(linear_regression(predicted, y))
    for a, b in ((fitted, y), (y, fitted), (y, predicted)):
        assert np.isfinite(linear_regression(a, b, held_out=False))


@BOTH
def test_jit_and_vmap_equal_the_loop(held_out):
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))

    def score(x, y):
        return linear_regression(x, y, held_out=held_out)

    loop = [float(score(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(score))(xs, ys), loop, rtol=1e-5)


@pytest.mark.parametrize(
    "side", ["x, in sample", pytest.param("y, in sample", marks=pytest.mark.thorough), "y, held out"]
)
def test_gradient_equals_finite_differences(side, float64):
    x, y = views(10)
    step = np.random.default_rng(0).normal(size=y.shape)

    def score(v):
        a, b = (v, y) if side[0] == "x" else (x, v)
        return linear_regression(a, b, held_out=side.endswith("held out"))

    start = jnp.asarray(x if side[0] == "x" else y)
    gradient = np.asarray(jax.jit(jax.grad(score))(start))
    difference = (float(score(start + 1e-6 * step)) - float(score(start - 1e-6 * step))) / 2e-6
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)


def test_rows_to_fit_on_may_be_given(float64):
    x, y = views(2)
    order = np.random.default_rng(0).permutation(N)
    back = np.argsort(order)
    value = float(linear_regression(x[order], y[order], train=back[np.arange(0, N, 2)]))
    assert value == pytest.approx(float(linear_regression(x, y)), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train": [0, 1, 2]}, "at least 4 different rows"),
        ({"train": [0, 1, 2, 64]}, "row numbers from 0 to 63"),
        ({"train": range(N)}, "leave at least one row"),
        ({"train": range(8), "held_out": False}, "train is for held_out=True"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        linear_regression(*views(0), **options)


def test_a_comparison_has_the_same_values_and_the_chance_of_permutations():
    x, y = map(single, views(11))
    names = {True: "linear_regression", False: "linear_regression_in_sample"}
    found = compare({"a": x, "b": y}, metrics=list(names.values()))
    for held_out, name in names.items():
        there = float(linear_regression(x, y, held_out=held_out))
        back = float(linear_regression(y, x, held_out=held_out))
        np.testing.assert_allclose(found[name], [[1, there], [back, 1]], rtol=1e-4)
        assert there != pytest.approx(back, rel=1e-3)
    np.testing.assert_allclose(found.linear_regression_in_sample_chance, D / (N - 1))
    assert found.linear_regression.attrs["chance_permutations"] == 5
    rng = np.random.default_rng(1)
    drawn = np.array([definitions.linear_regression(x, y[rng.permutation(N)]) for _ in range(60)])
    spread = drawn.std(ddof=1)
    assert found.linear_regression_chance.values[0, 1] == pytest.approx(drawn.mean(), abs=4 * spread / 5**0.5)
    drawn = np.array([definitions.linear_regression(x, y[rng.permutation(N)], False) for _ in range(200)])
    assert drawn.mean() == pytest.approx(D / (N - 1), abs=4 * drawn.std(ddof=1) / 200**0.5)
