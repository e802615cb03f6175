from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, pearsonr, spearmanr

from hyle.engine import compare, estimate, rsa
from hyle.engine.permutation import draw

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views

DISTANCES = ("euclidean", "cosine", "correlation")
CORRELATIONS = {"spearman": spearmanr, "pearson": pearsonr, "kendall": kendalltau}  # without ties, tau-a is tau-b
ENTRIES = {
    "rsa": {},
    "rsa_cosine": {"distance": "cosine"},
    "rsa_correlation": {"distance": "correlation"},
    "rsa_pearson": {"correlation": "pearson"},
    "rsa_kendall": {"correlation": "kendall"},
}


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_scipy_in_float32(distance, correlation):
    x, y = oracle_inputs()["shared64"]
    expected = CORRELATIONS[correlation](pdist(x, distance), pdist(y, distance)).statistic
    value = rsa(single(x), single(y), distance=distance, correlation=correlation)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("distance", "correlation"), [("euclidean", "spearman"), ("correlation", "pearson"), ("cosine", "kendall")]
)
def test_scipy_in_float64(distance, correlation, float64):
    x, y = oracle_inputs()["shared64"]
    expected = CORRELATIONS[correlation](pdist(x, distance), pdist(y, distance)).statistic
    assert float(rsa(x, y, distance=distance, correlation=correlation)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [64, 63])  # the last shift meets its pairs twice where n is even
def test_tied_distances_get_their_mean_rank(n):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (n, D))
    y = np.where(rng.random((n, D)) < 0.3, 1 - x, x)
    x[20:24] = x[0]
    for correlation in ("spearman", "kendall"):
        expected = definitions.rsa(x, y, correlation=correlation)
        assert float(rsa(single(x), single(y), correlation=correlation)) == pytest.approx(expected, rel=1e-5)
        compiled = jax.jit(lambda x, y, c=correlation: rsa(x, y, correlation=c))(single(x), single(y))
        assert float(compiled) == pytest.approx(expected, rel=1e-5)
    # tau-b does without the pairs that are tied in either model: it is larger, and not what is computed.
    assert kendalltau(definitions.condensed(x, "euclidean"), definitions.condensed(y, "euclidean")).statistic > (
        1.05 * expected
    )
    expected = definitions.rsa(x, y)
    untied = spearmanr(pdist(x) + 1e-6 * rng.random(n * (n - 1) // 2), pdist(y)).statistic
    assert untied != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("distance", ["cosine", "correlation"])
def test_a_row_without_direction_is_at_distance_one_from_all(distance):
    x, y = map(single, views(3))
    x[5] = y[9] = 0 if distance == "cosine" else 3.3
    x[20:24] = x[0]
    for correlation in CORRELATIONS:
        expected = definitions.rsa(x, y, distance, correlation)
        assert float(rsa(x, y, distance=distance, correlation=correlation)) == pytest.approx(expected, rel=1e-5)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100))
def test_rotation_scale_translation_and_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    for correlation in CORRELATIONS:
        expected = definitions.rsa(x, y, correlation=correlation)
        assert float(rsa(single(moved), single(y[order]), correlation=correlation)) == pytest.approx(expected, abs=1e-4)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_symmetric_one_with_itself_and_cosine_blind_to_scale(seed, scale):
    x, y = map(single, views(seed))
    assert float(rsa(x, y)) == pytest.approx(float(rsa(y, x)), abs=1e-6)
    assert float(rsa(x, x * np.float32(scale), distance="cosine")) == pytest.approx(1, abs=1e-6)


def test_spearman_sees_only_the_order_of_distances():
    x = np.random.default_rng(0).normal(size=(N, 1))
    # The snowflake of a line: its distances are the roots of those of x.
    far = np.abs(x - x.T)
    h = np.eye(N) - 1 / N
    size, side = np.linalg.eigh(-0.5 * h @ far @ h)
    bent = side * np.sqrt(np.maximum(size, 0))
    assert float(rsa(single(x), single(bent))) == pytest.approx(1, abs=1e-4)
    assert float(rsa(single(x), single(bent), correlation="pearson")) < 0.99


def test_by_chance_zero_and_negative_values_are_kept():
    x, y = map(jnp.asarray, map(single, views(2)))
    orders = np.stack([np.random.default_rng(s).permutation(N) for s in range(100)])
    for correlation in CORRELATIONS:
        values = np.asarray(jax.vmap(lambda order, c=correlation: rsa(x, y[order], correlation=c))(orders))
        assert abs(values.mean()) < 4 * values.std(ddof=1) / 10
        assert values.min() < 0
        loop = [float(rsa(x, y[order], correlation=correlation)) for order in orders[:3]]
        np.testing.assert_allclose(values[:3], loop, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x, y = views(9)
    for correlation in CORRELATIONS:
        expected = definitions.rsa(x, y, correlation=correlation)
        assert float(rsa(single(x * scale), single(y), correlation=correlation)) == pytest.approx(expected, abs=1e-5)


def test_far_from_the_origin_in_float32():
    x, y = (single(v + 200 * v.std()) for v in views(5))
    for correlation in CORRELATIONS:
        expected = definitions.rsa(x, y, correlation=correlation)
        assert float(rsa(x, y, correlation=correlation)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = rsa(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.rsa(x, y), abs=1e-5)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_constant_or_not_finite_is_nan(correlation):
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.inf
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        for distance in ("euclidean", "correlation"):
            assert np.isnan(rsa(bad, y, correlation=correlation, distance=distance))
            assert np.isnan(rsa(y, bad, correlation=correlation, distance=distance))


def test_all_distances_equal_is_nan():
    y = single(np.random.default_rng(0).normal(size=(N, D)))
    for correlation in CORRELATIONS:
        assert np.isnan(rsa(np.eye(N, dtype=np.float32), y, correlation=correlation))


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_gradient_equals_finite_differences(distance, float64):
    x, y = views(10)
    x[5] = x[4]
    step = np.random.default_rng(0).normal(size=x.shape)
    step[5] = step[4]  # the distance of equal rows has a kink

    def score(v):
        return rsa(v, y, distance=distance, correlation="pearson")

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)
    for ranks in ("spearman", "kendall"):
        gradient = jax.jit(jax.grad(lambda v, c=ranks: rsa(v, y, distance=distance, correlation=c)))(jnp.asarray(x))
        assert not np.asarray(gradient).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distance": "cityblock"}, "euclidean, cosine, correlation"),
        ({"correlation": "cosine"}, "spearman, pearson, kendall"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        rsa(*views(0), **options)


def test_too_many_samples_to_rank_are_refused_with_a_way_out():
    many = jax.ShapeDtypeStruct((11586, 4), jnp.float32)
    with pytest.raises(ValueError, match="at most 11585 samples, or rsa"):
        jax.eval_shape(rsa, many, many)
    assert jax.eval_shape(lambda x: rsa(x, x, correlation="pearson"), many).shape == ()
    most = jax.ShapeDtypeStruct((11585, 4), jnp.float32)
    for correlation in ("spearman", "kendall"):
        assert jax.eval_shape(lambda x, c=correlation: rsa(x, x, correlation=c), most).shape == ()
        with pytest.raises(ValueError, match="at most 11585 samples"):
            jax.eval_shape(lambda x, c=correlation: rsa(x, x, correlation=c), many)


def test_tau_is_the_share_in_the_same_order_minus_that_in_opposite_order():
    x = single([[0], [1], [3], [7]])  # distances 1, 3, 7, 2, 6, 4
    y = single([[0], [1], [3], [2]])  # distances 1, 3, 2, 2, 1, 1: 4 of 15 pairs are tied, 6 in the same order
    expected = definitions.tau_a(np.array([1, 3, 7, 2, 6, 4.0]), np.array([1, 3, 2, 2, 1, 1.0]))
    assert expected == pytest.approx((6 - 5) / 15)
    assert float(rsa(x, y, correlation="kendall")) == pytest.approx(expected)
    assert float(rsa(y, y, correlation="kendall")) == pytest.approx(11 / 15)  # of itself all that is not tied


@pytest.mark.parametrize("held", [2**28, 1])  # all ranks at once, and each model's anew
@pytest.mark.parametrize("name", ENTRIES)
def test_a_comparison_has_the_same_values(name, held, monkeypatch):
    monkeypatch.setattr(sys.modules[rsa.__module__], "HELD_RANKS", held)
    x, y = views(11)
    x[5:8] = x[0]
    models = {"a": single(x), "b": single(y), "c": np.sign(single(x[:, :3]))}
    found = compare(models, metrics=[name])
    for a, b in ("ab", "ac", "bc", "cc"):
        expected = pytest.approx(definitions.rsa(models[a], models[b], **ENTRIES[name]), rel=1e-5)
        assert float(found[name].sel(model=a, other=b)) == expected
        assert float(found[name].sel(model=b, other=a)) == expected
    assert not found[f"{name}_chance"].values.any()
    for option, value in ENTRIES[name].items():
        assert value in found[name].attrs[option]


@pytest.mark.parametrize("held", [2**28, 1])
def test_tau_under_permutations_of_models_with_ties(held, monkeypatch):
    monkeypatch.setattr(sys.modules[rsa.__module__], "HELD_RANKS", held)
    x, y = views(12)
    models = {"a": np.sign(single(x[:, :4])), "b": np.sign(single(y[:, :5]))}
    found = compare(models, metrics=["rsa_kendall"], permutations=3, keep_resamples=True)
    orders = draw(N, 3).orders
    # The model with more repeated rows is permuted.
    repeats = {name: N - len(np.unique(v, axis=0)) for name, v in models.items()}
    assert repeats["a"] > repeats["b"]
    expected = [definitions.rsa(models["b"], models["a"][order], correlation="kendall") for order in orders]
    null = found.rsa_kendall_null_samples.sel(model="a", other="b").values
    np.testing.assert_allclose(null, expected, rtol=1e-6, atol=1e-9)


def test_the_estimate_counts_the_orders_of_each_permutation():
    passes = {stage.name: stage.passes for stage in estimate(500, [8] * 3, ["rsa_kendall"], permutations=50).stages}
    assert passes["permutations, orders of distances"] == 50 * passes["orders of all pairs of models"] > 0
    several = estimate(500, [8] * 3, ["rsa", "rsa_cosine", "cka"], permutations=50).stages
    assert "orders of all pairs of models" not in {stage.name for stage in several}
    assert {stage.name: stage.passes for stage in several}["distances in order"] == 2 * passes["distances in order"]
