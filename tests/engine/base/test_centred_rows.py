from __future__ import annotations

import numpy as np
import pytest

from hyle.engine.base import Centred, aligned_empty, centred_rows
from hyle.engine.gram import prepare


def rows(offset=0.0, scale=1.0, n=300, d=24):
    return ((np.random.default_rng(0).normal(size=(n, d)) + offset) * scale).astype(np.float32)


@pytest.mark.parametrize("offset", [0, 3, 200, 1e5])
@pytest.mark.parametrize("scale", [1, 1e-30, 1e-8, 1e30])
def test_points_and_their_products_are_those_of_an_array(offset, scale, monkeypatch):
    monkeypatch.setattr(centred_rows, "CHUNK", 1000)
    monkeypatch.setattr(centred_rows, "MIN_ROWS", 40)
    x = rows(offset, scale)
    lazy, kept = prepare(x, kept=False), prepare(x)
    assert isinstance(lazy.points, Centred)
    assert isinstance(kept.points, np.ndarray)
    np.testing.assert_array_equal(lazy.points[:], kept.points)
    np.testing.assert_array_equal(lazy.points[[7, 3]], kept.points[[7, 3]])
    exact = x.astype(np.float64)
    exact -= exact.mean(0)
    exact /= 2.0 ** int(kept.norms.exponent)
    query = np.array([5, 250, 7])
    lengths = np.linalg.norm(exact, axis=1)
    bound = float(kept.norms.gram_rtol) * lengths[query][:, None] * lengths
    for prepared in (lazy, kept):
        assert (np.abs(prepared.gram(query) - exact[query] @ exact.T) <= bound).all()


@pytest.mark.parametrize("scale", [1, 1e-8, 1e7])
def test_it_does_not_matter_which_points_are_scaled(scale, monkeypatch):
    lazy, query = prepare(rows(3, scale), kept=False), np.arange(9)
    assert lazy.points.exponent
    few = lazy.gram(query)
    monkeypatch.setattr(centred_rows, "SCALED_BYTES", 0)
    np.testing.assert_array_equal(lazy.gram(query), few)


def test_equal_rows_are_exactly_zero():
    lazy = prepare(np.full((50, 3), 0.1, np.float32), kept=False)
    assert not np.asarray(lazy.points).any()
    assert not lazy.gram(np.arange(4)).any()


def test_rows_are_not_changed_and_may_be_read_only():
    x = rows()
    before = x.copy()
    x.flags.writeable = False
    prepare(x, kept=False).gram(np.arange(3))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("shape", [7, (3, 5), (0, 4)])
def test_memory_is_aligned(shape):
    for _ in range(5):
        array = aligned_empty(shape, np.float32)
        assert array.ctypes.data % 64 == 0 or not array.size
        assert array.shape == (shape if isinstance(shape, tuple) else (shape,))


def test_a_mean_that_does_not_matter_is_not_subtracted_again():
    near, far = prepare(rows(3), kept=False).points, prepare(rows(1e5), kept=False).points
    assert not near.second.any()
    assert far.second.any()
    for points in (near, far):
        all_points = points[:].astype(np.float64)
        assert np.abs(all_points.mean(0)).max() < 2e-6 * np.sqrt(np.square(all_points).mean())


@pytest.mark.parametrize("offset", [0, 3, 1e5])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_the_largest_entry_is_at_least_half_and_below_one(offset, scale):
    for seed in range(20):
        x = ((np.random.default_rng(seed).normal(size=(9, 3)) + offset) * scale).astype(np.float32)
        assert 0.5 <= np.abs(prepare(x, kept=False).points[:]).max() < 1
