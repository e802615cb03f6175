"""Comparisons of some rows with all: exact if all are drawn, unbiased if not, with intervals of the drawing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyle.engine import CompareConfig, compare, find_metric, list_metrics, load_comparison, save_comparison
from hyle.engine.base import InputError
from hyle.engine.context import MIN_QUERIES, MetricContext, Queries, draw_queries
from hyle.engine.gram import Prepared, multiply

N, Q, K, DRAWS = 600, 100, 10, 60
SAMPLED = tuple(name for name, metric in list_metrics().items() if metric.queries == "sampled")
EXACT = tuple(name for name, metric in list_metrics().items() if metric.queries == "exact")
OPTIONS = {"k": K, "dimension_k": 20, "rank_k": 2}


def models(n: int, seed: int = 0, noise: float = 0.2) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(n, 4))
    views = [np.tanh(shared @ generator.normal(size=(4, 8))), shared @ generator.normal(size=(4, 6))]
    a, b = (x + noise * generator.normal(size=x.shape) for x in views)
    return {"a": a.astype(np.float32), "b": b.astype(np.float32)}


def with_repeats(n: int) -> dict[str, np.ndarray]:
    found = models(n)
    return found | {"c": np.concatenate([found["a"][: n // 2], found["a"][: n - n // 2]])}


def test_what_can_be_sampled_is_known() -> None:
    assert {"mutual_knn", "jaccard_knn", "information_imbalance", "cknna", "intrinsic_dimension"} <= set(SAMPLED)
    assert {"cka", "cka_biased", "procrustes"} <= set(EXACT)
    assert not {"cka_rbf", "rsa", "cycle_knn", "distance_correlation", "id_correlation"} & {*SAMPLED, *EXACT}


@pytest.mark.parametrize("neighbour_metric", ["cosine", "euclidean", "inner_product"])
def test_all_rows_as_queries_give_the_exact_values(neighbour_metric: str) -> None:
    options: dict[str, Any] = OPTIONS | {"metrics": SAMPLED + EXACT, "neighbour_metric": neighbour_metric}
    check_equal(with_repeats(300), options)


def test_all_rows_as_queries_give_the_exact_values_in_jax(float64: None) -> None:
    """NumPy is used for float32 only."""
    check_equal({name: x.astype(np.float64) for name, x in with_repeats(80).items()}, OPTIONS | {"metrics": SAMPLED})


def check_equal(given: dict[str, np.ndarray], options: dict[str, Any]) -> None:
    exact, found = compare(given, **options), compare(given, **options, queries=10**6)
    n = found.attrs["n"]
    assert found.attrs["queries"] == exact.attrs["queries"] == n
    for name in exact.data_vars:
        np.testing.assert_array_equal(exact[name].isnull(), found[name].isnull(), err_msg=name)
        if exact[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], exact[name], rtol=2e-6, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], exact[name], err_msg=name)
    for name in SAMPLED:
        assert not np.nan_to_num(found[f"{name}_se"]).any()
        np.testing.assert_array_equal(found[f"{name}_low"], found[name])
        assert found[name].attrs["queries"] == found.attrs["n"]
        assert "queries" not in exact[name].attrs


@pytest.fixture(scope="module")
def draws() -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The exact value of each metric, and its value, error and interval ends in many draws."""
    given = models(N)
    exact = compare(given, metrics=SAMPLED, **OPTIONS)
    drawn = [compare(given, metrics=SAMPLED, queries=Q, seed=seed, **OPTIONS) for seed in range(DRAWS)]

    def of(comparison: Any, name: str) -> float:
        return float(comparison[name].values[(0, 1) if comparison[name].ndim == 2 else 0])

    ends = {
        name: np.array([[of(each, name + end) for end in ("", "_se", "_low", "_high")] for each in drawn]).T
        for name in SAMPLED
    }
    return {name: of(exact, name) for name in SAMPLED}, ends


@pytest.mark.parametrize("name", SAMPLED)
def test_draws_are_unbiased_and_their_intervals_cover_the_exact_value(
    name: str, draws: tuple[dict[str, float], dict[str, np.ndarray]]
) -> None:
    exact, (value, error, low, high) = draws[0][name], draws[1][name]
    assert abs(value.mean() - exact) < 3 * value.std(ddof=1) / DRAWS**0.5
    assert error.mean() == pytest.approx(value.std(ddof=1), rel=0.25)
    assert 0.88 <= ((low <= exact) & (exact <= high)).mean() <= 0.99


@pytest.mark.parametrize("name", SAMPLED)
def test_values_without_a_group_are_those_of_the_other_queries(name: str) -> None:
    arrays, metric = list(with_repeats(120).values()), find_metric(name)
    config = CompareConfig(k=K, dimension_k=20, rank_k=2)
    queries = draw_queries(120, 60, 0)
    whole = MetricContext(["a", "b", "c"], arrays, config, queries=queries)
    whole.run_pass(metric.needs)
    without = metric.evaluate(whole).without
    assert without is not None
    assert len(without) == 20
    for group in (0, 7):
        kept = queries.group != group
        fewer = Queries(queries.rows[kept], 120, np.unique(queries.group[kept], return_inverse=True)[1])
        context = replace(whole, queries=fewer, _cache={})
        context.run_pass(metric.needs)
        np.testing.assert_allclose(without[group], metric.evaluate(context).value, rtol=2e-6)


def fail(*_: object) -> None:
    raise AssertionError("something was computed")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["cka", "rsa", "cka_rbf"]}, "rsa, cka_rbf cannot be computed.*possible with queries are: cca, "),
        ({"jackknife_groups": 20}, "queries=100 and jackknife_groups cannot be combined"),
        ({"permutations": 200}, "permutations=200 cannot be combined.*chance level"),
        ({"permutations": "auto", "groups": [0] * 300}, "queries=100 and groups cannot be combined"),
        ({"permutations": "auto", "strata": [0] * 300}, "queries=100 and strata cannot be combined"),
        ({"queries": MIN_QUERIES - 1}, "queries=39 are too few: use at least 40"),
    ],
)
def test_what_queries_exclude_is_refused_before_anything_is_computed(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["hyle.engine.comparison.compare"], "check_representations", fail)
    with pytest.raises(InputError, match=message):
        compare(models(300), **({"metrics": ["cka"], "queries": 100, "progress": fail} | options))


def test_automatic_permutations_are_none_with_queries() -> None:
    found = compare(models(300), metrics=["mutual_knn"], queries=100, permutations="auto")
    assert found.attrs["permutations"] == 0
    assert "mutual_knn_p" not in found


def test_the_recipe_says_what_was_sampled(tmp_path: Path) -> None:
    found = compare(models(300), metrics=["cka", "mutual_knn"], queries=100, k=K)
    found = load_comparison(save_comparison(found, tmp_path / "found.nc"))
    assert found.attrs["queries"] == 100
    assert "queries" not in found.cka.attrs  # exact
    assert found.mutual_knn.attrs["queries"] == 100
    assert "cka_se" not in found
    for end in ("se", "low", "high"):
        attributes = found[f"mutual_knn_{end}"].attrs
        assert attributes["interval"] == "of sampled queries"
        assert (attributes["kind"], attributes["of"], attributes["level"]) == (end, "mutual_knn", 0.95)


def test_the_seed_draws_the_queries_and_the_order_of_models_does_not_matter() -> None:
    given = models(300)
    first, again, other = (
        compare(models, metrics=["cknna"], queries=100, seed=seed, k=K).sel(model="a", other="b").cknna.item()
        for models, seed in ((given, 0), (dict(reversed(given.items())), 0), (given, 1))
    )
    assert first == pytest.approx(again)
    assert first != pytest.approx(other)


def test_covariates_work_with_queries() -> None:
    given = models(300)
    known = np.random.default_rng(1).normal(size=(300, 2))
    found = compare(given, covariates=known, metrics=["mutual_knn", "cka"], queries=100, k=K)
    assert np.isfinite(found.mutual_knn_raw).all()
    plain = compare(given, metrics=["cka"])
    assert found.cka_raw.values[0, 1] == pytest.approx(plain.cka.values[0, 1], abs=0.05)


def test_only_the_queries_are_multiplied_with_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models of 20,000 rows: 1,000 rows of inner products in place of 40,000, in blocks of few rows."""
    rows, products = list[int](), list[int]()

    def counted(points: Any, some: np.ndarray, columns: slice, out: np.ndarray) -> Any:
        products.append(out.size)
        rows.append(len(some))
        return multiply(points, some, columns, out)

    monkeypatch.setattr("hyle.engine.neighbours.row_blocks.multiply", counted)
    monkeypatch.setattr(Prepared, "gram", fail)
    monkeypatch.setattr(Prepared, "with_gram", fail)
    monkeypatch.setattr("hyle.engine.neighbours.tables.whole_gram", fail)
    monkeypatch.setattr("hyle.engine.block_pass.run.find_tables", fail)
    found = compare(models(20_000), metrics=["cka", "mutual_knn", "cknna"], queries=500, block=125)
    assert np.isfinite(found.cknna).all()
    assert sum(products) == 2 * 500 * 20_000
    assert max(rows) == 125
    assert found.cka.attrs["form"] == "d x d products of features"
