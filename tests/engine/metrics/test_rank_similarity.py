from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import CompareConfig, compare, jaccard_knn, list_metrics, rank_similarity
from hyle.engine.comparison.calibration import null_of
from hyle.engine.context import MetricContext
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
    value = float(rank_similarity(moved, other, k=K, neighbour_metric=metric))
    assert value == pytest.approx(definitions.rank_similarity(x, y, K, metric), abs=1e-6)
    assert value == pytest.approx(float(rank_similarity(other, moved, k=K, neighbour_metric=metric)), abs=1e-6)
    assert float(rank_similarity(other, other, k=K, neighbour_metric=metric)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("k", [1, N - 1])
def test_one_neighbour_and_all_of_them(k):
    x, y = map(single, views(3))
    value = float(rank_similarity(x, y, k=k))
    assert value == pytest.approx(definitions.rank_similarity(x, y, k), abs=1e-6)
    if k == 1:
        assert value == pytest.approx(float(jaccard_knn(x, y, k=1)), abs=1e-6)


def test_points_on_a_line_by_hand():
    """Neighbours of the three rows in x: 1 2, 0 2, 1 0; in y: 2 1, 2 0, 1 0."""
    x, y = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [6.0], [5.0]])
    swapped = 2 * (2 / (2 * 3)) / 1.5
    found = float(rank_similarity(x, y, k=2, neighbour_metric="euclidean"))
    assert found == pytest.approx((2 * swapped + 1) / 3, rel=1e-6)


def test_ties_are_ranked_by_the_lowest_index():
    """Corners of a square: the two adjacent ones are equally near, and the order of the rows tells which is first."""
    square = np.array([[1.0, 1], [1, -1], [-1, -1], [-1, 1]])
    x, y = np.concatenate([square, 3 * square]), np.concatenate([3 * square, square])
    for metric in ("euclidean", "inner_product"):  # the cosines have rounding errors
        value = float(rank_similarity(x, y, k=3, neighbour_metric=metric))
        assert value == pytest.approx(definitions.rank_similarity(x, y, 3, metric), abs=1e-6)


def test_the_definition_with_repeated_rows_in_float64(float64):
    x, y = oracle_inputs()["dups100"]
    value = float(rank_similarity(x, y, k=5, neighbour_metric="euclidean"))
    assert value == pytest.approx(definitions.rank_similarity(x, y, 5, "euclidean"), rel=1e-12)


def test_float32_far_from_the_origin():
    """The matrix product has errors of a part in a thousand here, which would change the order of neighbours."""
    x, y = (single(v + 300) for v in views(0))
    for metric in ("cosine", "euclidean"):
        value = float(rank_similarity(x, y, k=K, neighbour_metric=metric))
        assert value == pytest.approx(definitions.rank_similarity(x, y, K, metric), abs=1e-6)


def test_many_neighbours_in_jit_and_in_a_comparison():
    """Beyond 64 neighbours tables are sorted."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4))
    x, y = single(x), single(x + rng.normal(size=x.shape))
    expected = definitions.rank_similarity(x, y, 70)
    assert float(jax.jit(lambda a, b: rank_similarity(a, b, k=70))(x, y)) == pytest.approx(expected, abs=1e-6)
    found = compare({"x": x, "y": y}, metrics=["rank_similarity"], k=70, permutations=3)
    assert found.rank_similarity.sel(model="x", other="y").item() == pytest.approx(expected, abs=1e-9)
    order = draw(100, 3).orders
    null = np.mean([definitions.rank_similarity(x, y[each], 70) for each in order])
    assert found.rank_similarity_null.sel(model="x", other="y").item() == pytest.approx(null, abs=1e-9)


def test_vmap_is_the_loop_and_16_bit_rows_are_computed_in_float32():
    xs, ys = (jnp.asarray(np.stack(v), jnp.bfloat16) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [rank_similarity(x, y, k=K) for x, y in zip(xs, ys, strict=True)]
    assert loop[0].dtype == jnp.float32
    assert float(loop[0]) == pytest.approx(definitions.rank_similarity(xs[0], ys[0], K), abs=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda x, y: rank_similarity(x, y, k=K)))(xs, ys), loop, rtol=1e-5)


def test_centred_neighbours_are_those_of_centred_rows():
    x, y = map(single, views(5))
    value = float(rank_similarity(x + 3, y - 2, k=K, centre=True))
    assert value == pytest.approx(definitions.rank_similarity(x - x.mean(0), y - y.mean(0), K), abs=1e-6)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    for metric in METRICS:
        assert np.isnan(rank_similarity(broken, y, k=K, neighbour_metric=metric))
        assert np.isnan(rank_similarity(np.full_like(x, 3.3), y, k=K, neighbour_metric=metric))
    assert np.isnan(rank_similarity(y, np.full_like(x, 3.3), k=K, centre=True))
    assert np.isnan(jax.jit(lambda a, b: rank_similarity(a, b, k=K))(broken, y))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_chance_is_the_mean_over_all_permutations(float64, k):
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    found = compare({"x": x, "y": y}, metrics=["rank_similarity"], k=k)
    orders = itertools.permutations(range(6))
    values = [definitions.rank_similarity(x, y[list(order)], k) for order in orders]
    np.testing.assert_allclose(found.rank_similarity_chance, np.mean(values), rtol=1e-12)
    assert found.rank_similarity.sel(model="x", other="y").item() == pytest.approx(values[0], rel=1e-12)


@pytest.mark.parametrize(("count", "groups"), [(37, False), (9, True)])
@pytest.mark.parametrize("metric", METRICS)
def test_the_null_distribution_is_that_of_permuted_samples(metric, count, groups):
    """Of integers too, which have ties in every row, and are ranked anew."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(14, 5))
    whole = rng.integers(-3, 4, (14, 2)) if metric != "cosine" else np.repeat(rng.normal(size=(7, 2)), 2, 0)
    arrays = [single(v) for v in (x, x[:, :3] + rng.normal(size=(14, 3)), whole)]
    context = MetricContext(["c", "a", "b"], arrays, CompareConfig(k=3, neighbour_metric=metric))
    permutations = draw(14, count, groups=[i % 2 for i in range(14)] if groups else None)
    entry = list_metrics()["rank_similarity"]
    context.run_pass(list(entry.needs))
    fast, slow = null_of(entry, context, permutations), null_of(replace(entry, null=None), context, permutations)
    np.testing.assert_allclose(fast, slow, atol=1e-6)
    for number, order in enumerate(permutations.orders[:3]):  # b has ties, and is permuted
        expected = definitions.rank_similarity(arrays[1], arrays[2][order], 3, metric)
        assert fast[number, 1, 2] == pytest.approx(expected, abs=1e-6)


def test_ties_broken_by_index_do_not_pass_for_alignment():
    """Labels that are drawn independently of each other have ties in every row, broken by the same indices.

    With all other rows as neighbours no tie is at the k-th.
    """
    rng = np.random.default_rng(3)
    models = {f"m{i:02d}": np.eye(3)[rng.integers(0, 3, 30)] for i in range(20)}
    for k in (4, 29):
        found = compare(models, metrics=["rank_similarity"], k=k, permutations=19)
        p = found.rank_similarity_p.values[np.triu_indices(20, 1)]
        # Pairs share models: 0.05 +- 4 binomial standard deviations of 190 independent ones.
        assert (p <= 0.05).mean() < 0.115


def test_a_model_of_equal_rows_has_no_null_distribution():
    rng = np.random.default_rng(0)
    models = {"a": rng.normal(size=(20, 3)), "b": np.ones((20, 3)), "c": rng.normal(size=(20, 4))}
    options = {"k": 4, "permutations": 9, "keep_resamples": True}
    null = compare(models, metrics=["rank_similarity"], **options).rank_similarity_null_samples.values
    assert np.isnan(null[:, [0, 1, 2], [1, 0, 1]]).all()
    assert np.isfinite(null[:, [0, 2], [2, 0]]).all()


@pytest.mark.parametrize(
    ("options", "words"), [({"k": N}, "use k from 1 to 63"), ({"neighbour_metric": "l1"}, "euclidean")]
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        rank_similarity(*views(0), **options)
