from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hyle.cli import figures, report
from hyle.cli.analyses import AnalysisInput, run_analyses

Make = Callable[..., xr.Dataset]
PAIR = ("minimol", "aimnet2")
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def tables(html: str) -> dict[str, str]:
    """Return the packed CSV files of a page."""
    match = re.search(r'id="tables">(.*?)</script>', html, re.DOTALL)
    assert match
    return json.loads(gzip.decompress(base64.b64decode(match[1])))


def data(html: str) -> dict[str, Any]:
    match = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert match
    return json.loads(match[1])


@pytest.fixture(scope="module")
def html(make_comparison: Make) -> str:
    return report.render_report(make_comparison())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_page_is_well_formed_and_names_every_model(page: Page, comparison: xr.Dataset) -> None:
    assert page.stack == []
    for name in comparison["model"].values:
        assert page.text.count(str(name)) >= comparison.sizes["model"]


def test_page_makes_no_requests(page: Page) -> None:
    loaded = [
        attrs.get(key)
        for tag, attrs in page.tags
        for key in ("src", "href", "srcset", "data", "poster")
        if tag != "a" and attrs.get(key) is not None
    ]
    assert all(str(url).startswith(("data:", "#")) for url in loaded)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_page_is_light(html: str) -> None:
    assert "vegaEmbed" not in html
    assert len(html) < 400_000


def test_every_figure_is_static_and_has_an_alternative_text(page: Page, html: str, comparison: xr.Dataset) -> None:
    boxes = {str(div["id"]): div for div in page.all("div") if str(div.get("id", "")).startswith("chart-")}
    expected = [name for name in figures.all_figures(comparison) if not name.startswith("heat_map_")]
    assert set(boxes) == {f"chart-{name}" for name in expected}
    assert all(len(box["aria-label"] or "") > 30 for box in boxes.values())
    for name in expected:
        assert "<svg" in html.split(f'id="chart-{name}"')[1].split("</div>")[0]


def test_values_that_are_not_finite_are_null_in_the_page(comparison: xr.Dataset) -> None:
    residual = np.random.default_rng(0).normal(size=(12, 40))
    residual[:2] = 0.0  # without errors, error consistency is undefined
    comparison["energy_residual"] = (("model", "sample"), residual)
    comparison["cka"].values[2, 3] = comparison["cka"].values[3, 2] = np.nan
    page = report.render_report(comparison, run_analyses(AnalysisInput(comparison, "cka"), ["blind_spots"]))
    assert "NaN" not in page.split("<script>")[0]
    values = data(page)["metrics"][0]["value"]
    assert values.count(None) == 2


def test_every_figure_has_its_data_as_csv(page: Page, html: str, comparison: xr.Dataset) -> None:
    asked = {str(button["data-csv"]) for button in page.all("button") if "data-csv" in button}
    assert asked == set(tables(html))
    head, *rows = tables(html)["scores"].splitlines()
    assert head.startswith("model,other,metric,value,chance")
    assert len([row for row in rows if ",cka," in row]) == 12 * 11 // 2
    assert tables(html)["intrinsic_dimension"].count("\n") == 13


def test_the_scores_of_the_script_are_those_of_the_comparison(html: str, comparison: xr.Dataset) -> None:
    read = data(html)
    assert sorted(read["models"]) == sorted(comparison["model"].values)
    for metric in read["metrics"]:
        expected = comparison[metric["name"]].sel(model=read["models"], other=read["models"]).values.ravel()
        assert metric["value"] == pytest.approx(expected, abs=0.0005)


def test_models_families_and_modalities_can_be_selected(page: Page, html: str) -> None:
    models = data(html)["models"]
    options = {
        o["value"]: {models[int(i)] for i in str(o["data-m"]).split()} for o in page.all("option") if o.get("data-m")
    }
    assert options["modality:atoms"] == {"chgnet-0.3.0", "sevennet-0", "aimnet2"}
    assert options["family:transformer"] == {"rxnmapper", "rxnfp", "minilm"}
    assert options["model:minilm"] == {"minilm"}
    assert [group["label"] for group in page.all("optgroup")] == ["modality", "family", "model"]


def row_of(html: str, first: str, second: str) -> str:
    names = {f"<td><bdi>{a}</bdi></td><td><bdi>{b}</bdi></td>" for a, b in ((first, second), (second, first))}
    (row,) = [row for row in re.findall(r"<tr[^>]*>.*?</tr>", html) if any(name in row for name in names)]
    return row


def test_tables_have_headers_and_every_value_with_its_chance(page: Page, html: str, comparison: xr.Dataset) -> None:
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    value = comparison["mutual_knn"].sel(model="minimol", other="aimnet2").item()
    chance = comparison["mutual_knn_chance"].values[0, 1]
    assert f">{value:.2f}</td>" in row_of(html, *PAIR)
    assert f"<small>chance {chance:.2f}</small>" in html


def test_a_separate_chance_level_and_the_interval_are_next_to_the_score(make_comparison: Make) -> None:
    comparison = make_comparison()
    chance = comparison["cknna_chance"].values
    chance[3, 7] = chance[7, 3] = 0.3
    value = comparison["cknna"].sel(model="minimol", other="aimnet2").item()
    comparison["cknna_low"] = (("model", "other"), comparison["cknna"].values - 0.04)
    comparison["cknna_high"] = (("model", "other"), comparison["cknna"].values + 0.04)
    row = row_of(report.render_report(comparison), *PAIR)
    assert f"{value:.2f} <small>{value - 0.04:.2f}–{value + 0.04:.2f} (0.30)</small>" in row


@pytest.fixture(scope="module")
def directed(make_comparison: Make) -> xr.Dataset:
    """Add a directed error that is best when small and has no chance level."""
    comparison = make_comparison()
    values = 1 - comparison["cka"].values + np.linspace(0, 0.2, 12)[:, None] * (1 - np.eye(12))
    attrs = {
        **{"kind": "pair", "long_name": "error", "symmetric": 0, "higher_is_better": "no", "limits": [0.0, 1.0]},
        **{"chance": "none in closed form", "meaning": "How much is lost?", "scope": "local", "n": 500},
    }
    return comparison.assign(error=(("model", "other"), values, attrs))


def test_directed_metrics_show_both_directions_and_their_facts(directed: xr.Dataset) -> None:
    html = report.render_report(directed)
    first, second = (directed["error"].sel(model=a, other=b).item() for a, b in (PAIR, PAIR[::-1]))
    assert f">{first:.2f} / {second:.2f}</td>" in row_of(html, *PAIR)
    aside = html.split('id="panel-error"')[1].split("</dl>")[0]
    for text in ("How much is lost?", "lower is more similar", "from the model of a row", "scope", "none in closed"):
        assert text in aside


def test_both_directions_are_one_number_where_they_are_equal(directed: xr.Dataset) -> None:
    cka = directed["cka"].values
    almost = directed.assign(
        error=(("model", "other"), cka + np.linspace(0, 1e-4, 12)[:, None], directed["error"].attrs)
    )
    value = almost["error"].sel(model="minimol", other="aimnet2").item()
    assert f">{value:.2f}</td>" in row_of(report.render_report(almost), *PAIR).rpartition("<td")[0] + "</td>"


def test_many_metrics_are_chosen_from_a_list(comparison: xr.Dataset) -> None:
    wide = comparison.assign({f"cka_{i}": comparison["cka"] for i in range(8)})
    page = Page(report.render_report(wide))
    assert not [attrs for attrs in page.all("button") if attrs.get("role") == "tab"]
    panels = [str(div["id"]) for div in page.all("div") if str(div.get("id", "")).startswith("panel-")]
    assert len(panels) == 12
    assert {f"panel-{option['value']}" for option in page.all("option")} >= set(panels)
    boxes = [box for box in page.all("input") if "data-column" in box]
    assert [box["data-column"] for box in boxes] == [str(column) for column in range(3, 15)]
    assert 1 < sum("checked" in box for box in boxes) < 8


def test_every_estimator_of_the_dimension_has_its_chart_and_numbers(comparison: xr.Dataset) -> None:
    attrs = {"kind": "single", "long_name": "intrinsic dimension (GRIDE)", "n": 500}
    both = comparison.assign(
        intrinsic_dimension_gride=("model", comparison["intrinsic_dimension"].values + 1, attrs),
        intrinsic_dimension_gride_error=("model", np.full(12, 0.25)),
    )
    html = report.render_report(both)
    page = Page(html)
    assert {"chart-intrinsic_dimension", "chart-intrinsic_dimension_gride"} <= {
        div.get("id") for div in page.all("div")
    }
    assert page.text.count("Lines are one standard error") == 1
    body = html.split(">rxnmapper</bdi>")[1].split("</tr>")[0]
    assert '">7.9</td>' in body
    assert '">8.9 ± 0.2</td>' in body


def test_tabs_name_their_panels(page: Page) -> None:
    tabs = [button for button in page.all("button") if button.get("role") == "tab"]
    panels = {div["id"]: div for div in page.all("div") if div.get("role") == "tabpanel"}
    assert [tab["aria-controls"] for tab in tabs] == list(panels)
    assert [tab["aria-selected"] for tab in tabs] == ["true"] + ["false"] * 3
    assert [panel.get("class") for panel in panels.values()] == ["metric"] * 4
    assert ["hidden" in panel for panel in panels.values()] == [False, True, True, True]


def test_a_single_metric_has_no_tabs(make_comparison: Make) -> None:
    page = Page(report.render_report(make_comparison(metrics=["cka"])))
    assert not [attrs for _, attrs in page.tags if attrs.get("role") in ("tab", "tablist", "tabpanel")]


def test_ids_are_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_page_contains_recipe_and_citations(page: Page) -> None:
    for text in (
        "5f2b9c1a7d",
        "qm9pack-1",
        "float32",
        "0.10.2",
        "SHA-256 of the weights",
        "2512.03750",
        "arXiv 1905.00414",
    ):
        assert text in page.text


@pytest.mark.parametrize(
    "options",
    [
        {"models": ["rxnfp", "chgnet-0.3.0"]},
        {"metrics": ["cknna"]},
        {"modality": False},
        {"models": ["rxnmapper", "minimol", "aimnet2"], "energies": False},
    ],
    ids=["two models", "one metric", "no modalities", "no controls"],
)
def test_small_and_bare_comparisons_render(make_comparison: Make, options: dict[str, Any]) -> None:
    comparison = make_comparison(**options)
    html = report.render_report(comparison)
    page = Page(html)
    assert page.stack == []
    assert all(str(name) in page.text for name in comparison["model"].values)
    assert len({attrs["id"] for _, attrs in page.tags if "id" in attrs}) > 5


def test_a_comparison_with_scores_alone_renders(comparison: xr.Dataset) -> None:
    bare = comparison[["cka", "cka_chance"]].reset_coords(drop=True)
    bare.attrs = {}
    assert Page(report.render_report(bare)).stack == []


def test_a_comparison_that_was_saved_gives_the_same_page(comparison: xr.Dataset, html: str, tmp_path: Path) -> None:
    for variable in comparison.data_vars.values():
        variable.attrs = {k: int(v) if isinstance(v, bool) else v for k, v in variable.attrs.items()}
    comparison.to_netcdf(tmp_path / "comparison.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "comparison.nc", engine="h5netcdf") as read:
        assert report.render_report(read.load()) == html


def test_report_is_written_atomically(comparison: xr.Dataset, html: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "report.html"
    assert report.write_report(comparison, path) == path
    assert path.read_text(encoding="utf-8") == html
    assert list(path.parent.iterdir()) == [path]


def test_a_seed_replicate_is_the_ceiling(make_comparison: Callable[..., xr.Dataset]) -> None:
    names = {"rxnfp": "admet", "rxnmapper": "admet-seed1"}
    single = make_comparison(["rxnfp", "rxnmapper", "minimol"], ["cka"])
    assert not any("seed replicate" in line for line in report.summary(single))
    twice = single.assign_coords(
        {axis: [names.get(n, n) for n in single["model"].values] for axis in ("model", "other")}
    )
    (ceiling,) = [line for line in report.summary(twice) if "seed replicate" in line]
    value = single["cka"].sel(model="rxnmapper", other="rxnfp").item()
    assert ceiling.startswith(f"admet and its seed replicate: debiased linear CKA {value:.2f}.")
