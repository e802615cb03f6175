from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import cca, compare, pwcca

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views


def test_definition_in_float64(float64):
    x, y = oracle_inputs()["shared64"]
    for a, b in ((x, y[:, :7]), (y[:, :7], x), (x, y)):
        assert float(pwcca(a, b)) == pytest.approx(definitions.pwcca(a, b), rel=1e-8)


def test_definition_in_float32():
    x, y = map(single, views(1))
    value = pwcca(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.pwcca(x, y), rel=1e-5)
    assert float(pwcca(y, x)) == pytest.approx(definitions.pwcca(y, x), rel=1e-5)


def test_the_first_representation_gives_the_weights(float64):
    """One shared column, three that are unrelated: the weights are the absolute sums of the columns of x."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(N, 3))
    axes = np.linalg.qr(axes - axes.mean(0))[0]
    x, y = axes[:, :2] * [5, 3], axes[:, [0, 2]] * [1, 3]
    assert float(pwcca(x, y)) == pytest.approx(5 / 8, abs=1e-9)
    assert float(pwcca(y, x)) == pytest.approx(1 / 4, abs=1e-9)
    assert float(cca(x, y)) == pytest.approx(1 / 2, abs=1e-9)
    # A column that is given twice counts twice.
    assert float(pwcca(np.concatenate([x, x[:, :1]], 1), y)) == pytest.approx(10 / 13, abs=1e-9)
    found = compare({"x": single(x), "y": single(y)}, metrics=["pwcca"])
    np.testing.assert_allclose(found.pwcca, [[1, 5 / 8], [1 / 4, 1]], atol=1e-6)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_invertible_maps_of_y_and_scale_and_translation_of_x_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x + offset * x.std())[order] * scale
    mapped = (y @ (rotation(D, seed) * np.linspace(0.5, 2, D)) + offset)[order]
    assert float(pwcca(single(moved), single(mapped))) == pytest.approx(definitions.pwcca(x, y), rel=1e-4)
    # A rotation of x changes the sums over its columns.
    assert abs(definitions.pwcca(x @ rotation(D, seed), y) - definitions.pwcca(x, y)) > 1e-5


def test_one_for_a_linear_function(float64):
    x, _ = views(2)
    assert float(pwcca(x, x @ np.random.default_rng(0).normal(size=(D, 5)) + 3)) == pytest.approx(1, abs=1e-9)


def test_far_from_the_origin_and_with_dependent_columns_in_float32():
    x, y = views(5)
    expected = definitions.pwcca(x[:, :8], y)
    far = single(np.concatenate([x[:, :8], np.full((N, 4), 3.0)], 1) + 200 * x.std())
    assert float(pwcca(far, single(y))) == pytest.approx(expected, rel=1e-4)
    found = compare({"x": far, "y": single(y)}, metrics=["pwcca"])
    assert found.pwcca.values[0, 1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    assert float(pwcca(single(x * scale), single(y))) == pytest.approx(definitions.pwcca(x, y), rel=1e-5)


def test_with_as_many_columns_as_rows_it_is_one_and_so_is_chance():
    rng = np.random.default_rng(0)
    w, x = single(rng.normal(size=(N, 100))), single(views(0)[0])
    assert float(pwcca(w, x)) == pytest.approx(1, abs=1e-5)
    found = compare({"w": w, "x": x}, metrics=["pwcca"])
    assert (found.pwcca.sel(model="w") == 1).all()
    assert (found.pwcca_chance.sel(model="w") == 1).all()
    assert (found.pwcca_chance.sel(other="w") == 1).all()


@pytest.mark.filterwarnings("ignore:.*(is constant|NaN or infinite)")
def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        assert np.isnan(pwcca(bad, y))
        assert np.isnan(pwcca(y, bad))


def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(pwcca(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(pwcca))(xs, ys), loop, rtol=1e-5)


@pytest.mark.thorough
def test_the_gradient_holds_the_weights_fixed(float64):
    """The derivative in y, on which the weights depend too, is that of the correlations weighted as they are."""
    x, y = views(8)
    step = np.random.default_rng(0).normal(size=y.shape)
    _, variables = definitions.canonical(x, y)
    weights = np.abs(variables.T @ (x - x.mean(0))).sum(1)
    ends = [definitions.canonical(x, y + side * 1e-5 * step)[0] @ weights / weights.sum() for side in (1, -1)]
    gradient = np.asarray(jax.jit(jax.grad(lambda v: pwcca(x, v)))(jnp.asarray(y)))
    assert float((gradient * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least 2 samples"):
        pwcca(np.ones((1, 2)), np.ones((1, 2)))


def test_a_comparison_has_the_same_values_and_the_chance_of_permutations():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 5)))
    found = compare({"a": x, "b": y, "c": z}, metrics=["pwcca"])
    for (i, a), (j, b) in ((p, q) for p in enumerate((x, y, z)) for q in enumerate((x, y, z))):
        expected = 1 if i == j else float(pwcca(a, b))
        assert found.pwcca.values[i, j] == pytest.approx(expected, rel=1e-5)
    rng = np.random.default_rng(1)
    for i, first in ((0, x), (2, z)):
        drawn = np.array([definitions.pwcca(first, y[rng.permutation(N)]) for _ in range(200)])
        error = drawn.std(ddof=1) / 200**0.5
        assert found.pwcca_chance.values[i, 1] == pytest.approx(drawn.mean(), abs=4 * error + 0.005)
