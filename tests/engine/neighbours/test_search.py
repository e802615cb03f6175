from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from hyle.engine.base import rows as rows_module
from hyle.engine.gram import prepare
from hyle.engine.neighbours import Neighbours, find_table, lookup, neighbours

from .. import definitions
from ..samples import EXAMPLES, D, K, N, seeds, single, views

METRICS = ("euclidean", "cosine", "inner_product")


def exact(x, k=K):
    """Euclidean neighbours by squared distance in float64, ties broken by the lowest index."""
    far = ((np.asarray(x, np.float64)[:, None] - np.asarray(x, np.float64)[None]) ** 2).sum(-1)
    np.fill_diagonal(far, np.inf)
    return np.argsort(far, 1, kind="stable")[:, :k]


@pytest.mark.parametrize("metric", METRICS)
def test_index_and_value(metric):
    x = single(views(0)[0])
    table = neighbours(jnp.asarray(x), K, metric)
    expected = definitions.nearest(x, K, metric)
    np.testing.assert_array_equal(table.indices, expected)
    similarity = np.take_along_axis(definitions.similarity(x, metric), expected, 1)
    np.testing.assert_allclose(table.value, -similarity if metric == "euclidean" else similarity, rtol=1e-5, atol=1e-6)
    assert not np.asarray(table.tied).any()


@EXAMPLES
@given(seed=seeds)
def test_ties_are_broken_by_the_lowest_index_however_many_there_are(seed):
    rng = np.random.default_rng(seed)
    fingerprints = single(rng.random((N, D)) < 0.3)
    repeats = single(np.repeat(rng.normal(size=(2, D)), N // 2, 0))[rng.permutation(N)]
    for x in (fingerprints, repeats):
        table = neighbours(jnp.asarray(x), K)
        np.testing.assert_array_equal(table.indices, exact(x))
        far = np.sort(((x[:, None] - x[None]) ** 2).sum(-1), 1)[:, 1:]
        np.testing.assert_array_equal(table.tied, far[:, K - 1] == far[:, K])


@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4, 1e-5])
def test_tight_clusters_far_apart_keep_their_order(spread):
    # Within a cluster, distances are smaller than the rounding error of the Gram product.
    rng = np.random.default_rng(0)
    x = single(np.repeat(rng.normal(size=(2, D)), N // 2, 0) + spread * rng.normal(size=(N, D)))
    np.testing.assert_array_equal(neighbours(jnp.asarray(x), K).indices, exact(x))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [9, 32])  # numbers of candidates that are no multiple of a vector width
def test_equal_rows_tie_at_any_position_among_the_candidates(k, metric):
    # Their distances to others are not exact in float32, but equal nevertheless.
    x = np.abs(single(views(8)[0]))
    same = np.arange(20, 60)
    x[same] = x[20]
    index = np.asarray(neighbours(jnp.asarray(x), k, metric).indices)
    rows = [i for i in range(N) if np.isin(index[i], same).any()]
    assert len(rows) > 40
    for i in rows:
        met = [j for j in index[i] if j in same]
        assert met == [j for j in same if j != i][: len(met)], i


def test_an_outlier_does_not_reduce_the_precision_of_others():
    x = single(views(1)[0])
    x[7] *= 1e5
    np.testing.assert_array_equal(neighbours(jnp.asarray(x), K).indices, exact(x))


def test_cosine_of_nearly_parallel_rows():
    x = views(2)[0] + 3000
    table = neighbours(jnp.asarray(single(x)), K, "cosine")
    unit = single(x).astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    agree = np.mean(np.asarray(table.indices) == exact(unit))
    assert agree > 0.9  # the unit rows have themselves rounding errors


def test_a_row_of_zeros_has_the_cosine_zero():
    x = np.abs(single(views(3)[0]))
    x[[3, 40]] = 0
    table = neighbours(jnp.asarray(x), K, "cosine")
    np.testing.assert_array_equal(table.indices, definitions.nearest(x, K, "cosine"))
    np.testing.assert_array_equal(table.value[3], np.zeros(K))


@pytest.mark.filterwarnings("error")
def test_rows_of_nearly_no_length_have_the_neighbours_of_their_direction():
    x = single(views(0)[0])
    x[[3, 40]] *= 1e-21  # the product of their reciprocal norms is infinite in float32
    expected = definitions.nearest(x, K, "cosine")
    for table in (neighbours(jnp.asarray(x), K, "cosine"), find_table(prepare(jnp.asarray(x)), K, "cosine")):
        np.testing.assert_array_equal(np.sort(table.indices), np.sort(expected))


def test_excluded_rows_are_no_neighbours():
    x = single(views(4)[0])
    where = np.arange(N) % 3 > 0
    index = np.asarray(neighbours(jnp.asarray(x), K, "euclidean", jnp.asarray(where)).indices)
    kept = np.flatnonzero(where)
    np.testing.assert_array_equal(index[where], kept[exact(x[where])])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_block_size_changes_nothing(metric, monkeypatch):
    x = jnp.asarray(single(views(5)[0]))
    whole = neighbours(x, K, metric)
    monkeypatch.setattr(rows_module, "BLOCK_ELEMENTS", 13 * 8 * 13)  # 10 rows: the last block is cut
    neighbours.clear_cache()
    blocks = neighbours(x, K, metric)
    neighbours.clear_cache()
    np.testing.assert_array_equal(blocks.indices, whole.indices)
    np.testing.assert_array_equal(blocks.tied, whole.tied)
    np.testing.assert_allclose(blocks.value, whole.value, rtol=1e-6)


def test_block_size_stays_within_its_bound_and_covers_all_rows():
    for n, width in ((1, 1), (64, 104), (4000, 10**6), (4097, 4097), (10, 2**30)):
        size = rows_module.block_size(n, width)
        rows = np.asarray(rows_module.blocks(n, size))
        assert 1 <= size <= n
        assert size * width <= max(rows_module.BLOCK_ELEMENTS, width)
        np.testing.assert_array_equal(rows.ravel()[:n], np.arange(n))


def test_not_finite_rows_do_not_hang():
    x = single(views(6)[0])
    x[3, 1] = np.nan
    assert not np.isfinite(np.asarray(neighbours(jnp.asarray(x), K).value)[3]).any()


@pytest.mark.parametrize("k", [1, 2, 5, 8, 9])
def test_lookup_finds_the_neighbours_and_no_other_rows(k):
    rng = np.random.default_rng(k)
    index = np.stack([rng.permutation(20)[:k] for _ in range(20)])
    table = lookup(
        Neighbours(jnp.asarray(index, jnp.int32), jnp.asarray(index * 1.5, jnp.float32), jnp.zeros(20, bool))
    )
    rows, wanted = np.meshgrid(np.arange(20), np.arange(20), indexing="ij")
    found, position = jax.jit(lambda r, w: table.find(r, w))(jnp.asarray(rows), jnp.asarray(wanted))
    expected = np.array([[w in index[r] for w in range(20)] for r in range(20)])
    np.testing.assert_array_equal(found, expected)
    values = np.asarray(table.value)[rows, np.asarray(position)]
    np.testing.assert_array_equal(values[expected], 1.5 * wanted[expected])
