from __future__ import annotations

import importlib
import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import CompareConfig, compare, list_metrics, second_order_cosine
from hyle.engine.comparison.calibration import null_of
from hyle.engine.context import MetricContext
from hyle.engine.metrics.algorithms import neighbour_cosines
from hyle.engine.permutation import draw

from .. import definitions
from ..samples import EXAMPLES, D, K, N, oracle_inputs, rotation, scales, seeds, single, views

METRICS = ("cosine", "euclidean", "inner_product")


@pytest.mark.parametrize("metric", METRICS)
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_the_definition_under_rotation_scale_and_common_permutation(metric, seed, scale):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved, other = single((x @ rotation(D, seed))[order] * scale), single(y[order])
    value = float(second_order_cosine(moved, other, k=K, neighbour_metric=metric))
    assert value == pytest.approx(definitions.second_order_cosine(x, y, K, metric), abs=1e-6)
    assert value == pytest.approx(float(second_order_cosine(other, moved, k=K, neighbour_metric=metric)), abs=1e-6)
    assert float(second_order_cosine(other, other, k=K, neighbour_metric=metric)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("k", [1, N - 1])
def test_one_neighbour_and_all_of_them(k):
    x, y = map(single, views(3))
    value = float(second_order_cosine(x, y, k=k))
    assert value == pytest.approx(definitions.second_order_cosine(x, y, k), abs=1e-6)


def test_three_directions_by_hand():
    """Cosines of the angles between directions at 0, 60 and 90 degrees, and at 0, 90 and 60 degrees."""
    angles = np.radians([[0, 60, 90], [0, 90, 60]])
    x, y = (np.stack([np.cos(a), np.sin(a)], 1) for a in angles)
    # The rows (1/2, 0) and (0, 1/2); (1/2, r) and (0, r); (0, r) and (1/2, r), with r = cos 30 degrees.
    r = 3**0.5 / 2
    rows = [0.0, r**2 / r, r**2 / r]
    assert float(second_order_cosine(x, y, k=2)) == pytest.approx(np.mean(rows), abs=1e-6)


def test_the_definition_with_repeated_rows_in_float64(float64):
    x, y = oracle_inputs()["dups100"]
    value = float(second_order_cosine(x, y, k=5, neighbour_metric="euclidean"))
    assert value == pytest.approx(definitions.second_order_cosine(x, y, 5, "euclidean"), rel=1e-12)


def test_rows_of_zeros_count_as_0_and_the_derivative_is_finite():
    x, y = map(single, views(4))
    x[3] = y[3] = y[8] = 0
    expected = definitions.second_order_cosine(x, y, K, "euclidean")
    function = jax.jit(lambda a, b: second_order_cosine(a, b, k=K, neighbour_metric="euclidean"))
    assert float(second_order_cosine(x, y, k=K, neighbour_metric="euclidean")) == pytest.approx(expected, abs=1e-6)
    assert float(function(x, y)) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(jax.jit(jax.grad(function))(jnp.asarray(x), jnp.asarray(y))).all()
    found = compare({"x": x, "y": y}, metrics=["second_order_cosine"], k=K, neighbour_metric="euclidean")
    np.testing.assert_allclose(found.second_order_cosine[0, 1], expected, atol=1e-6)


def test_the_derivative_with_neighbours_held_fixed(float64):
    x, y = views(6)
    step = np.random.default_rng(0).normal(size=x.shape)
    derivative = jax.jit(jax.grad(lambda a: second_order_cosine(a, y, k=K)))(jnp.asarray(x))
    ends = [definitions.second_order_cosine(x + sign * 1e-6 * step, y, K) for sign in (1, -1)]
    assert float((derivative * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_many_neighbours_in_jit_and_in_a_comparison():
    """Beyond 64 neighbours tables are sorted."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4))
    x, y = single(x), single(x + rng.normal(size=x.shape))
    expected = definitions.second_order_cosine(x, y, 70)
    assert float(jax.jit(lambda a, b: second_order_cosine(a, b, k=70))(x, y)) == pytest.approx(expected, abs=1e-6)
    found = compare({"x": x, "y": y}, metrics=["second_order_cosine"], k=70)
    assert found.second_order_cosine.sel(model="x", other="y").item() == pytest.approx(expected, abs=1e-6)


def test_vmap_is_the_loop_and_16_bit_rows_are_computed_in_float32():
    xs, ys = (jnp.asarray(np.stack(v), jnp.bfloat16) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [second_order_cosine(x, y, k=K) for x, y in zip(xs, ys, strict=True)]
    assert loop[0].dtype == jnp.float32
    assert float(loop[0]) == pytest.approx(definitions.second_order_cosine(xs[0], ys[0], K), abs=1e-6)
    mapped = jax.jit(jax.vmap(lambda x, y: second_order_cosine(x, y, k=K)))(xs, ys)
    np.testing.assert_allclose(mapped, loop, rtol=1e-5)


def test_centred_rows():
    x, y = map(single, views(5))
    value = float(second_order_cosine(x + 3, y - 2, k=K, centre=True))
    assert value == pytest.approx(definitions.second_order_cosine(x - x.mean(0), y - y.mean(0), K), abs=1e-6)
    # Far from the origin all cosines are close to 1.
    assert 1 - float(second_order_cosine(x + 30, y - 20, k=K)) < 0.01 * (1 - value)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    for metric in METRICS:
        assert np.isnan(second_order_cosine(broken, y, k=K, neighbour_metric=metric))
        assert np.isnan(second_order_cosine(np.full_like(x, 3.3), y, k=K, neighbour_metric=metric))
    assert np.isnan(second_order_cosine(y, np.full_like(x, 3.3), k=K, centre=True))
    assert np.isnan(jax.jit(lambda a, b: second_order_cosine(a, b, k=K))(broken, y))


def test_chance_is_close_to_the_mean_over_all_permutations(float64):
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    orders = itertools.permutations(range(6))
    values = [definitions.second_order_cosine(x, y[list(order)], 3) for order in orders]
    found = [compare({"x": x, "y": y}, metrics=["second_order_cosine"], k=3, seed=seed) for seed in range(10)]
    drawn = found[0].second_order_cosine.attrs["chance_permutations"] * len(found)
    chance = np.mean([each.second_order_cosine_chance.sel(model="x", other="y") for each in found])
    assert abs(chance - np.mean(values)) < 4 * np.std(values) / drawn**0.5
    for each in found:
        assert each.second_order_cosine.sel(model="x", other="y").item() == pytest.approx(values[0], rel=1e-12)


def test_chance_among_other_labels_keeps_labels_together():
    """Ten structures of ten atoms: atoms of one structure are alike in any model, and are never neighbours."""
    rng, k = np.random.default_rng(5), 5
    labels = np.repeat(np.arange(10), 10)
    x, y = (single(rng.normal(size=(10, 4))[labels] + 0.3 * rng.normal(size=(100, 4))) for _ in range(2))

    def score(order):
        total = 0.0
        near = [definitions.similarity(v, "cosine") for v in (x, y[order])]
        for i in range(100):
            others = np.flatnonzero(labels != labels[i])
            sets = [others[np.argsort(-each[i, others], kind="stable")[:k]] for each in near]
            union = np.union1d(*sets)
            a, b = (each[i, union] for each in near)
            total += a @ b / np.sqrt(a @ a * (b @ b))
        return total / 100

    kept = [(rng.permutation(10)[:, None] * 10 + np.arange(10)).ravel() for _ in range(200)]
    values = np.array([score(order) for order in kept])
    found = compare({"x": x, "y": y}, metrics=["second_order_cosine"], k=k, neighbours_outside=labels.astype(str))
    variable = found.second_order_cosine
    assert variable[0, 1].item() == pytest.approx(score(np.arange(100)), abs=1e-5)
    error = values.std() * (1 / 200 + 1 / variable.attrs["chance_permutations"]) ** 0.5
    assert abs(found.second_order_cosine_chance[0, 1].item() - values.mean()) < 4 * error
    module = importlib.import_module("hyle.engine.metrics.second_order_cosine")  # its name is that of the function
    context = MetricContext(["x", "y"], [x, y], CompareConfig(k=k), outside=labels.astype(np.int32))
    for order in module._chance_orders(context):
        assert all(len(set(labels[order[labels == label]])) == 1 for label in range(10))
    sizes = ["a"] * 40 + ["b"] * 60
    found = compare({"x": x, "y": y}, metrics=["second_order_cosine"], k=k, neighbours_outside=sizes)
    assert np.isnan(found.second_order_cosine_chance[0, 1])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("metric", METRICS)
def test_the_null_distribution_is_that_of_permuted_samples(monkeypatch, metric, whole):
    """From whole rows of similarities or from single ones, and of a model with ties, which is searched anew."""
    module = importlib.import_module("hyle.engine.metrics.second_order_cosine")  # its name is that of the function
    monkeypatch.setattr(neighbour_cosines, "GATHERED", 12 if whole else 0)
    monkeypatch.setattr(module, "HELD", 14 * 40)  # in several parts
    rng = np.random.default_rng(0)
    x = rng.normal(size=(14, 5))
    tied = rng.integers(-3, 4, (14, 2)) if metric != "cosine" else np.repeat(rng.normal(size=(7, 2)), 2, 0)
    arrays = [single(v) for v in (x, x[:, :3] + rng.normal(size=(14, 3)), tied)]
    context = MetricContext(["c", "a", "b"], arrays, CompareConfig(k=3, neighbour_metric=metric))
    permutations, entry = draw(14, 5), list_metrics()["second_order_cosine"]
    context.run_pass(list(entry.needs))
    fast, slow = null_of(entry, context, permutations), null_of(replace(entry, null=None), context, permutations)
    np.testing.assert_allclose(fast, slow, atol=1e-6)
    for number, order in enumerate(permutations.orders[:3]):
        expected = definitions.second_order_cosine(arrays[1], arrays[2][order], 3, metric)
        assert fast[number, 1, 2] == pytest.approx(expected, abs=1e-6)


def test_ties_broken_by_index_do_not_pass_for_alignment():
    """Labels that are drawn independently of each other have ties in every row, broken by the same indices."""
    rng = np.random.default_rng(3)
    models = {f"m{i:02d}": np.eye(3)[rng.integers(0, 3, 30)] for i in range(20)}
    found = compare(models, metrics=["second_order_cosine"], k=4, permutations=19)
    p = found.second_order_cosine_p.values[np.triu_indices(20, 1)]
    # Pairs share models: 0.05 +- 4 binomial standard deviations of 190 independent ones.
    assert (p <= 0.05).mean() < 0.115


def test_a_model_of_equal_rows_has_no_null_distribution():
    rng = np.random.default_rng(0)
    models = {"a": rng.normal(size=(20, 3)), "b": np.ones((20, 3)), "c": rng.normal(size=(20, 4))}
    options = {"k": 4, "permutations": 9, "keep_resamples": True}
    for metric in METRICS:
        found = compare(models, metrics=["second_order_cosine"], neighbour_metric=metric, **options)
        for null in (found.second_order_cosine_null_samples.values, found.second_order_cosine_chance.values):
            assert np.isnan(null[..., [0, 1, 2], [1, 0, 1]]).all()
            assert np.isfinite(null[..., [0, 2], [2, 0]]).all()


@pytest.mark.parametrize(
    ("options", "words"), [({"k": N}, "use k from 1 to 63"), ({"neighbour_metric": "l1"}, "euclidean")]
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        second_order_cosine(*views(0), **options)
