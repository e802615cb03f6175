from __future__ import annotations

import importlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyle.engine.gram.prepared import prepare
from hyle.engine.neighbours.ranks import TABLE, ranks, ranks_numpy, recompute_exact_ranks
from hyle.engine.neighbours.search import neighbours

from .. import definitions
from ..samples import EXAMPLES, D, N, seeds, single, views

ROWS = jnp.arange(N, dtype=jnp.int32)
# All other rows, for each row.
OTHERS = jnp.asarray([[j for j in range(N) if j != i] for i in range(N)], jnp.int32)


@partial(jax.jit, static_argnames=("table", "exact"))
def _ranks(x, wanted, table, exact):
    prepared = prepare(x)
    near = neighbours(x, table).indices
    values, incomplete = ranks(prepared.norms, prepared.gram(ROWS), ROWS, wanted, near)
    return recompute_exact_ranks(prepared, ROWS, wanted, values, incomplete) if exact else values, incomplete


def computed(x, table=TABLE, wanted=OTHERS):
    return np.asarray(_ranks(jnp.asarray(x), wanted, table, True)[0])


def expected(x):
    return np.take_along_axis(definitions.ranks(x), np.asarray(OTHERS), 1)


def clusters(spread, seed=0):
    rng = np.random.default_rng(seed)
    return single(np.repeat(rng.normal(size=(2, D)), N // 2, 0) + spread * rng.normal(size=(N, D)))


# Counted all but the nearest, as in the pass, and read off a table all but the last.
@pytest.mark.parametrize("table", [1, TABLE, N - 2])
@EXAMPLES
@given(seed=seeds)
def test_of_integers_exactly_ties_to_the_lowest_index(table, seed):
    rng = np.random.default_rng(seed)
    fingerprints = single(rng.random((N, D)) < 0.3)
    counts = single(rng.integers(0, 17, (N, D)))
    repeats = counts[rng.integers(0, N // 2, N)]
    for x in (fingerprints, counts, repeats, counts + 1000):
        np.testing.assert_array_equal(computed(x, table), expected(x))


def test_rows_that_repeat_have_the_first_ranks_in_the_order_of_their_index():
    x = single(views(0)[0])
    x[[5, 20, 50]] = x[33]
    values = computed(x, 1)
    for row, others in ((33, [5, 20, 50]), (5, [20, 33, 50])):
        assert values[row, np.searchsorted(OTHERS[row], others)].tolist() == [1, 2, 3]


@pytest.mark.parametrize("table", [1, TABLE])
@pytest.mark.parametrize("spread", [1e-3, 1e-4, 1e-5])
def test_tight_clusters_far_apart_keep_their_order(spread, table):
    # Within a cluster, distances are smaller than the rounding error of the Gram product.
    x = clusters(spread)
    same = np.asarray(ROWS[:, None] // (N // 2) == OTHERS // (N // 2))
    np.testing.assert_array_equal(computed(x, table)[same], expected(x)[same])


def test_tight_clusters_are_incomplete_before_exact_recomputation():
    values, incomplete = _ranks(clusters(1e-4), OTHERS, 1, False)
    assert np.asarray(incomplete).all()
    assert (np.asarray(values) != expected(clusters(1e-4))).any()
    assert not np.asarray(_ranks(single(views(0)[0]), OTHERS, 1, False)[1]).any()


@EXAMPLES
@given(seed=seeds)
def test_table_and_counts_agree(seed):
    x = single(views(seed)[0])
    counted, read = computed(x, 1), computed(x, N - 2)
    assert np.abs(counted - read).max() <= 1  # when counted, distances that differ by less than rounding tie
    assert (counted != read).mean() < 1e-3
    np.testing.assert_array_equal(read, expected(x))


@EXAMPLES
@given(seed=seeds, spread=st.sampled_from([0.3, 0.03, 0.01]), offset=st.sampled_from([0.0, 200.0]))
def test_counts_err_only_where_distances_differ_by_less_than_rounding(seed, spread, offset):
    x = clusters(spread, seed)
    x = single(x + offset * x.std())
    counted, far = computed(x, 1), definitions.distances(x) ** 2
    norms = prepare(x).norms
    squares = np.asarray(norms.squares, np.float64) * float(norms.scale) ** 2
    for i in range(N):
        j = np.asarray(OTHERS[i])
        # The errors of the threshold and the distance of the wanted row, and of the distances of the others.
        error = float(norms.gram_rtol) * (4 * squares[i] + 3 * squares[j][:, None] + squares[j])
        difference = far[i, j] - far[i, j][:, None]
        assert (counted[i] >= 1 + (difference < -error).sum(1)).all()
        assert (counted[i] <= (difference <= error).sum(1)).all()


def test_an_outlier_does_not_cost_the_others_their_ranks():
    x = single(np.random.default_rng(0).integers(0, 17, (N, D)))
    x[7] = 1e6
    keep = np.asarray(ROWS) != 7  # equally far from all others, up to rounding
    np.testing.assert_array_equal(computed(x, 1)[keep], expected(x)[keep])


@pytest.mark.parametrize("table", [1, TABLE])
def test_more_duplicates_than_the_table_contains(table):
    x = np.zeros((N, D), np.float32)
    x[: N // 4] = single(views(4)[0])[: N // 4]
    np.testing.assert_array_equal(computed(x, table), expected(x))


def test_some_rows_and_some_wanted_in_float64(float64):
    x = views(2)[0]
    query = jnp.asarray([3, 3, 60, N - 1], jnp.int32)
    wanted = jnp.asarray([[1, 40], [40, 1], [0, 63], [0, 62]], jnp.int32)
    prepared = prepare(jnp.asarray(x))
    values, incomplete = ranks(
        prepared.norms, prepared.gram(query), query, wanted, neighbours(jnp.asarray(x), 2).indices[query]
    )
    assert not np.asarray(incomplete).any()
    np.testing.assert_array_equal(values, definitions.ranks(x)[np.asarray(query)[:, None], np.asarray(wanted)])


def test_only_incomplete_rows_are_recomputed():
    x = single(views(3)[0])
    prepared = prepare(jnp.asarray(x))
    incomplete = jnp.asarray(ROWS % 2 == 0)
    values = np.asarray(recompute_exact_ranks(prepared, ROWS, OTHERS, jnp.full(OTHERS.shape, -1.0), incomplete))
    np.testing.assert_array_equal(values[1::2], -1)
    np.testing.assert_array_equal(values[::2], expected(x)[::2])


@pytest.mark.parametrize("most", [0, 2048])
@pytest.mark.parametrize("values", ["normal", "integers", "clusters"])
def test_ranks_in_numpy_are_those_of_a_stable_sort(monkeypatch, values, most):
    monkeypatch.setattr(importlib.import_module("hyle.engine.neighbours.ranks"), "MAX_ROWS_NUMPY", most)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(90, 4)) if values == "normal" else rng.integers(0, 3, size=(90, 4))
    cluster = rng.integers(0, 6, size=90)
    if values == "clusters":  # far closer to each other than the Gram product resolves
        x = 300 * rng.normal(size=(6, 4))[cluster] + 0.1 * rng.normal(size=(90, 4))
    x = single(x)
    far = ((x[:, None].astype(np.float64) - x) ** 2).sum(2)
    np.fill_diagonal(far, np.inf)
    order = np.argsort(far, 1, kind="stable")
    query = np.arange(10, 50, dtype=np.int32)
    wanted = np.stack([rng.permutation(np.delete(np.arange(90), row))[:12] for row in query]).astype(np.int32)
    prepared = prepare(x)
    found = ranks_numpy(prepared, prepared.gram(query), query, wanted, order[query, :5].astype(np.int32))
    rank = np.argsort(order, 1)
    # Distances between clusters differ by less than float32 resolves.
    known = cluster[query][:, None] == cluster[wanted] if values == "clusters" else np.ones(wanted.shape, bool)
    assert known.sum() > 40
    np.testing.assert_array_equal(found[known], 1 + np.take_along_axis(rank[query], wanted, 1)[known])
