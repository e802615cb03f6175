from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import compare, information_imbalance

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


# Every case and k, but not every combination: each is compiled anew, half of them by `make thorough`.
@pytest.mark.parametrize(
    ("case", "k"),
    [
        ("shared64", 5),
        ("dups100", 1),
        *(pytest.param(*case, marks=pytest.mark.thorough) for case in (("swiss500", 1), ("wide40", 5))),
    ],
)
def test_oracle_in_float64(case, k, float64):
    x, y = padded(case)
    for name, pair in (("X_to_Y", (x, y)), ("Y_to_X", (y, x))):
        expected = oracle(f"info_imbalance_{name}(k={k})", case)
        assert float(information_imbalance(*pair, k=k)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("case", SINGLE_CASES)
def test_oracle_in_float32(case):
    value = information_imbalance(*map(single, padded(case)), k=5)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle("info_imbalance_X_to_Y(k=5)", case), rel=1e-4)


def test_repeated_rows_are_neighbours_in_the_order_of_their_index(float64):
    x, y = oracle_inputs()["dups100"]
    assert definitions.information_imbalance(x, y) == pytest.approx(0.2298, rel=1e-9)
    assert definitions.information_imbalance(y, x) == pytest.approx(0.1806, rel=1e-9)


@pytest.mark.parametrize("repeats", [3, N // 2, N - 4])  # few, and more than a table of ranks holds
def test_however_many_rows_are_alike(repeats):
    x, y = map(single, views(0))
    y[:repeats] = y[-1]
    assert float(information_imbalance(x, y)) == pytest.approx(definitions.information_imbalance(x, y), rel=1e-6)
    assert float(information_imbalance(y, x)) == pytest.approx(definitions.information_imbalance(y, x), rel=1e-6)


@EXAMPLES
@given(seed=seeds)
def test_integers_exactly(seed):
    rng = np.random.default_rng(seed)
    x, y = single(rng.random((N, D)) < 0.3), single(rng.integers(0, 5, (N, D)))
    assert float(information_imbalance(x, y)) == pytest.approx(definitions.information_imbalance(x, y), rel=1e-6)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100))
def test_rotation_scale_translation_and_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = single((x @ rotation(D, seed) + offset * x.std())[order] * scale)
    value = float(information_imbalance(moved, single(y[order])))
    expected = definitions.information_imbalance(x, y)
    # Rounding may swap two neighbours that are nearly as far: here one rank is 5e-4.
    assert value == pytest.approx(expected, abs=2e-3)
    back = float(information_imbalance(single(y[order]), moved))
    assert back == pytest.approx(definitions.information_imbalance(y, x), abs=2e-3)
    assert 2 / N <= min(value, back) <= max(value, back) <= 2


@pytest.mark.parametrize("scale", [1e-4, 1e4, 1e-18, 1e18])
def test_scale_changes_nothing(scale):
    x, y = map(single, views(1))
    expected = definitions.information_imbalance(x, y)
    assert float(information_imbalance(x * np.float32(scale), y)) == pytest.approx(expected, rel=1e-6)
    assert float(information_imbalance(x, y * np.float32(scale))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [1, K, N - 1])
def test_with_itself_k_plus_one_over_n(k):
    for seed in range(3):
        x, _ = views(seed)
        for scale in (1e-4, 1, 1e4):
            value = float(information_imbalance(single(x), single(x * scale), k=k))
            assert value == pytest.approx((k + 1) / N, rel=1e-6)


def test_of_all_neighbours_it_is_one_and_a_little():
    # The mean of all ranks, whatever the representations: 2 / n times n / 2.
    assert float(information_imbalance(*map(single, views(2)), k=N - 1)) == pytest.approx(1, rel=1e-6)


def test_not_symmetric_and_the_whole_knows_its_part():
    x = single(np.random.default_rng(0).normal(size=(N, D)))
    part = x * (np.arange(D) < 2)
    there, back = float(information_imbalance(x, part)), float(information_imbalance(part, x))
    assert there == pytest.approx(definitions.information_imbalance(x, part), rel=1e-6)
    assert back == pytest.approx(definitions.information_imbalance(part, x), rel=1e-6)
    assert there < back - 0.05


def test_under_vmap_the_loop_and_by_chance_one():
    x, y = single(np.random.default_rng(0).normal(size=(2, 400, N, D)))
    values = np.asarray(jax.jit(jax.vmap(information_imbalance))(x, y))
    loop = [float(information_imbalance(*pair)) for pair in zip(x[:5], y[:5], strict=True)]
    np.testing.assert_allclose(values[:5], loop, rtol=1e-6)
    assert abs(values.mean() - 1) < 4 * values.std(ddof=1) / np.sqrt(len(values))


def test_noise_raises_it_step_by_step():
    x, _ = views(3)
    noise = np.random.default_rng(4).normal(size=x.shape)
    values = [float(information_imbalance(single(x), single(x + s * noise))) for s in (0, 0.3, 1, 3, 10)]
    assert values == sorted(values)
    assert values[-1] > 0.5


@pytest.mark.parametrize("offset", [200, 3000])
def test_far_from_the_origin_in_float32(offset):
    x, y = (single(v + offset * v.std()) for v in views(5))
    assert float(information_imbalance(x, y)) == pytest.approx(definitions.information_imbalance(x, y), rel=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(6))
    value = information_imbalance(x, y)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.information_imbalance(x, y), rel=1e-6)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    bads = [np.full_like(x, 3.3), np.zeros_like(x)]
    for entry in (np.nan, np.inf):
        bads.append(x.copy())
        bads[-1][3, 2] = entry
    for bad in bads:
        assert np.isnan(information_imbalance(bad, y))
        assert np.isnan(information_imbalance(y, bad))


def test_more_columns_than_rows_and_independent():
    x, y = map(single, unrelated())
    assert float(information_imbalance(x, y)) == pytest.approx(definitions.information_imbalance(x, y), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (views(0), {"k": N}, "use k from 1 to 63"),
        (views(0), {"k": 0}, "k=0"),
        ((np.ones((5, 2)), np.ones((6, 2))), {}, "compare\\(\\) joins representations by id"),
        ((np.ones((1, 2)), np.ones((1, 2))), {}, "at least 2 samples"),
    ],
)
def test_mistakes_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        information_imbalance(*arguments, **options)


@pytest.mark.parametrize(
    ("k", "there", "back"), [(1, 0.17660, 0.17247), pytest.param(50, 0.42037, 0.38335, marks=pytest.mark.thorough)]
)
def test_digits_left_and_right(digits, k, there, back):
    # DADApy breaks ties between integers otherwise; by the lowest index the values are exact.
    found = compare(dict(zip(("x", "y"), digits, strict=True)), metrics=["information_imbalance"], rank_k=k)
    values = found.information_imbalance.values
    assert values[0, 1] == pytest.approx(there, abs=2e-3)
    assert values[1, 0] == pytest.approx(back, abs=2e-3)
    assert values[0, 1] == pytest.approx(definitions.information_imbalance(*digits, k), rel=1e-9)
    assert values[1, 0] == pytest.approx(definitions.information_imbalance(*digits[::-1], k), rel=1e-9)
    np.testing.assert_allclose(values.diagonal(), (k + 1) / len(digits[0]), rtol=1e-9)


def test_digits_with_the_function(digits):
    value = float(information_imbalance(*map(single, digits), k=5))
    assert value == pytest.approx(0.23246, abs=2e-3)
    assert value == pytest.approx(definitions.information_imbalance(*digits, 5), rel=1e-6)
