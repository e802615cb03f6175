from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine import cka, cka_stream, minibatch_cka

from .. import definitions
from ..samples import ALL_CASES, EXAMPLES, D, N, oracle, oracle_inputs, padded, rotation, scales, seeds, single, views

KERNELS = ("linear", "rbf")


@pytest.mark.parametrize("case", ALL_CASES)
@pytest.mark.parametrize("size", [8, pytest.param(20, marks=pytest.mark.thorough)])
def test_oracle_in_float64(case, size, float64):
    expected = oracle(f"cka_minibatch(b={size})", case)
    assert float(minibatch_cka(*padded(case), batch_size=size)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_oracle_in_float32():
    value = minibatch_cka(*map(single, oracle_inputs()["shared64"]), batch_size=8)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(oracle("cka_minibatch(b=8)", "shared64"), rel=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_batch_is_debiased_cka(kernel, float64):
    x, y = views(1)
    expected = float(cka(x, y, kernel=kernel))
    assert float(minibatch_cka(x, y, batch_size=N, kernel=kernel)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sigma", [None, 1.7])
def test_definition_of_the_rbf_kernel(sigma):
    x, y = map(single, views(2))
    expected = definitions.minibatch_cka(x, y, 16, "rbf", sigma)
    assert float(minibatch_cka(x, y, batch_size=16, kernel="rbf", sigma=sigma)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_stream_has_the_value_of_all_batches(kernel):
    x, y = map(single, views(3))
    stream = cka_stream(kernel=kernel)
    state, update = stream.init(), jax.jit(stream.update)
    assert np.isnan(stream.value(state))
    for start in range(0, N, 16):
        state = update(state, x[start : start + 16], y[start : start + 16])
    expected = float(minibatch_cka(x, y, batch_size=16, kernel=kernel))
    assert float(stream.value(state)) == pytest.approx(expected, rel=1e-6)
    assert int(state.batches) == 4
    few = update(state, x[:3], y[:3])
    assert all((a == b).all() for a, b in zip(few, state, strict=True))


def test_batches_may_differ_in_size_and_each_weighs_the_same(float64):
    x, y = views(4)
    stream, sums = cka_stream(), np.zeros(3)
    state = stream.init()
    assert state.total.dtype == jnp.float64
    for own in (slice(0, 5), slice(5, 40), slice(40, N)):
        state = stream.update(state, x[own], y[own])
        k, l = definitions.kernel_matrix(x[own]), definitions.kernel_matrix(y[own])  # noqa: E741
        sums += [definitions.unbiased_hsic(*both) for both in ((k, k), (l, l), (k, l))]
    assert float(stream.value(state)) == pytest.approx(sums[2] / np.sqrt(sums[0] * sums[1]), rel=1e-9)


@EXAMPLES
@given(seed=seeds, scale=scales)
def test_rotation_scale_and_translation_leave_it_and_it_is_symmetric(seed, scale):
    x, y = views(seed)
    moved = single((x @ rotation(D, seed) + 200 * x.std()) * scale)
    value = float(minibatch_cka(moved, single(y), batch_size=16))
    assert value == pytest.approx(definitions.minibatch_cka(x, y, 16), abs=1e-4)
    assert value == pytest.approx(float(minibatch_cka(single(y), moved, batch_size=16)), abs=1e-6)
    assert value <= 1


def test_batches_of_different_scale_at_the_ends_of_float32(float64):
    x, y = views(5)
    x = x * np.repeat(10.0 ** np.array([0, -3, 2, 1]), 16)[:, None]
    expected = definitions.minibatch_cka(x, y, 16)
    with jax.enable_x64(False):
        for scale in (1e-30, 1e30):
            value = float(minibatch_cka(single(x * scale), single(y), batch_size=16))
            assert value == pytest.approx(expected, rel=1e-4)


def test_a_constant_batch_adds_nothing(float64):
    x, y = views(6)
    x *= 1e-20
    padded_x, padded_y = np.concatenate([np.ones((16, D)), x]), np.concatenate([y[:16], y])
    with_it = definitions.minibatch_cka(padded_x, padded_y, 16)
    assert float(minibatch_cka(padded_x, padded_y, batch_size=16)) == pytest.approx(with_it, rel=1e-9)
    assert with_it != pytest.approx(definitions.minibatch_cka(x, y, 16), rel=1e-3)  # y still counts


@pytest.mark.parametrize("kernel", ["linear", pytest.param("rbf", marks=pytest.mark.thorough)])
def test_under_vmap_the_loop_and_by_chance_zero(kernel):
    x, y = single(np.random.default_rng(0).normal(size=(2, 400, N, D)))
    values = np.asarray(jax.jit(jax.vmap(lambda x, y: minibatch_cka(x, y, batch_size=16, kernel=kernel)))(x, y))
    loop = [float(minibatch_cka(*pair, batch_size=16, kernel=kernel)) for pair in zip(x[:3], y[:3], strict=True)]
    np.testing.assert_allclose(values[:3], loop, rtol=1e-4, atol=1e-6)
    assert abs(values.mean()) < 4 * values.std(ddof=1) / np.sqrt(len(values))
    assert values.min() < 0  # not clamped


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x, y = (jnp.asarray(single(v)).astype(dtype) for v in views(7))
    value = minibatch_cka(x, y, batch_size=16)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.minibatch_cka(np.asarray(x), np.asarray(y), 16), abs=1e-5)


def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(8))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        assert np.isnan(minibatch_cka(bad, y, batch_size=16))
        assert np.isnan(minibatch_cka(y, bad, batch_size=16))


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_equals_finite_differences(kernel, float64):
    x, y = views(10)
    x[5] = x[4]
    step = np.random.default_rng(0).normal(size=x.shape)
    sigma = 3.0 if kernel == "rbf" else None

    def score(v):
        return minibatch_cka(v, y, batch_size=16, kernel=kernel, sigma=sigma)

    gradient = np.asarray(jax.jit(jax.grad(score))(jnp.asarray(x)))
    difference = (float(score(x + 1e-5 * step)) - float(score(x - 1e-5 * step))) / 2e-5
    assert np.isfinite(gradient).all()
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 3}, "use 4 to 64"),
        ({"batch_size": 65}, "batch_size=65"),
        ({"batch_size": 8, "kernel": "poly"}, "linear or rbf"),
        ({"batch_size": 8, "sigma": 1.0}, "kernel='rbf'"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        minibatch_cka(*views(0), **options)
