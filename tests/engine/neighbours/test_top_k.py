"""Candidates by groups of columns, as an accelerator selects them."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine.gram import prepare
from hyle.engine.neighbours import NeighbourMetric, search
from hyle.engine.neighbours.top_k import FAST, GROUPS, smallest_in_groups

COUNT = 31


def ordered(values: np.ndarray) -> np.ndarray:
    return np.argsort(values, axis=1, kind="stable")[:, :COUNT]


@pytest.mark.parametrize("n", [2 * FAST * GROUPS, 1000, 3001])
def test_the_smallest_of_random_rows_are_found(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(50, n)).astype(np.float32)
    low, index, left = map(np.asarray, smallest_in_groups(jnp.asarray(values), COUNT))
    np.testing.assert_array_equal(index, ordered(values))
    np.testing.assert_array_equal(low, np.take_along_axis(values, index, 1))
    np.testing.assert_array_equal(left, low[:, -1])  # no group was exhausted


def test_ties_are_broken_by_the_lowest_index() -> None:
    values = np.random.default_rng(0).integers(0, 60, size=(40, 900)).astype(np.float32)
    _, index, left = map(np.asarray, smallest_in_groups(jnp.asarray(values), COUNT))
    whole = left > np.sort(values, 1)[:, COUNT - 1] - 1
    assert whole.all()
    np.testing.assert_array_equal(index, ordered(values))


def test_a_group_with_too_many_is_reported() -> None:
    values = 100 + np.random.default_rng(0).random(size=(2, 1024)).astype(np.float32)
    values[1, 3::GROUPS][: FAST + 4] = np.arange(FAST + 4)  # 20 of the 31 smallest are in one group
    low, _, left = map(np.asarray, smallest_in_groups(jnp.asarray(values), COUNT))
    assert left[0] == low[0, -1]
    assert left[1] == FAST - 1
    missing = np.setdiff1d(np.sort(values[1])[:COUNT], low[1])
    assert missing.min() >= left[1]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", pytest.param("inner_product", marks=pytest.mark.thorough)])
def test_tables_are_exact_also_where_all_neighbours_are_in_one_group(
    monkeypatch: pytest.MonkeyPatch, metric: NeighbourMetric
) -> None:
    rng = np.random.default_rng(0)
    n, k = 640, 25
    rows = rng.normal(size=(n, 6)).astype(np.float32)
    rows[5::GROUPS] = rows[5] + 1e-3 * rng.normal(size=(n // GROUPS, 6))  # a cluster of 40, all in one group
    query = jnp.arange(n, dtype=jnp.int32)
    found = []
    for groups in (False, True):
        monkeypatch.setattr(sys.modules["hyle.engine.neighbours.search"], "in_groups", lambda *_, groups=groups: groups)
        jax.clear_caches()
        prepared = prepare(jnp.asarray(rows))
        found.append(search(prepared, prepared.gram(query), query, k, metric))
    np.testing.assert_array_equal(found[1].indices, found[0].indices)
    np.testing.assert_array_equal(found[1].value, found[0].value)
    np.testing.assert_array_equal(found[1].tied, found[0].tied)
