from __future__ import annotations

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.base import rows as rows_module
from hyle.engine.gram import median as median_module
from hyle.engine.gram.median import median_by_counts, median_distance, median_of_prepared
from hyle.engine.gram.prepared import prepare

from .. import definitions
from ..samples import EXAMPLES, D, N, scales, seeds, single, views

# By selection on the host, and inside of jit by counting against thresholds.
METHODS = {"host": median_distance, "jit": jax.jit(median_distance)}


def repeated(seed, repeats):
    """Rows of which some equal the last one: odd and even numbers of non-zero distances."""
    x, _ = views(seed)
    x[:repeats] = x[-1]
    return x


@pytest.mark.parametrize("method", METHODS)
@EXAMPLES
@given(seed=seeds, scale=scales, offset=st.floats(-100, 100), repeats=st.integers(0, 40))
def test_median_is_that_of_the_nonzero_distances(method, seed, scale, offset, repeats):
    x = repeated(seed, repeats)
    x = single((x + offset * x.std()) * scale)
    assert float(METHODS[method](x)) == pytest.approx(definitions.median_nonzero_distance(x), rel=2e-5)


@EXAMPLES
@given(seed=seeds, offset=st.floats(-100, 100), repeats=st.integers(0, N - 1))
def test_both_methods_give_the_same_order_statistic(seed, offset, repeats):
    x = single(repeated(seed, repeats) + offset)
    # The results may differ by one rounding error, since the compiler fuses operations inside of jit.
    np.testing.assert_allclose(METHODS["jit"](x), METHODS["host"](x), rtol=2e-7)
    np.testing.assert_array_equal(median_of_prepared(prepare(x)), METHODS["host"](x))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("points", [[0, 0, 1, 3], [0, 1, 3, 7], [0, 0, 0, 5], [2, 2, 9, 9], [0, 0.05, 5, 9]])
def test_median_of_few_is_exact(points, method):
    # Odd and even numbers of distances; zeros do not count.
    x = np.zeros((len(points), 1))
    x[:, 0] = points
    assert float(METHODS[method](single(x))) == pytest.approx(definitions.median_nonzero_distance(x), rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_each_pair_of_an_odd_number_of_rows_is_counted_once(method):
    # Two outliers: if a pair were counted twice or not at all, the median would change.
    x = single(np.arange(5.0)[:, None] ** 3)
    assert float(METHODS[method](x)) == pytest.approx(definitions.median_nonzero_distance(x), rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_median_in_float64(method, float64):
    for x in (views(3)[0], repeated(4, 11)):
        expected = definitions.median_nonzero_distance(x)
        assert float(median_distance(jnp.asarray(x))) == pytest.approx(expected, rel=1e-14)
        assert float(jax.jit(median_distance)(jnp.asarray(x))) == pytest.approx(expected, rel=1e-14)


def test_median_is_the_same_where_distances_are_not_kept(monkeypatch):
    inputs = [single(views(seed)[0]) for seed in range(3)]
    inputs[2][:9] = inputs[2][9]
    kept = [float(median_by_counts(x)) for x in inputs]
    monkeypatch.setattr(median_module, "KEPT_DISTANCES", 0)
    monkeypatch.setattr(rows_module, "BLOCK_ELEMENTS", 10 * N)
    median_by_counts.clear_cache()
    again = [float(median_by_counts(x)) for x in inputs]
    median_by_counts.clear_cache()
    np.testing.assert_allclose(again, kept, rtol=1e-6)
    np.testing.assert_allclose([float(median_distance(x)) for x in inputs], kept, rtol=1e-6)


@pytest.mark.parametrize("spread", [1.0, 0.01, 30.0])
def test_the_range_is_widened_if_it_misses_the_median(spread, monkeypatch):
    # With this many rows, only distances around the estimate are kept, and hardly any of them.
    monkeypatch.setattr(median_module, "ERRORS", 1e-3)
    x = np.random.default_rng(0).normal(size=(1024, D))
    x[:32] *= spread
    x[500:550] *= spread
    expected = definitions.median_nonzero_distance(single(x))
    assert float(median_distance(single(x))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_median_of_no_distances_is_infinite(method):
    assert float(METHODS[method](jnp.full((N, D), 3.3))) == np.inf


def test_median_under_vmap():
    xs = single(np.stack([views(seed)[0] for seed in range(3)]))
    np.testing.assert_allclose(jax.vmap(median_distance)(xs), [float(median_distance(x)) for x in xs], rtol=1e-6)


def test_memory_does_not_grow_with_the_number_of_pairs():
    x = prepare(jnp.asarray(np.random.default_rng(0).normal(size=(16_000, 8)), jnp.float32))
    median_of_prepared(x)
    peaks = []
    for _ in range(4):  # when a block is freed varies from call to call
        tracemalloc.start()
        median_of_prepared(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Of 128 million distances: the masks of one block, and some distances for each row.
    assert min(peaks) < 32 * 2**20


@pytest.mark.parametrize("n", [40, 1001, 2600])
@pytest.mark.parametrize("kind", ["normal", "clusters", "repeats", "constant"])
def test_selection_on_a_device_gives_the_same_and_copies_little(
    monkeypatch: pytest.MonkeyPatch, n: int, kind: str
) -> None:
    rng = np.random.default_rng(n)
    x = single(rng.normal(size=(n, D)))
    if kind == "clusters":  # few distances between the scales: the estimate from a sample can be far off
        x = single(np.repeat(rng.normal(size=(2, D)), [n // 2, n - n // 2], 0) * 100 + x)
    elif kind == "repeats":
        x = x[rng.integers(0, 5, n)]
    elif kind == "constant":
        x = np.ones_like(x)
    expected = float(median_distance(x))
    rooms = []
    compacted = median_module._compacted
    monkeypatch.setattr(median_module, "use_numpy", lambda _: False)
    monkeypatch.setattr(median_module, "_compacted", lambda *args: rooms.append(args[-1]) or compacted(*args))
    # The products of BLAS and XLA differ by rounding errors.
    assert float(median_of_prepared(prepare(jnp.asarray(x)))) == pytest.approx(expected, rel=5e-7)
    if n == 2600 and kind == "normal":
        assert sum(rooms) < 0.1 * n * n / 2


def test_a_block_with_more_distances_than_expected_is_copied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = single(np.random.default_rng(0).normal(size=(1500, D)))
    expected = float(median_distance(x))
    monkeypatch.setattr(median_module, "use_numpy", lambda _: False)
    on_device, between, whole = median_module._between_on_device, median_module._between, []
    monkeypatch.setattr(median_module, "_between_on_device", lambda *args, share: on_device(*args, share=-1e-4))
    monkeypatch.setattr(median_module, "_between", lambda *args: whole.append(1) or between(*args))
    assert float(median_of_prepared(prepare(jnp.asarray(x)))) == pytest.approx(expected, rel=5e-7)
    assert whole
