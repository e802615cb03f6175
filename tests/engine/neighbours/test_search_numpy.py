from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.gram.prepared import in_numpy, prepare
from hyle.engine.gram.product import gram_of
from hyle.engine.neighbours.search import candidates, select_k_nearest
from hyle.engine.neighbours.search_numpy import (
    MAX_ROWS_NUMPY,
    candidates_numpy,
    lowest_bounds,
    select_k_nearest_numpy,
    smallest,
)
from hyle.engine.neighbours.tables import find_table, find_tables

from .. import definitions
from ..samples import EXAMPLES, seeds, single

METRICS = ("euclidean", "cosine", "inner_product")


def groups(values, group):
    """The values in whole groups of columns, and the smallest of each; the last may be shorter."""
    minima = np.stack([values[:, start : start + group].min(1) for start in range(0, values.shape[1], group)], 1)
    beyond = ((0, 0), (0, -values.shape[1] % group))
    return np.pad(values, beyond, constant_values=np.nan), minima


@EXAMPLES
@given(
    seed=seeds,
    n=st.integers(1, 70),
    group=st.sampled_from([1, 2, 8, 16]),
    levels=st.sampled_from([2, 5, 10**6]),
    data=st.data(),
)
def test_smallest_equals_a_stable_sort(seed, n, group, levels, data):
    group = min(group, n)
    rng = np.random.default_rng(seed)
    # Few levels give many ties, below, above and at zero of either sign.
    values = single(rng.integers(-levels, levels, size=(6, n)) / 7) * single(rng.choice([-1.0, 1.0], (6, n)))
    values[rng.random((6, n)) < 0.1] = np.inf
    count = data.draw(st.integers(1, n))
    found, index = smallest(*groups(values, group), group, count)
    order = np.argsort(values, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(found, np.take_along_axis(values, order, 1))
    np.testing.assert_array_equal(index[np.isfinite(found)], order[np.isfinite(found)])


def test_rows_of_nan_give_valid_indices():
    values = single(np.full((2, 32), np.nan))
    found, index = smallest(*groups(values, 16), 16, 3)
    assert np.isinf(found).all()
    assert (index == 0).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [640, pytest.param(1001, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_candidates_equal_those_of_the_jax_version(metric, n, spread):
    rng = np.random.default_rng(n)
    x = single(np.repeat(rng.normal(size=(4, 12)), -(-n // 4), 0)[:n] + spread * rng.normal(size=(n, 12)))
    x[17], x[400] = x[3], x[5]
    prepared, query, where = (
        prepare(jnp.asarray(x)),
        np.arange(100, 180, dtype=np.int32),
        jnp.asarray(rng.random(n) < 0.9),
    )
    gram = gram_of(prepared.points, query)
    # Operation by operation: compiled together, products and sums may be rounded once instead of twice.
    expected = candidates(prepared.norms, gram, query, 9, metric, where)
    found = candidates_numpy(prepared.norms, gram, query, 9, metric, where, ordered=9)
    for name in ("indices", "approx_distance", "incomplete", "imprecise", "set_uncertain"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    tables = [
        method(prepared.norms, query, found.indices, found.approx_distance, 9, metric, where)
        for method in (select_k_nearest, select_k_nearest_numpy)
    ]
    for one, other in zip(*tables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_certain_order_is_correct():
    rng = np.random.default_rng(0)
    separated = single(rng.normal(size=(640, 3)))
    clustered = single(separated + 100 * (np.arange(640) % 2)[:, None])
    for x, uncertain in ((separated, False), (clustered, True)):
        prepared, query = prepare(jnp.asarray(x)), np.arange(640, dtype=np.int32)
        found = candidates_numpy(prepared.norms, gram_of(prepared.points, query), query, 9, "euclidean", ordered=9)
        far = np.linalg.norm(x.astype(np.float64)[:, None] - x, axis=-1)
        np.fill_diagonal(far, np.inf)
        wrong = (np.argsort(far, 1)[:, :9] != np.asarray(found.indices)[:, :9]).any(1)
        assert not (wrong & ~np.asarray(found.order_uncertain)).any()
        assert (np.asarray(found.order_uncertain).mean() > 0.5) == uncertain


@pytest.mark.parametrize("metric", METRICS)
def test_a_whole_gram_product_equals_its_blocks_and_tiles(metric, monkeypatch):
    rng = np.random.default_rng(1)
    x = single(rng.integers(0, 3, size=(700, 6)))  # with ties
    prepared = prepare(jnp.asarray(x))
    wanted = [(metric, 7), ("euclidean", 5)]
    whole = find_tables(prepared, wanted, ordered=7)
    monkeypatch.setattr("hyle.engine.neighbours.tables.MAX_PAIRS_SINGLE_THREAD", 0)
    parts = find_tables(prepared, wanted, ordered=7)
    monkeypatch.setattr("hyle.engine.neighbours.tables.BLOCK_BYTES", 0)
    monkeypatch.setattr("hyle.engine.neighbours.tiles.LEAST", 256)
    tiles = find_tables(prepared, wanted, ordered=7)
    for each, one, two, three in zip((metric, "euclidean"), whole, parts, tiles, strict=True):
        # By a similarity only the set is exact: the order of equal ones is that of rounding errors.
        sets = [table.indices if each == "euclidean" else np.sort(table.indices) for table in (one, two, three)]
        np.testing.assert_array_equal(sets[0], sets[1])
        np.testing.assert_array_equal(sets[0], sets[2])
        np.testing.assert_array_equal(one.tied, three.tied)
        np.testing.assert_allclose(one.value, three.value, rtol=2e-5)
        exact = definitions.similarity(x, each)
        np.fill_diagonal(exact, -np.inf)
        nearest = -np.sort(-exact)[:, : one.indices.shape[1]]
        for table in (one, two, three):
            np.testing.assert_allclose(np.take_along_axis(exact, table.indices, 1), nearest, rtol=1e-12, atol=1e-12)


def test_distances_in_tight_clusters_keep_float64_precision(float64):
    rng = np.random.default_rng(0)
    x = np.repeat(1e3 * rng.normal(size=(2, 12)), 60, 0) + 3e-2 * rng.normal(size=(120, 12))
    table = find_table(prepare(jnp.asarray(x)), 5, "euclidean", ordered=False)
    far = np.sort(np.linalg.norm(x[:, None] - x, axis=-1), 1)[:, 1:6]
    np.testing.assert_allclose(table.value, far, rtol=1e-9)


def test_equal_distances_by_subtraction_are_exactly_equal():
    table = find_table(prepare(jnp.arange(50.0)[:, None]), 2, "euclidean", measured=True)
    np.testing.assert_array_equal(table.value[1:-1], 1)


def test_rows_of_nearly_no_length_are_nobodys_nearest_by_mistake():
    """Two opposite rows of 1e-37 of the length of others: no bound of the distance to them is a number."""
    x = np.random.default_rng(0).normal(size=(281, 8)).astype(np.float32)
    x[[20, 160]] *= 1e-3
    x[5], x[145] = 1e-37 * x[5], -1e-37 * x[5]
    check_cosines(x, 10)


@pytest.mark.parametrize("length", np.geomspace(5e-38, 3e-37, 12))
def test_a_row_whose_reciprocal_length_is_at_the_end_of_the_range(length):
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    x *= 3 / np.abs(x).max()
    x[7] *= 1.2 / np.linalg.norm(x[7])
    x[3] = -x[7] / 1.2 * np.float32(length)
    check_cosines(x, 1)


def check_cosines(x, k):
    found = find_tables(prepare(x), [("cosine", k)])[0]
    unit = x.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    assert np.isfinite(found.value).all()
    np.testing.assert_allclose(
        np.sort(np.take_along_axis(cosines, np.asarray(found.indices), 1))[:, ::-1],
        np.sort(cosines)[:, : -k - 1 : -1],
        atol=1e-6,
    )


def test_columns_that_fill_up_the_last_group_are_no_neighbours_of_rows_of_nan():
    n = MAX_ROWS_NUMPY + 5  # no multiple of a group
    prepared = prepare(single(np.random.default_rng(0).normal(size=(n, 3))))
    query = np.arange(8, dtype=np.int32)
    gram = np.array(prepared.gram(query))
    gram[3] = np.nan
    low, index = lowest_bounds(in_numpy(prepared).norms, gram, query, 12, "euclidean")
    assert (index < n).all()
    assert np.isinf(low[3]).all()
    assert np.isfinite(low[[0, 1, 2, 4, 5, 6, 7]]).all()
