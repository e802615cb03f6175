"""Learning curves of samples that are chosen for labelling."""

from __future__ import annotations

import numpy as np
import pytest

from bench import label_selection as bench

BUDGETS = (20, 30, 40)


@pytest.fixture(scope="module")
def data() -> bench.Data:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 4))
    rows = {name: np.tanh(hidden @ rng.normal(size=(4, 12))) + 0.1 * rng.normal(size=(200, 12)) for name in "abcd"}
    return bench.Data(rows, hidden[:, 0], np.arange(200) // 2, "eV")


def test_no_group_is_divided(data: bench.Data) -> None:
    pool, test = bench.split(data.groups, 3)
    assert sorted([*pool, *test]) == list(range(200))
    assert not set(data.groups[pool]) & set(data.groups[test])
    assert 60 <= len(test) <= 62
    assert not np.array_equal(test, bench.split(data.groups, 4)[1])


def test_strategies_choose_as_many_as_they_may_and_without_other_labels(data: bench.Data) -> None:
    pool = bench.pool_of(data, bench.split(data.groups, 0)[0])
    assert len(pool.label) % bench.ROUND == 0
    for name, choose in bench.STRATEGIES.items():
        chosen = choose(pool, BUDGETS)
        assert [len(set(rows.tolist())) for rows in chosen] == list(BUDGETS), name
        blind = pool._replace(label=np.where(np.isin(np.arange(len(pool.label)), chosen[-1]), pool.label, np.nan))
        assert all(np.array_equal(a, b) for a, b in zip(chosen, choose(blind, BUDGETS), strict=True)), name
    spread = np.stack([x[bench.STRATEGIES["farthest"](pool, (20,))[0]].std() for x in pool.rows])
    assert (spread > [x[:20].std() for x in pool.rows]).all()
    assert np.array_equal(bench.STRATEGIES["disagreement"](pool, (20,))[0], pool.contested[:20])


def test_measured_errors_fall_and_are_summarised(data: bench.Data) -> None:
    found = bench.measure(data, 2, BUDGETS)
    assert set(found["mae"]) == set(bench.STRATEGIES)
    assert found["mae"]["random"][0]["mean"] > found["mae"]["random"][-1]["mean"]
    assert all(a["mean"] < b["mean"] for a, b in zip(found["mae"]["random"], found["worst"]["random"], strict=True))
    page = bench.markdown({"qm9": found}, BUDGETS, 2)
    assert page.startswith("# Which samples to label\n\nBy the mean error, compared with random choice: better: ")
    assert all(f"| {name} |" in page for name in bench.STRATEGIES)


def test_the_conclusion_says_what_the_intervals_say() -> None:
    names = list(bench.STRATEGIES)[1:]
    zero = {"mean": 0.0, "low": -0.1, "high": 0.1}
    one = dict.fromkeys(names, zero) | {"farthest": {"mean": -0.2, "low": -0.3, "high": -0.1}}
    two = dict.fromkeys(names, zero) | {"uncertainty": {"mean": 0.2, "low": 0.1, "high": 0.3}}
    results = {"qm9": {"change": one, "change_worst": dict.fromkeys(names, zero)}}
    results["mptrj"] = {"change": two, "change_worst": dict.fromkeys(names, zero)}
    text = bench.conclusion(results)
    assert (
        "By the mean error, compared with random choice: better: farthest on qm9; worse: uncertainty on mptrj." in text
    )
    assert "farthest −10.0 %" in text
    assert "By the mean error of the worst tenth, compared with random choice: better: none; worse: none." in text


def test_the_interval_is_wider_than_that_of_independent_splits() -> None:
    values = np.random.default_rng(0).normal(1, 0.1, size=20)
    found = bench.interval(values)
    assert found["se"] == pytest.approx(values.std(ddof=1) * (1 / 20 + 0.3 / 0.7) ** 0.5)
    assert found["low"] < found["mean"] < found["high"]
