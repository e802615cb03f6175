from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import cca, compare, svcca

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views


@pytest.mark.parametrize("options", [{}, {"variance": 0.9}, {"variance": 1.0}, {"components": 5}])
def test_principal_axes_in_float64(options, float64):
    x, y = oracle_inputs()["shared64"]
    assert float(svcca(x, y, **options)) == pytest.approx(definitions.svcca(x, y, **options), rel=1e-8)


def test_more_columns_than_rows(float64):
    x, y = oracle_inputs()["wide40"]
    assert x.shape[1] > len(x)
    expected = definitions.svcca(x, y, components=6)
    assert float(svcca(x, y, components=6)) == pytest.approx(expected, rel=1e-8)
    assert expected < 0.99


def test_definition_in_float32():
    x, y = map(single, views(1))
    value = svcca(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.svcca(x, y), rel=1e-5)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")  # of nearly equal correlations
def test_scikit_learn(float64):
    decomposition = pytest.importorskip("sklearn.decomposition")
    cross = pytest.importorskip("sklearn.cross_decomposition")
    x, y = views(3)
    for share in (0.9, 0.99):
        a, b = (decomposition.PCA(share, svd_solver="full").fit_transform(v) for v in (x, y))
        q = min(a.shape[1], b.shape[1])
        a, b = cross.CCA(q, max_iter=10_000, tol=1e-10).fit_transform(a, b)
        expected = np.mean([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(q)])
        assert float(svcca(x, y, variance=share)) == pytest.approx(expected, rel=1e-4)


def test_all_of_the_variance_is_cca():
    x, y = map(single, views(2))
    expected = float(cca(x, y))
    assert float(svcca(x, y, variance=1)) == pytest.approx(expected, rel=1e-6)
    assert float(svcca(x, y, components=D)) == pytest.approx(expected, rel=1e-6)
    assert float(svcca(x, y)) > expected + 0.1  # without the directions of noise


def test_the_fewest_directions_that_explain_the_share(float64):
    """Variances 4, 2, 1, 1: half of the variance is one direction, a little more is two."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(N, 8))
    axes = np.linalg.qr(axes - axes.mean(0))[0]
    x, y = axes[:, :4] * np.sqrt([4, 2, 1, 1]), axes[:, [0, 1, 4, 5]] * np.sqrt([4, 2, 1, 1])
    for variance, expected in ((0.49, 1), (0.51, 1), (0.76, 2 / 3), (1.0, 2 / 4)):
        assert float(svcca(x, y, variance=variance)) == pytest.approx(expected, abs=1e-9)
    found = compare({"x": single(x), "y": single(axes[:, :2] * [30, 1])}, metrics=["svcca"])
    assert found.svcca_directions.values.tolist() == [4, 1]


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_rotation_scale_translation_and_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    expected = definitions.svcca(x, y, components=4)
    assert float(svcca(single(moved), single(y[order]), components=4)) == pytest.approx(expected, rel=1e-4)
    assert float(svcca(single(y), single(x), components=4)) == pytest.approx(expected, rel=1e-4)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    assert float(svcca(x, y)) == pytest.approx(definitions.svcca(x, y), rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    assert float(svcca(single(x * scale), single(y))) == pytest.approx(definitions.svcca(x, y), rel=1e-5)


@pytest.mark.filterwarnings("ignore:.*(is constant|NaN or infinite)")
def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        for options in ({}, {"components": 4}):
            assert np.isnan(svcca(bad, y, **options))
            assert np.isnan(svcca(y, bad, **options))


def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(svcca(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(svcca))(xs, ys), loop, rtol=1e-5)


@pytest.mark.thorough
def test_the_gradient_holds_the_leading_directions_fixed(float64):
    x, y = views(8)
    step = np.random.default_rng(0).normal(size=x.shape)

    def axes(v):
        return np.linalg.svd(v - v.mean(0), full_matrices=False)[2][:4].T

    a, b = axes(x), axes(y)
    gradient = np.asarray(jax.jit(jax.grad(lambda v: svcca(v, y, components=4)))(jnp.asarray(x)))
    ends = [definitions.cca((x + side * 1e-5 * step) @ a, y @ b) for side in (1, -1)]
    assert float((gradient * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variance": 0}, "variance=0 is a share"),
        ({"variance": 99}, "above 0 and up to 1"),
        ({"variance": float("nan")}, "variance=nan"),
        ({"components": 0}, "components from 1 to 12"),
        ({"components": 13}, "64 samples with 12 and 12 columns"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        svcca(*views(0), **options)


def test_a_comparison_has_the_same_values_and_the_chance_of_permutations():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 5)))
    found = compare({"a": x, "b": y, "c": z}, metrics=["svcca"])
    value, chance = found.svcca.values, found.svcca_chance.values
    assert value[0, 1] == value[1, 0] == pytest.approx(float(svcca(x, y)), rel=1e-5)
    assert value[2, 0] == pytest.approx(float(svcca(x, z)), rel=1e-5)
    np.testing.assert_array_equal(value.diagonal(), 1)
    rng = np.random.default_rng(1)
    drawn = np.array([definitions.svcca(x, y[rng.permutation(N)]) for _ in range(200)])
    error = drawn.std(ddof=1) / 200**0.5
    assert chance[0, 1] == chance[1, 0] == pytest.approx(drawn.mean(), abs=4 * error + 0.005)
