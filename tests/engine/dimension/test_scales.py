from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine import dimension_scales

from .. import definitions
from ..samples import EXAMPLES, D, N, oracle, padded, rotation, scales, seeds, single, views

DECIMATED = {"estimator": "twonn", "smallest": 32}


def decimation(x: np.ndarray, parts: int, estimator: str = "twonn", seed: int = 0) -> tuple[float, float, float]:
    """Distance, dimension and error from disjoint subsets."""
    order = np.asarray(jax.random.permutation(jax.random.key(seed), N))
    nearest = [np.sort(definitions.distances(x[order[part::parts]]), 1)[:, 1:3] for part in range(parts)]
    values = [definitions.dimension_of(one, estimator, 2) for one in nearest]
    error = np.std(values, ddof=1) / parts**0.5 if parts > 1 else values[0] / N**0.5
    return float(np.mean(nearest)), float(np.mean(values)), float(error)


# Only some of the cases, since every shape is compiled separately.
@pytest.mark.parametrize("case", ["shared64", pytest.param("wide40", marks=pytest.mark.thorough)])
def test_gride_oracles_in_float64(case, float64):
    for side, x in zip("XY", padded(case), strict=True):
        found = dimension_scales(x, k=16)
        assert found.order.tolist() == [1, 2, 4, 8]
        expected = [oracle(f"gride_{side}(n1={n1})", case) for n1 in (1, 2, 4, 8)]
        np.testing.assert_allclose(found.dimension, expected, rtol=1e-9)
        assert found.n_used.tolist() == [len(x)] * 4


def test_gride_errors_and_distances(float64):
    x, _ = views(0)
    found = dimension_scales(x, k=20)
    ordered = np.sort(definitions.distances(x), 1)[:, 1:]
    for n1, distance, dimension, error in zip(*found[:4], strict=True):
        near, far = ordered[:, n1 - 1], ordered[:, 2 * n1 - 1]
        assert float(error) == pytest.approx(definitions.gride_error(far / near, float(dimension), int(n1)), rel=1e-6)
        assert float(distance) == pytest.approx((near + far).mean() / 2, rel=1e-9)


def test_decimation_is_the_mean_over_disjoint_subsets(float64):
    x, _ = views(1)
    found = dimension_scales(x, estimator="twonn_ml", smallest=16, seed=3)
    assert found.order.tolist() == [1, 2, 4]
    assert found.n_used.tolist() == [N, N, N]
    expected = [decimation(x, parts, "twonn_ml", seed=3) for parts in (1, 2, 4)]
    np.testing.assert_allclose(np.stack(found[1:4], 1), expected, rtol=1e-9)


@pytest.mark.thorough
def test_the_decimation_depends_on_the_seed():
    x = single(views(2)[0])
    first, again, other = (np.asarray(dimension_scales(x, **DECIMATED, seed=seed).dimension) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert other[0] == pytest.approx(first[0], rel=1e-5)  # the first scale uses all data
    assert first[0] == pytest.approx(definitions.intrinsic_dimension(x, "twonn"), rel=1e-4)
    assert abs(other[1] - first[1]) > 1e-3


@pytest.mark.thorough
@pytest.mark.parametrize("options", [{"k": 20}, DECIMATED])
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-10, 10))
def test_invariant_to_rotation_scale_and_translation(options, seed, scale, offset):
    x, _ = views(seed)
    moved = single((x @ rotation(D, seed) + offset * x.std()) * scale)
    found, plain = dimension_scales(moved, **options), dimension_scales(single(x), **options)
    np.testing.assert_allclose(found.dimension, plain.dimension, rtol=1e-4)
    # An error over subsets is computed from differences of values.
    np.testing.assert_allclose(found.error, plain.error, rtol=1e-4, atol=1e-4 * float(plain.dimension[0]))
    np.testing.assert_allclose(found.distance, plain.distance * scale, rtol=1e-4)
    assert (np.diff(plain.distance) > 0).all()


def test_far_from_the_origin_in_float32():
    x = single(views(5)[0] + 200)
    found = dimension_scales(x, k=20)
    assert found.dimension.dtype == found.error.dtype == found.distance.dtype == jnp.float32
    expected = [definitions.intrinsic_dimension(x, "gride", 2 * n1) for n1 in (1, 2, 4, 8)]
    np.testing.assert_allclose(found.dimension, expected, rtol=1e-4)
    found = dimension_scales(x, **DECIMATED)
    expected = [decimation(x, parts) for parts in (1, 2)]
    np.testing.assert_allclose(np.stack(found[1:4], 1), expected, rtol=1e-4)


def test_noise_raises_the_dimension_at_fine_scales():
    t = np.linspace(0, 50, N)[:, None]
    line = np.random.default_rng(0).normal(size=(N, D)) * 0.5 + t * np.ones((1, D))
    values = dimension_scales(single(line), k=20).dimension
    assert float(values[0]) > 3 * float(values[-1])
    assert float(values[-1]) < 1.5


@pytest.mark.parametrize("options", [{"k": 20}, DECIMATED])
def test_duplicate_rows_are_excluded(options):
    x, _ = views(6)
    x[40:] = x[:24]
    found = dimension_scales(single(x), **options)
    assert found.n_used.tolist() == [40] * len(found.order)
    assert np.isfinite(found.dimension).all()
    expected = definitions.intrinsic_dimension(x, "twonn_ml" if "k" in options else "twonn")
    assert float(found.dimension[0]) == pytest.approx(expected, rel=1e-4)


def test_distinct_rows_are_divided_equally_between_subsets():
    x = np.resize(single(views(9)[0])[:6], (N, D))  # three for each of two subsets, the minimum
    for seed in range(4):
        found = dimension_scales(x, **DECIMATED, seed=seed)
        assert found.n_used.tolist() == [6, 6]
        assert np.isfinite(found.dimension).all()


@pytest.mark.parametrize("options", [{"k": 20}, DECIMATED])
def test_constant_or_not_finite_is_nan(options):
    x = single(views(7)[0])
    broken = x.copy()
    broken[3, 2] = np.inf
    for bad in (broken, np.full_like(x, 3.3)):
        found = dimension_scales(bad, **options)
        assert np.isnan([found.dimension, found.error, found.distance]).all()


@pytest.mark.parametrize("options", [{"k": 20}, pytest.param(DECIMATED, marks=pytest.mark.thorough)])
def test_jit_and_vmap_equal_the_loop(options):
    xs = jnp.asarray(np.stack([views(s)[0] for s in range(3)]), jnp.float32)
    mapped = jax.jit(jax.vmap(lambda x: dimension_scales(x, **options)))(xs)
    for i, x in enumerate(xs):
        for many, one in zip(mapped, dimension_scales(x, **options), strict=True):
            np.testing.assert_allclose(many[i], one, rtol=1e-4)


@pytest.mark.parametrize("dtype", [pytest.param("float16", marks=pytest.mark.thorough), "bfloat16"])
def test_16_bit_rows_are_computed_in_float32(dtype):
    x = jnp.asarray(single(views(8)[0])).astype(dtype)
    found = dimension_scales(x, k=20).dimension
    assert found.dtype == jnp.float32
    assert float(found[-1]) == pytest.approx(definitions.intrinsic_dimension(x, "gride", 20), rel=1e-4)


def test_by_default_k_is_limited_by_the_number_of_samples():
    assert dimension_scales(single(views(0)[0][:10])).order.tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": N}, "use k from 2 to 63"),
        ({"k": 1}, "k=1"),
        ({"estimator": "mle"}, "'mle' of a scale: use 'gride', 'twonn' or 'twonn_ml'"),
        ({"estimator": "twonn", "smallest": 3}, "use smallest from 4 to 64"),
        ({"estimator": "twonn", "smallest": 65}, "use smallest from 4 to 64"),
    ],
)
def test_invalid_options_raise(options, words):
    with pytest.raises(ValueError, match=words):
        dimension_scales(views(0)[0], **options)
    with pytest.raises(ValueError, match="at least 4 samples"):
        dimension_scales(np.zeros((3, 2)))
