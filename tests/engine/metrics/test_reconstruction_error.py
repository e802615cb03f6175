from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import compare, reconstruction_error

from .. import definitions
from ..samples import EXAMPLES, D, K, N, oracle_inputs, padded, rotation, scales, seeds, single, views

# scikit-matter 0.4.1 in float64, even rows fitted on, odd ones held out.
THERE, LOCAL_15, THERE_WIDE40 = 0.32522340844016373, 0.3619582448575135, 0.447795628637272


def test_scikit_matter_in_float64(float64):
    x, y = padded("shared64")
    assert float(reconstruction_error(x, y)) == pytest.approx(THERE, rel=1e-9)
    assert float(reconstruction_error(x, y, scope="local", k=15)) == pytest.approx(LOCAL_15, rel=1e-9)
    assert float(reconstruction_error(*oracle_inputs()["wide40"])) == pytest.approx(THERE_WIDE40, rel=1e-9)


def test_scikit_matter_in_float32():
    x, y = map(single, padded("shared64"))
    value = reconstruction_error(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(THERE, rel=1e-5)


def test_digits_left_and_right(digits):
    left, right = map(single, digits)
    assert float(reconstruction_error(left, right)) == pytest.approx(0.852615, abs=2e-6)
    assert float(reconstruction_error(right, left)) == pytest.approx(0.818229, abs=2e-6)


def test_local_digits_with_ties_to_the_lowest_index(digits):
    left, right = (single(v[:N, 9 : 9 + D] // 4) for v in digits)  # with ties at the last neighbour of many rows
    expected = definitions.reconstruction_error(left, right, K)
    assert float(reconstruction_error(left, right, scope="local", k=K)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100))
def test_rotation_scale_and_translation_leave_it(seed, scale, offset):
    x, y = views(seed)
    moved = (x @ rotation(D, seed) + offset * x.std()) * scale
    value = float(reconstruction_error(single(moved), single(y)))
    assert value == pytest.approx(definitions.reconstruction_error(x, y), rel=1e-3)
    local = float(reconstruction_error(single(moved), single(y), scope="local", k=K))
    assert local == pytest.approx(float(reconstruction_error(single(x), single(y), scope="local", k=K)), rel=1e-3)


def test_zero_for_a_linear_map_one_way_only(float64):
    x, _ = views(1)
    y = x[:, :3] @ np.random.default_rng(1).normal(size=(3, D)) + 5
    assert float(reconstruction_error(x, y)) < 1e-9
    assert float(reconstruction_error(y, x)) > 0.1


def test_a_curved_map_is_local_and_not_global(float64):
    x = np.linspace(0, 6, N)[:, None] * np.ones(D)
    y = np.concatenate([np.cos(x[:, :6]), np.sin(x[:, 6:])], 1)
    assert float(reconstruction_error(x, y, scope="local", k=K)) < 0.05 < 0.5 < float(reconstruction_error(x, y))


@pytest.mark.thorough
def test_independent_rows_are_predicted_no_better_than_by_the_mean():
    x, y = single(np.random.default_rng(0).normal(size=(2, 40, N, D)))
    for scope, most in (("global", 1.3), ("local", 1.6)):
        score = jax.jit(jax.vmap(lambda x, y, s=scope: reconstruction_error(x, y, scope=s, k=K)))
        values = np.asarray(score(x, y))
        assert 1 < values.mean() < most
        loop = [float(reconstruction_error(*both, scope=scope, k=K)) for both in zip(x[:2], y[:2], strict=True)]
        np.testing.assert_allclose(values[:2], loop, rtol=1e-4)


def test_rows_to_fit_on_may_be_given(float64):
    x, y = views(2)
    order = np.random.default_rng(0).permutation(N)
    back = np.argsort(order)
    # The same split, wherever its rows stand; which of them are folds goes by their order.
    value = float(reconstruction_error(x[order], y[order], train=back[np.arange(0, N, 2)]))
    assert value == pytest.approx(float(reconstruction_error(x, y)), rel=1e-9)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    assert float(reconstruction_error(x, y)) == pytest.approx(definitions.reconstruction_error(x, y), rel=1e-3)


def test_repeated_rows_and_dead_columns(float64):
    x, y = (v.copy() for v in views(6))
    x[:20] = x[0]  # more alike than k: nothing local to fit
    x[:, 3], y[:, 4] = 7, 0
    for k, scope in ((None, "global"), (K, "local")):
        expected = definitions.reconstruction_error(x, y, k)
        assert float(reconstruction_error(x, y, scope=scope, k=K)) == pytest.approx(expected, rel=1e-6)


def test_16_bit_rows_are_computed_in_float32():
    x, y = (jnp.asarray(single(v)).astype("bfloat16") for v in views(7))
    value = reconstruction_error(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.reconstruction_error(x, y), rel=1e-4)


@pytest.mark.parametrize("scope", ["global", "local"])
def test_constant_or_not_finite_is_nan(scope):
    x, y = map(single, views(8))
    broken, even = x.copy(), x.copy()
    broken[3, 2] = np.nan
    even[::2] = 3.3  # constant where it is fitted on
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken, even):
        assert np.isnan(reconstruction_error(bad, y, scope=scope, k=K))
        assert np.isnan(reconstruction_error(y, bad, scope=scope, k=K))


@pytest.mark.thorough
@pytest.mark.parametrize("scope", ["global", "local"])
def test_gradient_of_the_target_equals_finite_differences(scope, float64):
    x, y = views(10)
    x[5] = x[4]
    step = np.random.default_rng(0).normal(size=y.shape)

    def score(v):
        return reconstruction_error(x, v, scope=scope, k=K)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(y)))
    difference = (float(score(y + 1e-6 * step)) - float(score(y - 1e-6 * step))) / 2e-6
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scope": "both"}, "global or local"),
        ({"scope": "local", "k": 33}, "use k from 2 to 32"),
        ({"scope": "local", "k": 1}, "k=1"),
        ({"train": [0, 1, 2]}, "at least 4 different rows"),
        ({"train": [0, 1, 2, 2, 3]}, "at least 4 different rows"),
        ({"train": [0, 1, 2, 64]}, "row numbers from 0 to 63"),
        ({"train": range(N)}, "leave at least one row"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        reconstruction_error(*views(0), **options)


def test_a_comparison_has_the_same_values():
    x, y = map(single, views(11))
    found = compare({"a": x, "b": y}, metrics=["reconstruction_error", "reconstruction_error_local"], k=K)
    for scope, variable in (("global", found.reconstruction_error), ("local", found.reconstruction_error_local)):
        there = float(reconstruction_error(x, y, scope=scope, k=K))
        back = float(reconstruction_error(y, x, scope=scope, k=K))
        assert variable.values[0, 1] == pytest.approx(there, rel=1e-4)
        assert variable.values[1, 0] == pytest.approx(back, rel=1e-4)
        assert there != pytest.approx(back, rel=1e-3)
    assert (found.reconstruction_error_chance == 1).all()
    assert "reconstruction_error_local_chance" not in found
