"""The Comparison: its table, how it shows itself, and that it is an xarray.Dataset in everything else."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hyle.engine import Comparison, cka, compare, intrinsic_dimension, load_comparison, save_comparison, sweep
from hyle.engine.comparison import as_comparison

rng = np.random.default_rng(2)
X = rng.normal(size=(40, 6))
PANEL = {"a": X, "b": X[:, :4] + 0.1 * rng.normal(size=(40, 4)), "c": rng.normal(size=(40, 5))}
METRICS = ["information_imbalance", "cka", "intrinsic_dimension"]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(PANEL, metrics=METRICS, permutations=99, jackknife_groups=8, dimension_k=5)


def test_the_table_has_each_number_once(comparison: Comparison) -> None:
    table = comparison.to_frame()
    assert isinstance(table, pd.DataFrame)
    assert table.groupby("metric").size().to_dict() == {
        "cka": 3,  # each pair once
        "information_imbalance": 6,  # in both directions
        "intrinsic_dimension": 3,  # each model once
    }
    assert {"model", "other", "metric", "value", "chance", "p", "q", "low", "high"} <= set(table.columns)
    rows = table.set_index(["metric", "model", "other"]).sort_index()
    for (a, b), row in rows.loc["cka"].iterrows():
        assert row["value"] == pytest.approx(float(cka(PANEL[a], PANEL[b])), abs=1e-6)
        assert row["low"] < row["value"] < row["high"]
        assert row["chance"] == 0
    assert rows.loc[("cka", "a", "b"), "p"] == pytest.approx(0.025, abs=0.02)
    for (a, b), row in rows.loc["information_imbalance"].iterrows():
        for column, suffix in {"value": "", "p": "_p", "q": "_q", "low": "_low", "error": "_se"}.items():
            expected = comparison[f"information_imbalance{suffix}"].sel(model=a, other=b)
            assert row[column] == pytest.approx(float(expected))
    for (model, other), row in rows.loc["intrinsic_dimension"].iterrows():
        assert other == ""
        assert row["value"] == pytest.approx(float(intrinsic_dimension(PANEL[model], k=5)), rel=1e-5)
        assert np.isnan(row["p"])
        assert row["low"] < row["value"] < row["high"]


def test_the_table_of_some_metrics_and_models(comparison: Comparison) -> None:
    assert comparison.to_frame(["cka"])["metric"].unique().tolist() == ["cka"]
    some = comparison.sel(model=["a", "b"], other=["b", "c"]).to_frame(["cka"])
    assert list(zip(some["model"], some["other"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    full = comparison.to_frame(["cka"])
    np.testing.assert_array_equal(some["value"], full["value"])
    with pytest.raises(ValueError, match="no metric 'nosuch'; it has information_imbalance, cka"):
        comparison.to_frame(["nosuch"])
    swept = as_comparison(sweep(PANEL, over="n", values=[20, 40], metrics="cka"))
    with pytest.raises(ValueError, match=r"cka extends over n: select one first, by \.isel\(n=0\)"):
        swept.to_frame()
    np.testing.assert_allclose(swept.isel(n=1).to_frame(["cka"])["value"], full["value"], atol=1e-6)


def test_the_chance_level_of_grouped_samples_is_that_of_the_permutations() -> None:
    groups = [f"g{i // 2}" for i in range(40)]
    grouped = compare(PANEL, metrics="mutual_knn", k=5, permutations=19, groups=groups)
    chance = grouped.to_frame().set_index(["model", "other"])["chance"]
    assert chance["a", "b"] == pytest.approx(float(grouped.mutual_knn_null.sel(model="a", other="b")))
    single = compare(PANEL, metrics="mutual_knn", k=5, permutations=19)
    assert single.to_frame()["chance"].tolist() == pytest.approx([5 / 39] * 3)


OPERATIONS = {
    "isel": lambda c: c.isel(model=[0, 1], other=[0, 1]),
    "sel": lambda c: c.sel(model="a"),
    "copy": lambda c: c.copy(deep=True),
    "copy module": copy.deepcopy,
    "pickle": lambda c: pickle.loads(pickle.dumps(c)),
    "assign": lambda c: c.assign(twice=2 * c.cka),
    "drop": lambda c: c.drop_vars("cka"),
    "where": lambda c: c.where(c.model != "a"),
    "rename": lambda c: c.rename(cka="x"),
    "transpose": lambda c: c.transpose(),
    "some variables": lambda c: c[["cka"]],
    "concat": lambda c: xr.concat([c, c], "seed"),
    "merge": lambda c: xr.merge([c, c.rename(cka="x")], compat="override"),
    "mean": lambda c: c.mean("other"),
    "plus": lambda c: c[["cka"]] + 1,
    "stack": lambda c: c.stack(pair=["model", "other"]),
    "to_dataframe": lambda c: xr.Dataset.from_dataframe(c[["cka"]].to_dataframe()),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_xarray_give_what_they_give_for_a_dataset(comparison: Comparison, name: str) -> None:
    plain = xr.Dataset(comparison.data_vars, comparison.coords, comparison.attrs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, expected = OPERATIONS[name](comparison), OPERATIONS[name](plain)
    assert isinstance(result, xr.Dataset)
    xr.testing.assert_identical(xr.Dataset(result.data_vars, result.coords, result.attrs), expected)
    assert repr(result)
    assert "<" in result._repr_html_()


def test_a_selection_is_a_comparison(comparison: Comparison) -> None:
    for name in ("isel", "copy", "pickle", "assign"):
        assert isinstance(OPERATIONS[name](comparison), Comparison)


def test_a_file_gives_the_same_comparison(comparison: Comparison, tmp_path: Path) -> None:
    loaded = load_comparison(save_comparison(comparison, tmp_path / "c.nc"))
    assert type(loaded) is type(comparison) is Comparison
    pd.testing.assert_frame_equal(loaded.to_frame(), comparison.to_frame())
    assert repr(loaded) == repr(comparison)
    assert loaded._repr_html_() == comparison._repr_html_()


def test_the_text(comparison: Comparison) -> None:
    lines = repr(comparison).splitlines()
    assert lines[0] == "<Comparison of 3 models, 40 samples: a, b, c>"
    assert lines[1].split() == ["metric", "min", "median", "max", "chance", "significant"]
    row = next(line for line in lines if line.startswith("linear CKA, debiased"))
    values = comparison.to_frame(["cka"])["value"]
    assert row.split()[-7:-4] == [f"{value:.3f}" for value in (values.min(), values.median(), values.max())]
    assert row.split()[-3:] == ["1", "of", "3"]
    assert len(lines) == 5
    assert {len(line) for line in lines[1:]} == {len(lines[1])}


def test_the_text_of_two_models_has_the_score() -> None:
    two = compare({"a": X, "b": PANEL["b"]}, metrics="cka", permutations=39)
    head, row = repr(two).splitlines()[1:]
    assert head.split() == ["metric", "value", "chance", "p"]
    assert row.split()[-3:] == [f"{float(cka(X, PANEL['b'])):.3f}", "0.000", "0.025"]


class Cells(HTMLParser):
    """Collects tags, and the text and style of each cell of a table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.tables: list[list[list[tuple[str, str]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(("", dict(attrs).get("style") or ""))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th"):
            self.tables[-1][-1][-1] = (self.tables[-1][-1][-1][0] + data, self.tables[-1][-1][-1][1])


def test_the_heat_map_is_deep_where_scores_are_high(comparison: Comparison) -> None:
    page = Cells(comparison._repr_html_())
    summary, heat_map = page.tables
    assert [row[0][0] for row in summary] == [
        line[: len(row[0][0])] for line, row in zip(repr(comparison).splitlines()[1:], summary, strict=True)
    ]
    assert [row[0][0] for row in heat_map[1:]] == ["1 a", "2 b", "3 c"]
    opacity = {}
    for i, row in enumerate(heat_map[1:]):
        for j, (text, style) in enumerate(row[1:]):
            value = float(comparison.cka[i, j])
            assert text.rstrip("≈") == f"{value:.2f}".replace("-0.00", "0.00")
            assert text.endswith("≈") == (i != j and "c" in (row[0][0][-1], "abc"[j]))
            found = re.search(r"rgba\([\d,]+,([\d.]+)\)", style)
            assert (found is None) == (i == j)
            if found:
                opacity[i, j] = float(found[1])
                assert opacity[i, j] == pytest.approx(abs(value), abs=0.006)  # chance 0, best 1
    assert opacity[0, 1] > 0.5 > opacity[0, 2]


def test_a_score_below_chance_has_the_other_colour() -> None:
    noise = np.random.default_rng(5)
    scores = compare({f"{i}": noise.normal(size=(40, 5)) for i in range(4)}, metrics="information_imbalance")
    rows = Cells(scores._repr_html_()).tables[1][1:]
    better = [[("36,97,162" in style) if style else None for _, style in row[1:]] for row in rows]
    expected = scores.information_imbalance.values <= 1  # lower is better, and chance is 1
    assert {bool(expected[i, j]) for i in range(4) for j in range(4) if i != j} == {True, False}
    assert better == [[None if i == j else bool(expected[i, j]) for j in range(4)] for i in range(4)]


HOSTILE = ["<script>alert(1)</script>", 'a" onmouseover="alert(1)', "<b>&amp;</b>", "\x1b[31m\nred", "x" * 5000]


def test_names_cannot_run_scripts_or_fill_the_page() -> None:
    hostile = compare({name: X + i for i, name in enumerate(HOSTILE)}, metrics=["cka"], permutations=19)
    page = hostile._repr_html_()
    parsed = Cells(page)
    assert not {"script", "b"} & set(parsed.tags)
    assert "onmouseover=" not in re.sub(r">[^<]*<", "><", page)
    assert parsed.tables[1][1][0][0] == f"1 {HOSTILE[0]}"
    assert len(page) < 6000
    assert "\x1b" not in repr(hostile) + page
    assert len(max(repr(hostile).splitlines(), key=len)) < 250


def test_pages_are_small() -> None:
    names = [f"a-model-with-a-long-name-{i}" for i in range(12)]
    panel = {name: X * rng.normal(size=6) for name in names}
    twelve = compare(panel, permutations=19, k=5)
    assert len(twelve._repr_html_()) < 30_000
    many = compare({f"{i}": X * rng.normal(size=6) for i in range(40)}, metrics="cknna", k=5)
    page = Cells(many._repr_html_())
    best = many.to_frame().sort_values("value", ascending=False, kind="stable").iloc[0]
    assert page.tables[1][0][0][0] == f"{best['model']} → {best['other']}"
    assert len(page.tables[1]) == 10
    assert len(many._repr_html_()) < 10_000


def test_what_is_no_table_is_shown_as_xarray_does(comparison: Comparison) -> None:
    for other in (comparison.sel(model="a"), comparison[["dim"]], xr.concat([comparison, comparison], "seed")):
        assert repr(other).startswith("<xarray.")
        assert "xr-wrap" in other._repr_html_()
    with xr.set_options(display_style="text"):
        assert comparison._repr_html_().startswith("<pre>&lt;Comparison of 3 models")


def test_scores_that_are_not_defined() -> None:
    constant = compare({"a": X, "b": np.ones((40, 3))}, metrics="cka")
    assert "–" in repr(constant)
    assert Cells(constant._repr_html_()).tables[1][1][2] == ("–", "")
    assert np.isnan(constant.to_frame()["value"].iloc[0])
