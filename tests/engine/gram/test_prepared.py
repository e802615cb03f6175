from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.gram.prepared import prepare, stacked
from hyle.engine.neighbours.bounds import distance_lower_bound, distance_upper_bound

from ..samples import EXAMPLES, N, scales, seeds, single, views

MEASURES = {"distances": "euclidean", "chords": "cosine", "products": "inner_product"}
ALL = jnp.arange(N, dtype=jnp.int32)
OFF = ~np.eye(N, dtype=bool)
# Distance from the origin in standard deviations: typical of embeddings, large for embeddings, and beyond.
offsets = st.sampled_from([0.0, 1.0, 200.0, 3000.0])


@jax.jit
def matrices(x):
    """Squared distances, chords and products [N, N], each with its lower and upper bound."""
    prepared = prepare(x)
    norms, gram, all_rows = prepared.norms, prepared.gram(ALL), jnp.tile(ALL, (N, 1))
    values = {}
    for name, metric in MEASURES.items():
        low = distance_lower_bound(norms, gram, ALL, metric)
        high = distance_upper_bound(norms, ALL, low, all_rows, metric)
        # The bounds are of the negative products, for which smaller is nearer.
        bounds = (low, high) if name != "products" else (-high, -low)
        values[name] = (getattr(norms, name)(gram, ALL), *bounds)
    return values


def true(x, scale=1.0):
    """The same values in float64 by subtraction, distances and products in units of the scale."""
    x = np.asarray(x, np.float64) / scale
    length = np.sqrt((x * x).sum(1, keepdims=True))
    unit = x / np.where(length > 0, length, 1)
    chords = ((unit[:, None] - unit) ** 2).sum(-1)
    empty = length[:, 0] == 0
    chords[empty] = chords[:, empty] = 2
    return {"distances": ((x[:, None] - x) ** 2).sum(-1), "chords": chords, "products": x @ x.T}


@EXAMPLES
@given(seed=seeds, scale=scales, offset=offsets, zeros=st.booleans(), outlier=st.sampled_from([1.0, 1e3]))
def test_the_true_value_is_within_the_bounds(seed, scale, offset, zeros, outlier):
    x, _ = views(seed)
    x = x + offset * x.std()
    x[7] *= outlier
    x = single(x * scale)
    if zeros:
        x[[3, 40]] = 0
    expected = true(x, float(prepare(x).norms.scale))
    for name, (_, low, high) in matrices(x).items():
        keep = OFF & ((name != "chords") | (expected[name] != 2))  # the chord of a row of zeros is exact
        # The bounds have rounding errors themselves.
        rounded = 4 * np.finfo(np.float32).eps * np.abs(expected[name])
        assert (np.asarray(low, np.float64) - rounded <= expected[name])[keep].all(), name
        assert (expected[name] <= np.asarray(high, np.float64) + rounded)[keep].all(), name
        if not offset and outlier == 1:  # the bounds are tight
            assert np.asarray(high - low)[keep].max() < 1e-4 * np.abs(expected[name]).max(), name


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, 200.0, 3000.0])
def test_values_are_precise_far_from_the_origin_and_at_any_scale(offset, scale):
    x, _ = views(0)
    x = single((x + offset * x.std()) * scale)
    expected = true(x, float(prepare(x).norms.scale))
    for name, (value, *_) in matrices(x).items():
        off = np.asarray(value, np.float64)[OFF] - expected[name][OFF]
        assert np.abs(off).max() < 4e-6 * np.abs(expected[name][OFF]).max(), name


def test_values_in_float64(float64):
    x = views(1)[0] + 200
    expected = true(x, float(prepare(jnp.asarray(x)).norms.scale))
    for name, (value, *_) in matrices(jnp.asarray(x)).items():
        assert np.abs(np.asarray(value) - expected[name])[OFF].max() < 1e-13 * expected[name][OFF].max(), name


def test_a_row_of_zeros_has_a_squared_chord_of_two_to_all():
    x = np.abs(single(views(2)[0]))
    x[[3, 40]] = 0
    chords = np.asarray(matrices(x)["chords"][0])
    np.testing.assert_array_equal(chords[[3, 40]], np.full((2, N), 2))
    np.testing.assert_array_equal(chords[:, [3, 40]], np.full((N, 2), 2))
    np.testing.assert_array_equal(np.asarray(prepare(x).norms.inverse)[[3, 40]], 0)
    assert chords[0, 1] < 1


@EXAMPLES
@given(seed=seeds, power=st.integers(-20, 20), offset=offsets)
def test_a_power_of_two_changes_nothing_but_the_exponent(seed, power, offset):
    x = single(views(seed)[0] + offset)
    one, other = prepare(x), prepare(np.ldexp(x, power))
    np.testing.assert_array_equal(other.points, one.points)
    assert int(other.norms.exponent) == int(one.norms.exponent) + power
    for name in ("squares", "mean_product", "mean", "chord_offset", "excess_norm", "inverse", "gram_rtol"):
        np.testing.assert_array_equal(getattr(other.norms, name), getattr(one.norms, name), name)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=offsets)
def test_points_are_centred_and_scaled(seed, scale, offset):
    x, _ = views(seed)
    prepared = prepare(single((x + offset * x.std()) * scale))
    points = np.asarray(prepared.points, np.float64)
    assert 0.5 <= np.abs(points).max() < 1
    assert np.abs(points.mean(0)).max() < 1e-6
    rows = np.asarray(prepared.rows, np.float64)
    error = points * float(prepared.norms.scale) - (rows - rows.mean(0))
    assert np.abs(error).max() < 1e-6 * np.ptp(rows)


def test_equal_rows_and_parallel_rows():
    x = single(views(3)[0])
    direction, lengths = x[:1], np.linspace(0.1, 7, N, dtype=np.float32)[:, None]
    opposite = np.concatenate([lengths[:-1] * direction, -direction])
    cases = [(np.full_like(x, 3.3), (True, True)), (np.zeros_like(x), (True, True))]
    cases += [
        (lengths * direction, (False, True)),
        (opposite, (False, False)),
        (x, (False, False)),
        (x + 1e4, (False, False)),
    ]
    for rows, (all_equal, all_parallel) in cases:
        norms = prepare(rows).norms
        assert (bool(norms.all_equal), bool(norms.all_parallel)) == (all_equal, all_parallel)


@pytest.mark.parametrize("xp", [np, jnp])
def test_all_rows_but_one_are_equal(xp):
    for apart in ([], [0], [1], [2], [N - 1], [0, 1], [0, N - 1], [1, 2], [0, 1, 2], [7, 8]):
        for step in (1, 0):  # the rows apart differ from each other or not
            x = np.full((N, 3), 0.1, np.float32)
            x[apart, 1] += 1 + step * np.arange(len(apart), dtype=np.float32)
            assert bool(prepare(xp.asarray(x)).norms.one_apart) == (len(apart) < 2)
    assert not prepare(xp.asarray(single(views(3)[0]))).norms.one_apart


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_values_at_the_limits_of_float32(scale):
    x = single(views(4)[0])
    for name, (value, *_) in matrices(x * np.float32(scale)).items():
        expected = true(x * np.float32(scale), float(prepare(x * np.float32(scale)).norms.scale))[name]
        np.testing.assert_allclose(np.asarray(value)[OFF], expected[OFF], rtol=1e-4, atol=1e-5, err_msg=name)


def test_stacked_norms_keep_their_order_and_vmap_equals_the_loop():
    xs = single(np.stack([views(seed)[0] for seed in range(3)]))
    norms = stacked([prepare(x).norms for x in xs])
    mapped = jax.vmap(prepare)(xs).norms
    for name, column in norms._asdict().items():
        assert column.shape[0] == 3
        np.testing.assert_allclose(getattr(mapped, name), column, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("n", [5, 20, 49])
@pytest.mark.parametrize("d", [1, 3, 64])
def test_equal_rows_are_detected_whatever_the_rounding_of_their_mean(n, d):
    row = np.random.default_rng(d).normal(size=d).astype(np.float32)
    row[d // 2 :] = 0
    prepared = prepare(jnp.tile(row, (n, 1)))
    assert prepared.norms.all_equal
    assert not np.asarray(prepared.points).any()


@pytest.mark.parametrize("offset", [0, 200, 1e4])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e25])
@pytest.mark.parametrize("rows", ["normal", "with zeros", "equal", "parallel"])
def test_numpy_prepares_what_jax_prepares(rows, scale, offset):
    x = np.random.default_rng(0).normal(size=(60, 7)) + offset
    if rows == "with zeros":
        x[[3, 40]] = 0
    elif rows == "equal":
        x[:] = x[0]
    elif rows == "parallel":
        x = np.outer(np.linspace(1, 9, 60), x[0])
    x = single(scale * x)
    found, expected = prepare(x), prepare(jnp.asarray(x))
    assert all(isinstance(leaf, np.ndarray | np.generic) for leaf in (found.points, *found.norms))
    assert found.norms.exponent == expected.norms.exponent
    unit = 1e-6 * (1 + offset)  # of the rounding of the mean
    np.testing.assert_allclose(found.points, expected.points, atol=2 * unit)
    for name, value in found.norms._asdict().items():
        other = np.asarray(getattr(expected.norms, name))
        assert value.dtype == other.dtype, name
        size = np.abs(other).max() if other.dtype.kind == "f" else 0
        if name == "chord_offset":  # a difference of numbers of the size of the squares
            size = np.abs(np.asarray(expected.norms.squares)).max()
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=8 * unit * size, err_msg=name)
