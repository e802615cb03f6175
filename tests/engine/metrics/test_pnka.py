from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import CompareConfig, cka, compare, list_metrics, pnka
from hyle.engine.comparison.calibration import null_of
from hyle.engine.context import MetricContext
from hyle.engine.permutation import draw

from .. import definitions
from ..samples import EXAMPLES, D, N, rotation, scales, seeds, single, views


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_the_definition_under_rotation_scale_translation_and_common_permutation(seed, scale):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved, other = single((x @ rotation(D, seed) + 7)[order] * scale), single(y[order])
    samples = pnka(moved, other, per_sample=True)
    np.testing.assert_allclose(samples, definitions.pnka(x, y)[order], atol=2e-5)
    assert float(pnka(moved, other)) == pytest.approx(float(np.mean(samples)), abs=1e-6)
    assert float(pnka(other, moved)) == pytest.approx(float(pnka(moved, other)), abs=1e-6)
    np.testing.assert_allclose(pnka(moved, moved, per_sample=True), 1, atol=1e-6)


@pytest.mark.parametrize(("wide", "narrow"), [(80, 5), (80, 70), (5, 80)])
def test_more_columns_than_rows(wide, narrow):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(30, 4))
    x, y = (single(shared @ rng.normal(size=(4, d)) + 0.5 * rng.normal(size=(30, d))) for d in (wide, narrow))
    expected = definitions.pnka(x, y)
    np.testing.assert_allclose(pnka(x, y, per_sample=True), expected, atol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda a, b: pnka(a, b, per_sample=True))(x, y), expected, atol=1e-5)


def test_float32_far_from_the_origin_and_directions_of_little_variance():
    """Row 0 is in a direction of a thousandth of the standard deviation, where K_0 is a millionth of the others."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(200, 6)) * np.geomspace(1, 1e-3, 6) for _ in range(2))
    for rows in (x, y):
        rows[0] = rows[1:].mean(0) + 1e-3 * np.eye(6)[5]
    x, y = single(x @ rotation(6, 0)), single(y @ rotation(6, 1))
    np.testing.assert_allclose(pnka(x, y, per_sample=True), definitions.pnka(x, y), atol=1e-5)
    x, y = (single(v + 100) for v in views(0))
    np.testing.assert_allclose(pnka(x, y, per_sample=True), definitions.pnka(x, y), atol=1e-5)


def test_the_definition_in_float64(float64):
    x, y = views(1)
    np.testing.assert_allclose(pnka(x, y, per_sample=True), definitions.pnka(x, y), rtol=1e-11, atol=1e-12)


def test_weighted_by_the_lengths_of_the_rows_it_is_cka():
    x, y = map(single, views(2))
    lengths = [np.linalg.norm(definitions.kernel_matrix(v), axis=1) for v in (x, y)]
    weights = lengths[0] * lengths[1] / (np.linalg.norm(lengths[0]) * np.linalg.norm(lengths[1]))
    value = float(np.asarray(pnka(x, y, per_sample=True), np.float64) @ weights)
    assert value == pytest.approx(float(cka(x, y, debiased=False)), abs=1e-5)


def test_it_finds_the_samples_that_differ():
    x, _ = views(3)
    y = x.copy()
    y[[5, 17]] = 3 * np.random.default_rng(0).normal(size=(2, D))
    assert set(np.argsort(pnka(single(x), single(y), per_sample=True))[:2]) == {5, 17}


def test_vmap_is_the_loop_and_16_bit_rows_are_computed_in_float32():
    xs, ys = (jnp.asarray(np.stack(v), jnp.bfloat16) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [pnka(x, y) for x, y in zip(xs, ys, strict=True)]
    assert loop[0].dtype == jnp.float32
    assert float(loop[0]) == pytest.approx(definitions.pnka(xs[0], ys[0]).mean(), abs=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(pnka))(xs, ys), loop, rtol=1e-5)


def test_the_derivative(float64):
    x, y = views(4)
    step = np.random.default_rng(0).normal(size=x.shape)
    derivative = float((jax.grad(pnka)(jnp.asarray(x), jnp.asarray(y)) * step).sum())
    ends = [definitions.pnka(x + sign * 1e-5 * step, y).mean() for sign in (1, -1)]
    assert derivative == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_a_sample_at_the_mean_counts_as_0_and_its_derivative_is_finite():
    x = single(np.array([[0, 0], [1, 2], [-1, -2], [3, -1], [-3, 1]]))
    y = single(np.random.default_rng(0).normal(size=(5, 3)))
    for function in (pnka, jax.jit(pnka, static_argnames="per_sample")):
        samples = np.asarray(function(x, y, per_sample=True))
        assert samples[0] == 0
        np.testing.assert_allclose(samples, definitions.pnka(x, y), atol=1e-6)
    assert np.isfinite(jax.grad(pnka)(jnp.asarray(x), jnp.asarray(y))).all()


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    for function in (pnka, jax.jit(pnka)):
        assert np.isnan(function(broken, y))
        assert np.isnan(function(np.full_like(x, 3.3), y))
    assert np.isnan(pnka(y, broken, per_sample=True)).all()


@pytest.mark.parametrize("width", [3, 9])
def test_chance_is_the_mean_over_all_permutations(float64, width):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, width))
    found = compare({"x": x, "y": y}, metrics=["pnka"])
    values = [definitions.pnka(x, y[list(order)]).mean() for order in itertools.permutations(range(6))]
    np.testing.assert_allclose(found.pnka_chance.sel(model="x", other="y"), np.mean(values), rtol=1e-9)
    assert found.pnka.sel(model="x", other="y").item() == pytest.approx(values[0], rel=1e-9)


# Shifts of matrices along one cycle and several, in one band of rows and several; permuted features; within groups.
@pytest.mark.parametrize(
    ("n", "count", "width", "cycles"), [(15, 37, 60, 3), (300, 9, 60, 1), (200, 19, 2, 1), (14, 9, 2, 0)]
)
def test_the_null_distribution_is_that_of_permuted_samples(n, count, width, cycles):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5))
    arrays = [single(v) for v in (x, x[:, :3] + rng.normal(size=(n, 3)), rng.normal(size=(n, width)))]
    arrays[1][4] = arrays[1].mean(0)
    context, metric = MetricContext(["c", "a", "b"], arrays, CompareConfig()), list_metrics()["pnka"]
    permutations = draw(n, count, groups=None if cycles else [i % 2 for i in range(n)])
    assert len(permutations.cycles) == cycles
    fast, slow = null_of(metric, context, permutations), null_of(replace(metric, null=None), context, permutations)
    np.testing.assert_allclose(fast, slow, atol=2e-6)
    order = permutations.orders[2]
    assert fast[2, 1, 0] == pytest.approx(definitions.pnka(arrays[1], arrays[0][order]).mean(), abs=2e-6)


def test_a_model_of_equal_rows_has_no_null_distribution():
    rng = np.random.default_rng(0)
    models = {"a": rng.normal(size=(20, 3)), "b": np.ones((20, 3)), "c": rng.normal(size=(20, 4))}
    null = compare(models, metrics=["pnka"], permutations=9, keep_resamples=True).pnka_null_samples.values
    assert np.isnan(null[:, [0, 1, 2], [1, 0, 1]]).all()
    assert np.isfinite(null[:, [0, 2], [2, 0]]).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="x has 64 rows and y has 63"):
        pnka(views(0)[0], views(0)[1][1:])
