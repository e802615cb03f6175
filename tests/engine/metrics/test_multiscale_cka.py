from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import cka, compare, multiscale_cka

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle_inputs, rotation, scales, seeds, single, views


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("case", ["shared64", "wide40"])
def test_cka_of_random_walks_in_float64(case, steps, float64):
    x, y = oracle_inputs()[case]
    assert float(multiscale_cka(x, y, steps=steps)) == pytest.approx(
        definitions.multiscale_cka(x, y, steps), rel=1e-6, abs=1e-9
    )


@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_rotation_scale_translation_and_common_permutation_leave_it(seed, scale, offset):
    x, y = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = (x @ rotation(D, seed) + offset * x.std())[order] * scale
    expected = definitions.multiscale_cka(x, y)
    assert float(multiscale_cka(single(moved), single(y[order]))) == pytest.approx(expected, rel=1e-4)
    assert float(multiscale_cka(single(y), single(x))) == pytest.approx(expected, rel=1e-4)


def test_one_step_is_cka_and_many_are_the_angle_between_the_leading_directions(float64):
    x, y = views(2)
    assert float(multiscale_cka(x, y, steps=1)) == pytest.approx(float(cka(x, y, debiased=False)), rel=1e-9)
    u, v = (np.linalg.svd(a - a.mean(0), full_matrices=False)[0][:, 0] for a in (x, y))
    assert float(multiscale_cka(x, y, steps=400)) == pytest.approx((u @ v) ** 2, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("steps", [2, 40])
def test_sizes_at_the_ends_of_float32(scale, steps):
    x, y = views(9)
    expected = definitions.multiscale_cka(x, y, steps) if steps == 2 else float(multiscale_cka(x, y, steps=steps))
    assert float(multiscale_cka(single(x * scale), single(y), steps=steps)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.filterwarnings("ignore:.*(is constant|NaN or infinite)")
def test_constant_or_not_finite_is_nan():
    x, y = map(single, views(7))
    broken = x.copy()
    broken[3, 2] = np.nan
    for bad in (np.full_like(x, 3.3), np.zeros_like(x), broken):
        for steps in (1, 2):
            assert np.isnan(multiscale_cka(bad, y, steps=steps))
            assert np.isnan(multiscale_cka(y, bad, steps=steps))


def test_jit_and_vmap_equal_the_loop():
    xs, ys = (jnp.asarray(np.stack(v), jnp.float32) for v in zip(*(views(s) for s in range(3)), strict=True))
    loop = [float(multiscale_cka(x, y)) for x, y in zip(xs, ys, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(multiscale_cka))(xs, ys), loop, rtol=1e-5)


@pytest.mark.parametrize("n", [8, 40])
def test_the_gradient_is_that_of_finite_differences(n, float64):
    x, y = (v[:n] for v in views(8))
    step = np.random.default_rng(0).normal(size=x.shape)
    gradient = np.asarray(jax.jit(jax.grad(lambda v: multiscale_cka(v, y, steps=3)))(jnp.asarray(x)))
    ends = [definitions.multiscale_cka(x + side * 1e-5 * step, y, 3) for side in (1, -1)]
    assert float((gradient * step).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_a_comparison_has_the_same_values_and_chance_is_the_mean_over_all_permutations():
    x, y = map(single, views(11))
    z = single(np.random.default_rng(0).normal(size=(N, 100)))
    found = compare({"a": x, "b": y, "c": z}, metrics=["multiscale_cka"])
    value = found.multiscale_cka.values
    assert value[0, 1] == value[1, 0] == pytest.approx(float(multiscale_cka(x, y)), rel=1e-5)
    assert value[2, 0] == pytest.approx(float(multiscale_cka(x, z)), rel=1e-5)
    np.testing.assert_array_equal(value.diagonal(), 1)
    few = [v[:5] for v in (x, y)]
    found = compare({"a": few[0], "b": few[1]}, metrics=["multiscale_cka"])
    every = [definitions.multiscale_cka(few[0], few[1][list(order)]) for order in itertools.permutations(range(5))]
    assert found.multiscale_cka_chance.values[0, 1] == pytest.approx(np.mean(every), rel=1e-5)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_mistakes_are_named(steps):
    with pytest.raises(ValueError, match="number of steps of diffusion"):
        multiscale_cka(*views(0), steps=steps)
