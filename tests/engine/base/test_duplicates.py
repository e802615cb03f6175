from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare, dimension_scales, id_correlation, intrinsic_dimension
from hyle.engine.base.duplicates import (
    FOLLOWING,
    distinct_pairs,
    distinct_rows,
    repeated_rows,
)
from hyle.engine.base.equal_rows import first_occurrence_numpy

# Repetitions up to noise. The rule for any number of rows: NumPy outside of JAX transformations, XLA inside.
either = pytest.mark.parametrize(
    "repeated", [repeated_rows, lambda x: np.asarray(jax.jit(repeated_rows)(jnp.asarray(x)))], ids=["numpy", "jax"]
)
SAMPLES, WIDTH = 200, 16


def planted(noise, copies=60, size=1, seed=0, dtype=np.float32):
    """Return 200 x 16 Gaussian rows, and ``copies`` rows that repeat some of them in turn, in random order.

    Also returns the first row that each repeats. Every row of a group has noise of its own, relative to its norm.
    """
    rng = np.random.default_rng(seed)
    source = np.concatenate([np.arange(SAMPLES), np.arange(copies) // size])
    x = rng.normal(size=(SAMPLES, WIDTH))[source]
    step = rng.normal(size=x.shape)
    step *= noise * np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(step, axis=1, keepdims=True)
    order = rng.permutation(len(x))
    source = source[order]
    return (x + step)[order].astype(dtype), np.array([np.flatnonzero(source == s)[0] for s in source])


@either
@pytest.mark.parametrize("noise", [0, 1e-7, 2e-7, 1e-6])
@pytest.mark.parametrize("size", [1, 3, 39])  # of the copies of one row: groups of 2, 4 and 40
def test_planted_repetitions_are_found(repeated, noise, size):
    for seed in range(3):
        x, expected = planted(noise, 78, size, seed)
        np.testing.assert_array_equal(repeated(x), expected)


@either
@pytest.mark.parametrize("noise", [0, 2e-7, 1e-6])
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e6, 1e30])
def test_scale_changes_nothing_about_repetitions(repeated, noise, scale):
    x, expected = planted(noise)
    np.testing.assert_array_equal(repeated((x * scale).astype(np.float32)), expected)


@either
@pytest.mark.parametrize("noise", [0, 2e-7, 1e-6])
@pytest.mark.parametrize("offset", [-3, 200, 1e4])
def test_translation_changes_nothing_about_repetitions(repeated, noise, offset):
    # Far from the origin float32 rounds: up to the spacing of the numbers, equal rows are stored as different ones.
    x, expected = planted(noise, dtype=np.float64)
    np.testing.assert_array_equal(repeated((x + offset).astype(np.float32)), expected)


@either
def test_a_large_constant_column_hides_nothing(repeated):
    x, expected = planted(1e-6)
    np.testing.assert_array_equal(repeated(np.pad(x, ((0, 0), (0, 3)), constant_values=3e6)), expected)


@either
@pytest.mark.parametrize("noise", [1e-7, 1e-6])
def test_noise_of_single_precision_is_found_in_rows_of_double_precision(repeated, noise, float64):
    x, expected = planted(noise, dtype=np.float64)
    np.testing.assert_array_equal(repeated(x), expected)


@either
@pytest.mark.parametrize("noise", [1e-5, 1e-4, 1e-2])
def test_rows_farther_apart_than_noise_are_distinct(repeated, noise):
    x, _ = planted(noise)
    np.testing.assert_array_equal(repeated(x), np.arange(len(x)))


@either
def test_a_group_of_more_rows_than_are_compared_at_once(repeated):
    x, expected = planted(1e-6, 5 * FOLLOWING, 5 * FOLLOWING)
    np.testing.assert_array_equal(repeated(x), expected)


@pytest.mark.parametrize("offset", [0, 200])
@pytest.mark.parametrize("n", [200, 2000, 20_000, 50_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_close_neighbours_on_a_line_are_distinct(n, offset, dtype, float64):
    # Of 20,000 uniform numbers about 700 are within the tolerance of another; only equal numbers are repetitions.
    x = (np.random.default_rng(0).uniform(size=(n, 1)) + offset).astype(dtype)
    np.testing.assert_array_equal(distinct_rows(x), first_occurrence_numpy(x))
    if n == 2000 and not offset:
        assert float(intrinsic_dimension(x, estimator="twonn")) == pytest.approx(1, abs=0.08)


def test_close_neighbours_are_distinct_inside_of_jit():
    x = np.random.default_rng(0).uniform(size=(20_000, 1)).astype(np.float32)
    np.testing.assert_array_equal(jax.jit(distinct_rows)(jnp.asarray(x)), first_occurrence_numpy(x))


@pytest.mark.parametrize("d", [2, 3])
def test_dense_data_of_few_dimensions_are_distinct(d):
    rng = np.random.default_rng(0)
    x = (rng.uniform(size=(50_000, d)) @ rng.normal(size=(d, 8))).astype(np.float32)
    assert distinct_rows(x).all()


def test_tight_clusters_far_apart_are_distinct():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, WIDTH))
    x[:, 0] = 1e6 * rng.choice([-1, 1], SAMPLES)
    np.testing.assert_array_equal(repeated_rows(x.astype(np.float32)), np.arange(SAMPLES))


@either
def test_equal_or_not_finite_rows(repeated):
    assert not repeated(np.full((9, 3), 3.3, np.float32)).any()
    x = planted(0)[0]
    x[0, 0] = np.nan
    expected = [0, *repeated(np.where(np.isnan(x), 9, x))[1:]]
    np.testing.assert_array_equal(repeated(x), expected)


def test_pairs_are_repetitions_where_both_sides_are():
    first, second = np.array([0, 0, 0, 3, 3], np.int32), np.array([0, 1, 0, 3, 4], np.int32)
    for convert in (np.asarray, jnp.asarray):
        assert distinct_pairs(convert(first), convert(second)).tolist() == [True, True, False, True, True]


ESTIMATORS = ("mle", "mle_arithmetic", "twonn", "twonn_ml", "gride")


@pytest.mark.thorough
@pytest.mark.parametrize("noise", [0, 2e-7, 1e-6])
def test_the_dimension_is_that_of_the_distinct_rows(noise):
    x, expected = planted(noise)
    distinct = x[expected == np.arange(len(x))]
    metrics = ["intrinsic_dimension" + ("" if name == "mle" else f"_{name}") for name in ESTIMATORS]
    found, plain = (compare({"x": rows, "y": rows[:, :9]}, metrics=metrics) for rows in (x, distinct))
    assert found.duplicates.values.tolist() == [60, 60]
    assert found.attrs["dimension_k"] == plain.attrs["dimension_k"] == 20
    for estimator, metric in zip(ESTIMATORS, metrics, strict=True):
        np.testing.assert_allclose(found[metric], plain[metric], rtol=1e-4)
        assert found[f"{metric}_n_used"].values.tolist() == [200, 200]
        value = float(plain[metric][0])
        for function in (intrinsic_dimension, jax.jit(intrinsic_dimension, static_argnames=("estimator", "k"))):
            assert float(function(x, estimator=estimator, k=20)) == pytest.approx(value, rel=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("options", [{"k": 16}, {"estimator": "twonn", "smallest": 32}])
def test_the_dimension_at_every_scale_is_that_of_the_distinct_rows(options):
    x, expected = planted(2e-7)
    distinct = x[expected == np.arange(len(x))]
    found, plain = (dimension_scales(rows, **options) for rows in (x, distinct))
    inside = jax.jit(lambda x: dimension_scales(x, **options))(x)
    assert found.n_used[0] == inside.n_used[0] == 200
    for result in (found, inside):
        np.testing.assert_allclose(result.dimension[0], plain.dimension[0], rtol=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("noise", [0, 2e-7])
def test_the_dimension_correlation_is_that_of_the_distinct_samples(noise):
    x, expected = planted(noise)
    # Some rows repeat another on one side only: as samples they are distinct.
    y = (x[:, ::-1] + x[:, :1] ** 2).astype(np.float32)
    y[:20] = np.random.default_rng(5).normal(size=(20, WIDTH))
    pairs = np.stack([expected, repeated_rows(y)], 1)
    assert 0 < (~distinct_pairs(*pairs.T)).sum() < 60
    exact = planted(0)[0]
    z = (exact[:, ::-1] + exact[:, :1] ** 2).astype(np.float32)
    z[:20] = y[:20]
    plain = float(id_correlation(exact, z))
    for value in (
        float(id_correlation(x, y)),
        float(jax.jit(id_correlation)(x, y)),
        float(compare({"x": x, "y": y}, metrics=["id_correlation"]).id_correlation[0, 1]),
    ):
        assert value == pytest.approx(plain, abs=1e-3)
