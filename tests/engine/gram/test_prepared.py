from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.gram.prepared import prepare, stacked
from hyle.engine.neighbours.search import at_least, at_most

from ..samples import EXAMPLES, N, scales, seeds, single, views

MEASURES = {"distances": "euclidean", "chords": "cosine", "products": "inner_product"}
ALL = jnp.arange(N, dtype=jnp.int32)
OFF = ~np.eye(N, dtype=bool)
# Standard deviations from the origin: where most embeddings lie, where they may lie, and beyond.
offsets = st.sampled_from([0.0, 1.0, 200.0, 3000.0])


@jax.jit
def matrices(x):
    """Squared distances, chords and products [N, N], as they come, and what is at most and at least the true ones."""
    seen = prepare(x)
    norms, gram, everyone = seen.norms, seen.gram(ALL), jnp.tile(ALL, (N, 1))
    found = {}
    for name, metric in MEASURES.items():
        low = at_least(norms, gram, ALL, metric)
        high = at_most(norms, ALL, low, everyone, metric)
        # Products are measured by their negative: small is near.
        bounds = (low, high) if name != "products" else (-high, -low)
        found[name] = (getattr(norms, name)(gram, ALL), *bounds)
    return found


def true(x, scale=1.0):
    """The same in float64 by subtraction, distances and products in units of the scale."""
    x = np.asarray(x, np.float64) / scale
    length = np.sqrt((x * x).sum(1, keepdims=True))
    unit = x / np.where(length > 0, length, 1)
    chords = ((unit[:, None] - unit) ** 2).sum(-1)
    empty = length[:, 0] == 0
    chords[empty] = chords[:, empty] = 2
    return {"distances": ((x[:, None] - x) ** 2).sum(-1), "chords": chords, "products": x @ x.T}


@EXAMPLES
@given(seed=seeds, scale=scales, offset=offsets, zeros=st.booleans(), outlier=st.sampled_from([1.0, 1e3]))
def test_the_true_value_lies_within_the_bounds(seed, scale, offset, zeros, outlier):
    x, _ = views(seed)
    x = x + offset * x.std()
    x[7] *= outlier
    x = single(x * scale)
    if zeros:
        x[[3, 40]] = 0
    expected = true(x, float(prepare(x).norms.scale))
    for name, (_, low, high) in matrices(x).items():
        keep = OFF & ((name != "chords") | (expected[name] != 2))  # that of a row of zeros is known
        # The bounds themselves are rounded where they are added up.
        rounded = 4 * np.finfo(np.float32).eps * np.abs(expected[name])
        assert (np.asarray(low, np.float64) - rounded <= expected[name])[keep].all(), name
        assert (expected[name] <= np.asarray(high, np.float64) + rounded)[keep].all(), name
        if not offset and outlier == 1:  # and are of use
            assert np.asarray(high - low)[keep].max() < 1e-4 * np.abs(expected[name]).max(), name


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, 200.0, 3000.0])
def test_values_keep_their_digits_wherever_they_lie(offset, scale):
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


def test_a_row_of_zeros_is_at_a_chord_of_two_from_all():
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
    for name in ("squares", "shift", "mean", "lift", "rise", "inverse", "slack"):
        np.testing.assert_array_equal(getattr(other.norms, name), getattr(one.norms, name), name)


@EXAMPLES
@given(seed=seeds, scale=scales, offset=offsets)
def test_points_are_centred_and_of_size_one(seed, scale, offset):
    x, _ = views(seed)
    seen = prepare(single((x + offset * x.std()) * scale))
    points = np.asarray(seen.points, np.float64)
    assert 0.5 <= np.abs(points).max() < 1
    assert np.abs(points.mean(0)).max() < 1e-6
    whole = np.asarray(seen.rows, np.float64)
    apart = points * float(seen.norms.scale) - (whole - whole.mean(0))
    assert np.abs(apart).max() < 1e-6 * np.ptp(whole)


def test_rows_that_are_alike_and_rows_that_are_parallel():
    x = single(views(3)[0])
    way, lengths = x[:1], np.linspace(0.1, 7, N, dtype=np.float32)[:, None]
    apart = np.concatenate([lengths[:-1] * way, -way])
    facts = [(np.full_like(x, 3.3), (True, True)), (np.zeros_like(x), (True, True))]
    facts += [(lengths * way, (False, True)), (apart, (False, False)), (x, (False, False)), (x + 1e4, (False, False))]
    for rows, (all_equal, all_parallel) in facts:
        norms = prepare(rows).norms
        assert (bool(norms.all_equal), bool(norms.all_parallel)) == (all_equal, all_parallel)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_sizes_at_the_ends_of_float32(scale):
    x = single(views(4)[0])
    for name, (value, *_) in matrices(x * np.float32(scale)).items():
        expected = true(x * np.float32(scale), float(prepare(x * np.float32(scale)).norms.scale))[name]
        np.testing.assert_allclose(np.asarray(value)[OFF], expected[OFF], rtol=1e-4, atol=1e-5, err_msg=name)


def test_stacked_views_keep_their_order_and_vmap_is_the_loop():
    xs = single(np.stack([views(seed)[0] for seed in range(3)]))
    norms = stacked([prepare(x).norms for x in xs])
    mapped = jax.vmap(prepare)(xs).norms
    for name, column in norms._asdict().items():
        assert column.shape[0] == 3
        np.testing.assert_allclose(getattr(mapped, name), column, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("n", [5, 20, 49])
@pytest.mark.parametrize("d", [1, 3, 64])
def test_equal_rows_are_alike_whatever_the_rounding_of_their_mean(n, d):
    row = np.random.default_rng(d).normal(size=d).astype(np.float32)
    row[d // 2 :] = 0
    seen = prepare(jnp.tile(row, (n, 1)))
    assert seen.norms.all_equal
    assert not np.asarray(seen.points).any()
