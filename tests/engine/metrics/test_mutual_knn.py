from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import mutual_knn

from .. import definitions
from ..samples import (
    CASES,
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

ORACLES = {"mutual_knn_cosine": "cosine", "mutual_knn_euclid": "euclidean", "mutual_knn_inner_product": "inner_product"}
METRICS = tuple(ORACLES.values())


# Every k, name and case, but not every combination: each is compiled anew.
@pytest.mark.parametrize(
    ("name", "case", "k"),
    [("mutual_knn_cosine", case, 10) for case in CASES]
    + [("mutual_knn_euclid", "swiss500", 10), ("mutual_knn_inner_product", "wide40", 10)]
    + [("mutual_knn_cosine", "shared64", 5)],
)
def test_oracle_in_float64(name, case, k, float64):
    value = float(mutual_knn(*padded(case), k=k, neighbour_metric=ORACLES[name]))
    assert value == pytest.approx(oracle(f"{name}(k={k})", case), rel=1e-6)


@pytest.mark.parametrize("case", SINGLE_CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_float32(name, case):
    value = mutual_knn(*map(single, padded(case)), k=5, neighbour_metric=ORACLES[name])
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle(f"{name}(k=5)", case), rel=1e-4)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_repeated_rows_are_neighbours_like_others(metric, float64):
    x, y = oracle_inputs()["dups100"]
    assert float(mutual_knn(x, y, k=5, neighbour_metric=metric)) == pytest.approx(
        definitions.mutual_knn(x, y, 5, metric)
    )


@EXAMPLES
@given(seed=seeds, scale=scales)
@pytest.mark.parametrize("metric", METRICS)
def test_rotation_scale_and_common_permutation_leave_it(metric, seed, scale):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = single((x @ rotation(D, seed))[order] * scale)
    value = float(mutual_knn(moved, single(y[order]), k=K, neighbour_metric=metric))
    assert value == pytest.approx(definitions.mutual_knn(x, y, K, metric), abs=1e-6)


@EXAMPLES
@given(seed=seeds, offset=st.floats(-100, 100))
def test_euclidean_does_not_see_a_translation(seed, offset):
    x, y = views(seed)
    moved = single(x + offset * x.std())
    expected = definitions.mutual_knn(moved, y, K, "euclidean")
    assert float(mutual_knn(moved, single(y), k=K, neighbour_metric="euclidean")) == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx(definitions.mutual_knn(x, y, K, "euclidean"), abs=0.02)


@pytest.mark.parametrize("metric", METRICS)
def test_symmetric_and_one_with_itself(metric):
    for seed in range(5):
        x, y = map(single, views(seed))
        assert float(mutual_knn(x, y, k=K, neighbour_metric=metric)) == float(
            mutual_knn(y, x, k=K, neighbour_metric=metric)
        )
        assert float(mutual_knn(x, x, k=K, neighbour_metric=metric)) == 1


def test_centred_it_does_not_see_a_translation():
    x, y = views(2)
    expected = definitions.mutual_knn(x - x.mean(0), y - y.mean(0), K)
    for offset in (0, 200 * x.std()):
        value = float(mutual_knn(single(x + offset), single(y - offset), k=K, centre=True))
        assert value == pytest.approx(expected, abs=1e-6)
    assert expected != pytest.approx(definitions.mutual_knn(x + 200, y, K), abs=0.05)


def test_one_neighbour():
    x, y = map(single, views(0))
    assert float(mutual_knn(x, y, k=1)) == pytest.approx(definitions.mutual_knn(x, y, 1))


def test_under_vmap_the_loop_and_by_chance_k_over_n_minus_1():
    x, y = single(np.random.default_rng(0).normal(size=(2, 400, N, D)))
    values = np.asarray(jax.jit(jax.vmap(lambda x, y: mutual_knn(x, y, k=K)))(x, y))
    np.testing.assert_allclose(
        values[:5], [float(mutual_knn(*pair, k=K)) for pair in zip(x[:5], y[:5], strict=True)], 1e-6
    )
    assert abs(values.mean() - K / (N - 1)) < 4 * values.std(ddof=1) / np.sqrt(len(values))


def test_noise_lowers_it_step_by_step():
    x, _ = views(3)
    noise = np.random.default_rng(4).normal(size=x.shape)
    values = [float(mutual_knn(single(x), single(x + s * noise), k=K)) for s in (0, 0.3, 1, 3, 10)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.3


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_far_from_the_origin_in_float32(metric):
    x, y = (single(v + 200 * v.std()) for v in views(5))
    expected = definitions.mutual_knn(x, y, K, metric)
    assert float(mutual_knn(x, y, k=K, neighbour_metric=metric)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = mutual_knn(x, y, k=K)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.mutual_knn(x, y, K), abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_constant_or_not_finite_is_nan(metric):
    x, y = map(single, views(7))
    for entry in (np.nan, np.inf):
        broken = x.copy()
        broken[3, 2] = entry
        assert np.isnan(mutual_knn(broken, y, k=K, neighbour_metric=metric))
    assert np.isnan(mutual_knn(np.full_like(x, 3.3), y, k=K, neighbour_metric=metric))
    assert np.isnan(mutual_knn(y, np.zeros_like(x), k=K, neighbour_metric=metric))


@pytest.mark.parametrize("metric", METRICS[2:])
def test_jit_and_vmap_equal_the_loop(metric):
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(mutual_knn(x, y, k=K, neighbour_metric=metric)) for x, y in zip(xs, ys, strict=True)]
    mapped = jax.jit(jax.vmap(lambda x, y: mutual_knn(x, y, k=K, neighbour_metric=metric)))(xs, ys)
    np.testing.assert_allclose(mapped, loop, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": N}, "use k from 1 to 63"),
        ({"k": 0}, "k=0"),
        ({"neighbour_metric": "manhattan"}, "cosine, euclidean, inner_product"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        mutual_knn(*views(0), **options)


def test_more_columns_than_rows_and_independent():
    assert float(mutual_knn(*map(single, unrelated()), k=10)) == pytest.approx(0.1625, abs=1e-6)


def test_digits_left_and_right(digits, float64):
    assert float(mutual_knn(*digits, k=10)) == pytest.approx(0.16176962, abs=2e-5)
