from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import intrinsic_dimension

from .. import definitions
from ..samples import (
    CASES,
    EXAMPLES,
    SINGLE_CASES,
    D,
    N,
    oracle,
    padded,
    rotation,
    scales,
    seeds,
    single,
    views,
)

ORACLES = {
    "mle_harmonic_{}(k=20)": {"estimator": "mle", "k": 20},
    "mle_arithmetic_{}(k=20)": {"estimator": "mle_arithmetic", "k": 20},
    "twonn_{}": {"estimator": "twonn"},
    "twonn_mle_{}": {"estimator": "twonn_ml"},
    "gride_{}(n1=8)": {"estimator": "gride", "k": 20},  # the largest power of two with 2 n1 <= 20
}
ESTIMATORS = ("mle", "mle_arithmetic", "twonn", "twonn_ml", "gride")


# Every table of neighbours is compiled anew: GRIDE on other cases stands with the scales.
@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case, marks=[pytest.mark.thorough] * (case not in SINGLE_CASES and name != "twonn_{}"))
        for name in ORACLES
        for case in (CASES if "gride" not in name else SINGLE_CASES)
    ],
)
def test_oracle_in_float64(name, case, float64):
    for side, x in zip("XY", padded(case), strict=True):
        value = float(intrinsic_dimension(x, **ORACLES[name]))
        assert value == pytest.approx(oracle(name.format(side), case), rel=1e-9)


@pytest.mark.parametrize("case", SINGLE_CASES)
@pytest.mark.parametrize("name", ORACLES)
def test_oracle_in_float32(name, case):
    for side, x in zip("XY", padded(case), strict=True):
        value = intrinsic_dimension(single(x), **ORACLES[name])
        assert value.dtype == jnp.float32
        assert float(value) == pytest.approx(oracle(name.format(side), case), rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_repeated_rows_are_left_out(estimator, float64):
    for x in views(4):
        x[50:] = x[:14]
        expected = definitions.intrinsic_dimension(x, estimator)
        # The definition finds GRIDE's largest likelihood to the root of float only.
        rel = 1e-7 if estimator == "gride" else 1e-9
        assert float(intrinsic_dimension(x, estimator=estimator, k=20)) == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_rotation_scale_translation_and_permutation_leave_it(estimator, seed, scale, offset):
    x, _ = views(seed)
    order = np.random.default_rng(seed).permutation(N)
    moved = single((x @ rotation(D, seed) + offset * x.std())[order] * scale)
    value = float(intrinsic_dimension(moved, estimator=estimator, k=20))
    assert value == pytest.approx(definitions.intrinsic_dimension(x, estimator), rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_far_from_the_origin_in_float32(estimator):
    x = single(views(5)[0] + 200)
    expected = definitions.intrinsic_dimension(x, estimator)
    assert float(intrinsic_dimension(x, estimator=estimator, k=20)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(estimator, scale):
    x, _ = views(9)
    expected = definitions.intrinsic_dimension(x, estimator)
    value = float(intrinsic_dimension(single(x * scale), estimator=estimator, k=20))
    assert value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_more_dimensions_more_dimensions(estimator):
    values = []
    for d in (1, 2, 4, 8):
        x = np.zeros((N, D))
        x[:, :d] = np.random.default_rng(0).normal(size=(N, d))
        values.append(float(intrinsic_dimension(single(x), estimator=estimator, k=20)))
    assert values == sorted(values)
    assert values[0] == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x = jnp.asarray(single(views(6)[0])).astype(dtype)
    value = intrinsic_dimension(x, k=20)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.intrinsic_dimension(x), rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_constant_or_not_finite_or_too_few_distinct_rows_is_nan(estimator):
    x = single(views(7)[0])
    broken, repeated = x.copy(), x.copy()
    broken[3, 2] = np.nan
    repeated[:] = np.tile(x[:2], (N // 2, 1))
    for bad in (broken, repeated, np.full_like(x, 3.3)):
        assert np.isnan(intrinsic_dimension(bad, estimator=estimator, k=20))


@pytest.mark.thorough
@pytest.mark.parametrize("estimator", ["mle", "gride"])
def test_jit_and_vmap_equal_the_loop(estimator):
    xs = jnp.asarray(np.stack([views(s)[0] for s in range(3)]), jnp.float32)
    loop = [float(intrinsic_dimension(x, estimator=estimator, k=20)) for x in xs]
    mapped = jax.jit(jax.vmap(lambda x: intrinsic_dimension(x, estimator=estimator, k=20)))(xs)
    np.testing.assert_allclose(mapped, loop, rtol=1e-5)


@pytest.mark.parametrize("estimator", ["mle", "gride"])
def test_gradient_is_that_of_finite_differences(estimator, float64):
    x, direction = views(10)
    gradient = jax.jit(jax.grad(lambda x: intrinsic_dimension(x, estimator=estimator, k=20)))(jnp.asarray(x))
    step = 1e-6
    above, below = (
        float(intrinsic_dimension(x + sign * step * direction, estimator=estimator, k=20)) for sign in (1, -1)
    )
    assert float((gradient * direction).sum()) == pytest.approx((above - below) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("estimator", ["mle", "gride"])
def test_float32_rows_stay_float32_where_float64_is_on(estimator, float64):
    x = single(views(11)[0])
    value = intrinsic_dimension(x, estimator=estimator, k=20)
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(definitions.intrinsic_dimension(x, estimator), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": N}, "use k from 2 to 63"),
        ({"k": N, "estimator": "gride"}, "use k from 2 to 63"),
        ({"k": 1}, "k=1"),
        ({"estimator": "pca"}, "'pca': use 'mle', 'mle_arithmetic', 'twonn', 'twonn_ml', 'gride'"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        intrinsic_dimension(views(0)[0], **options)


def test_swiss_roll_is_a_sheet():
    # scikit-learn's make_swiss_roll(5000, noise=0, random_state=0)
    generator = np.random.RandomState(0)
    t = 1.5 * np.pi * (1 + 2 * generator.uniform(size=5000))
    height = 21 * generator.uniform(size=5000)
    roll = np.stack([t * np.cos(t), height, t * np.sin(t)], 1)
    assert float(intrinsic_dimension(single(roll), estimator="twonn")) == pytest.approx(1.953449, rel=1e-4)


@pytest.mark.parametrize(("name", "expected"), [("iris", 3.312214), ("wine", 2.431437)])
def test_toy_sets(name, expected, float64):
    # Iris has one repeated row.
    x = getattr(pytest.importorskip("sklearn.datasets"), f"load_{name}")().data
    assert float(intrinsic_dimension(x, estimator="twonn")) == pytest.approx(expected, abs=1e-6)


def test_high_dimensions_are_underestimated():
    x = single(np.random.default_rng(0).normal(size=(2000, 20)))
    assert float(intrinsic_dimension(x, estimator="twonn")) == pytest.approx(16.8348, rel=1e-4)
