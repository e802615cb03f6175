"""Facts of metrics are read back as they were written, also from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from hyle.engine import compare, list_metrics, load_comparison, save_comparison
from hyle.engine.comparison import beside, chance_level, metric_facts, metric_names, permuted_second

from ..samples import K, single, views


@pytest.fixture(scope="module")
def comparison() -> xr.Dataset:
    x, y = map(single, views(0))
    z = np.where(np.arange(x.shape[1]) < 3, x, 0)  # of the same width, for which the same programs are compiled
    return compare({"x": x, "y": y, "z": z}, metrics=list(list_metrics()), k=K)


@pytest.mark.parametrize("stored", [False, True])
def test_facts_match_the_metric(comparison: xr.Dataset, tmp_path, stored: bool) -> None:
    if stored:
        comparison = load_comparison(save_comparison(comparison, tmp_path / "x.nc"))
    for metric in list_metrics().values():
        facts = metric_facts(comparison, metric.name)
        assert facts.kind == metric.kind
        assert facts.higher_is_better == (metric.higher_is_better is not False)
        assert facts.symmetric == metric.symmetric
        assert facts.bounds == (metric.bounds if np.isfinite(metric.bounds).all() else None)
        assert facts.sign == (1 if facts.higher_is_better else -1)
    assert metric_names(comparison) == [name for name, one in list_metrics().items() if one.kind == "pair"]


def test_best_and_worst_value_follow_the_direction_of_the_metric(comparison: xr.Dataset, tmp_path: Path) -> None:
    facts = metric_facts(comparison, "information_imbalance")
    own = comparison.information_imbalance.values.diagonal()  # the ranks 1 to k have a mean above 0
    assert (facts.best, facts.worst) == (pytest.approx(own), 2.0)  # the end of its scale; its chance level is 1
    stored = load_comparison(save_comparison(comparison, tmp_path / "x.nc"))
    assert metric_facts(stored, "information_imbalance") == facts
    del stored.information_imbalance.attrs["self_score"]  # of an earlier release
    assert metric_facts(stored, "information_imbalance").best == 0
    facts = metric_facts(comparison, "cka")
    assert (facts.best, facts.worst) == (1.0, 0.0)


def test_facts_are_read_from_tables_of_other_programs() -> None:
    values = (("model", "other"), np.eye(2))
    for limits, bounds in (("[0, 2.5]", (0.0, 2.5)), ([0.0, 1e9], (0.0, 1e9)), (None, None), ([0.0, np.inf], None)):
        attributes = {"kind": "pair", "higher_is_better": "False", "limits": limits}
        found = metric_facts(xr.Dataset({"mine": (*values, attributes)}), "mine")
        assert (found.higher_is_better, found.bounds, found.best) == (False, bounds, bounds[0] if bounds else 0.0)
    with pytest.raises(ValueError, match="no metric 'cka'; it has mine"):
        metric_facts(xr.Dataset({"mine": (*values, {"kind": "pair"})}), "cka")


def test_the_chance_level_is_the_median_over_pairs(comparison: xr.Dataset) -> None:
    chance = comparison["mutual_knn_chance"].values
    assert chance_level(comparison, "mutual_knn") == np.median(chance[~np.eye(3, dtype=bool)])
    assert np.isnan(chance_level(comparison, "mutual_knn", "null"))
    assert beside(comparison, "mutual_knn", "null", "chance").name == "mutual_knn_chance"
    assert beside(comparison, "mutual_knn", "null") is None


def test_the_comparison_says_which_model_was_permuted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    b, c = rng.normal(size=(2, 40, 4))
    models = {"a": np.round(rng.normal(size=(40, 1))), "b": b, "c": c}  # of few distinct rows
    options = {"metrics": ["cka", "mutual_knn", "cycle_knn"], "k": 3, "permutations": 9, "keep_resamples": True}
    found = compare(models, **options)
    assert found.permutation_order.values.tolist() == [2, 0, 1]
    expected = [[True, False, False], [True, True, True], [True, False, True]]
    stored = load_comparison(save_comparison(found, tmp_path / "x.nc"))
    for one in (found, stored):
        np.testing.assert_array_equal(permuted_second(one), expected)
    np.testing.assert_array_equal(permuted_second(found.sel(model=["c", "a"], other=["c", "a"])), [[1, 1], [0, 1]])
    # Earlier releases did not say it.
    assert permuted_second(found.drop_vars("permutation_order")) is None
    plain = compare({"a": b, "c": c, "b": models["b"] + c}, **options).drop_vars("permutation_order")
    np.testing.assert_array_equal(permuted_second(plain), [[1, 1, 1], [0, 1, 0], [0, 1, 1]])
    assert "permutation_order" not in compare(models, **options | {"keep_resamples": False})
