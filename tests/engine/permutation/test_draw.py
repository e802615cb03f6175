from __future__ import annotations

import importlib
import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hyle.engine import compare, list_metrics
from hyle.engine.comparison.calibration import null_of
from hyle.engine.context import CompareConfig, MetricContext
from hyle.engine.permutation.draw import draw

module = importlib.import_module(draw.__module__)


@pytest.mark.parametrize(("n", "count"), [(4, 7), (7, 200), (12, 100), (13, 12), (50, 200), (50, 99), (60, 119)])
def test_as_many_distinct_permutations_as_asked_for(n: int, count: int) -> None:
    found = draw(n, count)
    assert found.orders.shape == (count, n)
    assert (np.sort(found.orders, 1) == np.arange(n)).all()
    assert len(np.unique([np.arange(n), *found.orders], axis=0)) == count + 1
    if found.cycles:
        np.testing.assert_array_equal(np.concatenate([cycle.orders for cycle in found.cycles]), found.orders)
        assert all(cycle.first is found.cycles[0].first for cycle in found.cycles)
    np.testing.assert_array_equal(draw(n, count).orders, found.orders)


@pytest.mark.parametrize(("groups", "exist"), [(None, 24), (list("aabb"), 4), (list("aaab"), 6)])
def test_all_permutations_are_returned_if_there_are_no_more(groups: list[str] | None, exist: int) -> None:
    assert len(draw(4, exist - 1, groups=groups)) == exist - 1
    assert len(draw(4, 1000, groups=groups)) == exist - 1
    assert len(draw(4, exist - 2, groups=groups)) == exist - 2


@pytest.mark.parametrize("n", [8, 20])
def test_every_sample_is_compared_with_every_other_equally_often(n: int) -> None:
    """Over seeds, with a coset of the identity that lacks the identity, and a last coset that is cut."""
    count, seeds = 2 * n + 3, 300
    met = np.zeros((n, n))
    for seed in range(seeds):
        np.add.at(met, (np.tile(np.arange(n), (count, 1)), draw(n, count, seed=seed).orders), 1)
    assert (met.sum(1) == count * seeds).all()
    # The shifts along the cycle of the identity leave no sample in place, the others as often as any order.
    expected = count * seeds / n
    assert abs(met[~np.eye(n, dtype=bool)].mean() / expected - 1) < 0.1
    assert abs(met - expected).max() / expected < 0.5


@pytest.mark.parametrize(("n", "count"), [(6, 19), (9, 19), (12, 39)])
def test_the_rank_of_the_data_is_uniform_under_the_null(n: int, count: int) -> None:
    """P(p <= t) = t for every t = i / (K + 1), for a statistic without ties: within 4 binomial deviations."""
    sets, rng = 4000, np.random.default_rng(n)
    p = np.empty(sets)
    for i in range(sets):
        x, y = rng.normal(size=(2, n))
        orders = draw(n, count, seed=i % 400).orders
        p[i] = (1 + (y[orders] @ x >= y @ x).sum()) / (count + 1)
    for level in np.arange(1, count + 1) / (count + 1):
        assert abs((p <= level + 1e-9).mean() - level) < 4 * math.sqrt(level * (1 - level) / sets)


@pytest.mark.parametrize(
    "name", ["cka", "cka_rbf", "distance_correlation", "rsa", "mutual_knn", "cknna", "jaccard_knn"]
)
def test_several_cycles_give_the_scores_of_permuted_samples(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(14, 5))
    arrays = [jnp.asarray(v, jnp.float32) for v in (x, x[:, :3] + rng.normal(size=(14, 3)), rng.normal(size=(14, 4)))]
    context = MetricContext(["c", "a", "b"], arrays, CompareConfig(k=3))
    metric, permutations = list_metrics()[name], draw(14, 37)
    assert len(permutations.cycles) == 3
    context.run_pass(list(metric.needs))
    fast, slow = null_of(metric, context, permutations), null_of(replace(metric, null=None), context, permutations)
    np.testing.assert_allclose(fast, slow, atol=5e-6)


def test_permutations_of_a_comparison_are_not_bounded_by_the_number_of_samples() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    found = compare({"a": x, "b": x + 0.1 * rng.normal(size=(30, 4))}, metrics=["cka"], permutations=400)
    assert found.attrs["permutations"] == 400
    assert found.cka_p.sel(model="a", other="b") == pytest.approx(1 / 401)


@pytest.mark.parametrize("own", ["all", "half", "none"])
def test_processes_and_devices_that_divide_permutations_compute_all(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    permutations, steps = draw(12, 21, groups=[0] * 6 + [1] * 6), []

    def last_rows(orders: jnp.ndarray) -> np.ndarray:
        return np.asarray(orders)[:, -2:]

    shares = {"all": lambda starts: starts, "half": lambda starts: starts[1::2], "none": lambda starts: []}
    monkeypatch.setattr(module, "own_share", shares[own])
    found = permutations.map([last_rows, last_rows], lambda *step: steps.append(step), shared=True)
    expected = permutations.orders[:, -2:].astype(float)
    mine = {"all": np.ones(21, bool), "half": (np.arange(21) // 8) % 2 == 1, "none": np.zeros(21, bool)}[own]
    np.testing.assert_array_equal(found, np.where(mine[:, None], expected, 0))
    assert steps[-1] == (21, 21)
