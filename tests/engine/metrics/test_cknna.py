from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import cka, cknna, compare

from .. import definitions
from ..samples import (
    EXAMPLES,
    SINGLE_CASES,
    D,
    K,
    N,
    oracle,
    oracle_inputs,
    padded,
    rotation,
    scales,
    seeds,
    single,
    unrelated,
    views,
)

METRICS = ("cosine", "inner_product")
VARIANTS = ("debiased", "biased", "row_centred", "double_centred", "calibrated_form")
NAMES = ("cknna", *(f"cknna_{variant}" for variant in VARIANTS[1:]))


@pytest.mark.parametrize(
    ("case", "k"), [("wide40", 10), pytest.param("swiss500", 10, marks=pytest.mark.thorough), ("shared64", 5)]
)
def test_oracle_in_float64(case, k, float64):
    value = float(cknna(*padded(case), k=k))
    assert value == pytest.approx(oracle(f"cknna_cosine_unbiased(k={k})", case), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", ["shared64"])
def test_oracle_with_all_neighbours_is_debiased_cka_of_unit_rows(case, float64):
    x, y = padded(case)
    value = float(cknna(x, y, k=len(x) - 1))
    assert value == pytest.approx(oracle("cknna_cosine_unbiased(k=n-1)", case), rel=1e-6)
    assert float(cknna(x, y, k=len(x) - 1, variant="double_centred")) == pytest.approx(value, abs=0.02)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y)]
    assert value == pytest.approx(float(cka(*unit)), rel=1e-9)


@pytest.mark.parametrize("case", SINGLE_CASES)
def test_oracle_in_float32(case):
    value = cknna(*map(single, padded(case)), k=5)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle("cknna_cosine_unbiased(k=5)", case), rel=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("metric", METRICS)
def test_the_definition_in_float64(metric, variant, float64):
    x, y = views(1)
    value = float(cknna(x + 1, y, k=K, neighbour_metric=metric, variant=variant))
    assert value == pytest.approx(definitions.cknna_variant(x + 1, y, K, variant, metric), rel=1e-9)


@pytest.mark.parametrize("variant", ["debiased", "double_centred"])
def test_repeated_rows_are_neighbours_like_others(variant, float64):
    x, y = oracle_inputs()["dups100"]
    expected = definitions.cknna_variant(x, y, 5, variant)
    assert float(cknna(x, y, k=5, variant=variant)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@EXAMPLES
@given(seed=seeds, scale=scales)
def test_rotation_scale_and_common_permutation_leave_it(variant, seed, scale):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved, other = single((x @ rotation(D, seed))[order] * scale), single(y[order])
    value = float(cknna(moved, other, k=K, variant=variant))
    assert value == pytest.approx(definitions.cknna_variant(x, y, K, variant), rel=1e-4)
    assert -1 < value < 1
    if variant != "debiased":
        assert float(cknna(other, moved, k=K, variant=variant)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_scale_leaves_inner_products(variant, scale):
    x, y = map(single, views(12))
    value = float(cknna(x, y * np.float32(scale), k=K, neighbour_metric="inner_product", variant=variant))
    assert value == pytest.approx(definitions.cknna_variant(x, y, K, variant, "inner_product"), rel=1e-4)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_one_with_itself_and_nearly_symmetric(seed, scale):
    x, y = map(single, views(seed))
    assert float(cknna(x, x * np.float32(scale), k=K)) == pytest.approx(1, abs=1e-5)
    assert abs(float(cknna(x, y, k=K)) - float(cknna(y, x, k=K))) < 0.01


def test_under_vmap_the_loop_swapped_within_the_stated_bound_and_by_chance_as_stated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, N, D))
    y = x + 2 * rng.random((300, 1, 1)) * rng.normal(size=x.shape) + 3 * rng.random((300, 1, 1))
    x, y = single(x), single(y)
    mapped = jax.jit(jax.vmap(lambda x, y: cknna(x, y, k=K)))
    there, back = np.asarray(mapped(x, y)), np.asarray(mapped(y, x))
    np.testing.assert_allclose(there[:5], [cknna(*pair, k=K) for pair in zip(x[:5], y[:5], strict=True)], rtol=1e-5)
    assert 0 < np.abs(there - back).max() < 0.01
    assert there.max() < 1.05
    chance = np.asarray(mapped(x, single(rng.normal(size=x.shape))))
    assert chance.mean() == pytest.approx(0.9 * K / (N - 1), abs=4 * chance.std() / np.sqrt(len(chance)) + 0.005)


def test_noise_lowers_it_step_by_step():
    x, _ = views(3)
    noise = np.random.default_rng(4).normal(size=x.shape)
    values = [float(cknna(single(x), single(x + s * noise), k=K)) for s in (0, 0.3, 1, 3, 10)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.3


@pytest.mark.parametrize("variant", VARIANTS)
def test_far_from_the_origin_in_float32(variant):
    x, y = (single(v + 200 * v.std()) for v in views(5))
    expected = definitions.cknna_variant(x, y, K, variant)
    assert float(cknna(x, y, k=K, variant=variant)) == pytest.approx(expected, rel=1e-4)


def test_centred_it_does_not_see_a_translation():
    x, y = views(2)
    expected = definitions.cknna(x - x.mean(0), y - y.mean(0), K)
    for offset in (0, 200 * x.std()):
        assert float(cknna(single(x + offset), single(y - offset), k=K, centre=True)) == pytest.approx(
            expected, rel=1e-4
        )
    assert expected != pytest.approx(definitions.cknna(x + 200, y, K), abs=0.05)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = cknna(x, y, k=K)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.cknna(x, y, K), abs=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_constant_or_not_finite_is_nan(variant):
    x, y = map(single, views(7))
    for entry in (np.nan, np.inf):
        broken = x.copy()
        broken[3, 2] = entry
        assert np.isnan(cknna(broken, y, k=K, variant=variant))
    for metric in METRICS:
        assert np.isnan(cknna(np.full_like(x, 3.3), y, k=K, neighbour_metric=metric, variant=variant))
        assert np.isnan(cknna(y, np.zeros_like(x), k=K, neighbour_metric=metric, variant=variant))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_row_of_zeros_has_the_similarity_zero(variant):
    x, y = (np.abs(single(v)) for v in views(8))
    x[[3, 40]] = 0
    expected = definitions.cknna_variant(x, y, K, variant)
    assert float(cknna(x, y, k=K, variant=variant)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.thorough
def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))

    def variants(x, y):
        return jnp.stack([cknna(x, y, k=K, variant=variant) for variant in ("row_centred", "calibrated_form")])

    loop = [variants(x, y) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(variants))(xs, ys), loop, rtol=1e-5)


@pytest.mark.parametrize(
    "variant", ["debiased", "row_centred", pytest.param("calibrated_form", marks=pytest.mark.thorough)]
)
def test_the_gradient_is_that_of_finite_differences(variant, float64):
    x, y = (jnp.asarray(v) for v in views(10))
    x = x.at[7].set(x[3])  # at a distance of zero
    score = functools.partial(cknna, k=K, variant=variant)
    gradient = jax.jit(jax.grad(score))(x, y)
    assert jnp.isfinite(gradient).all()
    way = jnp.asarray(np.random.default_rng(0).normal(size=x.shape)).at[7].set(0).at[3].set(0)
    step = 1e-6 * way
    slope = (score(x + step, y) - score(x - step, y)) / 2e-6
    assert float((gradient * way).sum()) == pytest.approx(float(slope), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": N}, "use k from 2 to 63"),
        ({"k": 1}, "k=1"),
        ({"neighbour_metric": "euclidean"}, "masks a similarity"),
        ({"variant": "unbiased"}, "use debiased, biased, row_centred, double_centred, calibrated_form"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        cknna(*views(0), **options)


def test_more_columns_than_rows_and_independent():
    # Code that adds 1e-6 to a denominator of 3.6e-5 has 0.1547 here.
    x, y = unrelated()
    assert float(cknna(single(x), single(y), k=10)) == pytest.approx(0.1592050, abs=2e-5)
    assert definitions.cknna(x, y, 10) == pytest.approx(0.1592050, abs=1e-7)


def test_digits_left_and_right(digits, float64):
    found = compare(dict(zip(("left", "right"), digits, strict=True)), metrics=NAMES, k=10)
    values = [found[name].sel(model="left", other="right").item() for name in NAMES]
    # Of independent code. Adding 1e-6 to the denominator gives 0.14776044 for the first.
    assert values == pytest.approx([0.14780646, 0.28134615, 0.16669884, 0.14797586, 0.16359342], abs=2e-8)
