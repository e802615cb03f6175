from __future__ import annotations

import base64
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
from hyle.cli.report import summary

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


def specs(html: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="specs">(.*?)</script>', html, re.DOTALL)
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
    assert all(str(url).startswith("data:") for url in loaded)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_scripts_are_in_the_page_once(html: str) -> None:
    assert html.count("window.vegaEmbed") == 1
    assert 700_000 < len(html) < 2_000_000


def test_specs_match_the_figures(html: str, comparison: xr.Dataset) -> None:
    for name, chart in figures.all_figures(comparison).items():
        shown = specs(html)[name]
        assert shown.pop("params") == [{"name": "picked", "value": None}]
        drawn = json.loads(json.dumps(chart.to_dict()))
        assert shown["datasets"] == drawn["datasets"]
        assert [layer["mark"] for layer in shown["layer"]] == [layer["mark"] for layer in drawn["layer"]]


def test_every_chart_has_a_place_and_an_alternative_text(page: Page, html: str) -> None:
    boxes = {div["data-chart"]: div for div in page.all("div") if "data-chart" in div}
    assert set(boxes) == set(specs(html))
    assert all(len(box["aria-label"] or "") > 30 for box in boxes.values())


def test_values_that_are_not_finite_are_null_in_the_page(comparison: xr.Dataset) -> None:
    residual = np.random.default_rng(0).normal(size=(12, 40))
    residual[:2] = 0.0  # without errors, error consistency is undefined
    comparison["energy_residual"] = (("model", "sample"), residual)
    page = report.render_report(comparison, run_analyses(AnalysisInput(comparison, "cka"), ["blind_spots"]))
    for name, spec in specs(page).items():
        assert "NaN" not in json.dumps(spec), name


def test_every_figure_has_its_data_as_csv(page: Page, html: str, comparison: xr.Dataset) -> None:
    links = {str(a["download"]): str(a["href"]) for a in page.all("a") if "download" in a}
    assert set(links) == {"hyle.csv", *(f"hyle-{name}.csv" for name in specs(html))}
    head, *rows = base64.b64decode(links["hyle-heat_map_cka.csv"].partition(",")[2]).decode().splitlines()
    assert head.startswith("model,other,metric,value,chance")
    assert len(rows) == 12 * 11 // 2


def test_models_families_and_modalities_can_be_selected(page: Page) -> None:
    options = [json.loads(str(o["data-models"])) for o in page.all("option") if o.get("data-models")]
    assert ["chgnet-0.3.0", "sevennet-0", "aimnet2"] in options
    assert ["rxnmapper", "rxnfp", "minilm"] in options  # the transformers
    assert ["minilm"] in options
    assert [group["label"] for group in page.all("optgroup")] == ["modality", "family", "model"]


def test_tables_have_headers_and_every_value_with_its_chance(page: Page, html: str, comparison: xr.Dataset) -> None:
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    value = comparison["mutual_knn"].sel(model="minimol", other="aimnet2").item()
    chance = comparison["mutual_knn_chance"].values[0, 1]
    row = re.search(r"<tr[^>]*><td>minimol</td><td>aimnet2</td>.*?</tr>", html)
    assert row
    assert f">{value:.3f}</td>" in row[0]
    assert f"mutual k-NN</button> <small>chance {chance:.3f}</small>" in html


def test_a_separate_chance_level_of_a_pair_is_next_to_its_score(make_comparison: Make) -> None:
    comparison = make_comparison()
    chance = comparison["cknna_chance"].values
    chance[3, 7] = chance[7, 3] = 0.3
    row = re.search(r"<tr[^>]*><td>minimol</td><td>aimnet2</td>.*?</tr>", report.render_report(comparison))
    assert row
    value = comparison["cknna"].sel(model="minimol", other="aimnet2").item()
    assert f"{value:.3f} <small>0.300</small>" in row[0]


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
    row = re.search(r"<tr[^>]*><td>minimol</td><td>aimnet2</td>.*?</tr>", html)
    assert row
    forward, reverse = (directed["error"].sel(model=a, other=b).item() for a, b in (PAIR, PAIR[::-1]))
    assert f">{forward:.3f} / {reverse:.3f}</td>" in row[0]
    aside = html.split('id="panel-error"')[1].split("</dl>")[0]
    for text in ("How much is lost?", "lower is more similar", "from the model of a row", "scope", "none in closed"):
        assert text in aside


def test_many_metrics_are_chosen_from_a_list(comparison: xr.Dataset) -> None:
    wide = comparison.assign({f"cka_{i}": comparison["cka"] for i in range(8)})
    page = Page(report.render_report(wide))
    assert not [attrs for attrs in page.all("button") if attrs.get("role") == "tab"]
    panels = [option["value"] for option in page.all("option") if str(option.get("value")).startswith("panel-")]
    assert len(panels) == 12
    assert (
        panels == [div["id"] for div in page.all("div") if str(div.get("id", "")).startswith("panel-")][: len(panels)]
    )
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
    assert [b["aria-controls"] for b in page.all("button") if "intrinsic" in str(b.get("aria-controls"))] == [
        "panel-intrinsic_dimension",
        "panel-intrinsic_dimension_gride",
    ]
    assert "Lines are one standard error" in page.text
    row = re.search(r'<th scope="row">rxnmapper</th><td class="num">7.90</td><td class="num">8.90 ± 0.25</td>', html)
    assert row
    assert "Lines are one standard error" not in report.render_report(comparison)


def test_tabs_name_their_panels(page: Page) -> None:
    tabs = [button for button in page.all("button") if button.get("role") == "tab"]
    panels = {div["id"]: div for div in page.all("div") if div.get("role") == "tabpanel"}
    assert [tab["aria-controls"] for tab in tabs] == list(panels)
    assert [tab["aria-selected"] for tab in tabs] == ["true"] + ["false"] * 3
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
        "weights_sha256",
        "2512.03750",
        "arXiv 1905.00414",
    ):
        assert text in page.text


def test_summary_has_the_largest_value_between_modalities_and_the_best_control(
    comparison: xr.Dataset,
) -> None:
    kinds, cka = comparison["modality"].values, comparison["cka"].values
    real = kinds != "control"
    across = (kinds[:, None] != kinds) & real[:, None] & real
    against = ~real[:, None] & real
    first, second, third = report.summary(comparison)
    assert first == "9 models and 3 controls, 500 molecules of QM9."
    assert f"{cka[across].max():.2f} in debiased linear CKA, where chance gives 0.00" in second
    assert "between modalities" in second
    assert f"reaches {cka[against].max():.2f}" in third


def test_summary_without_modalities_mentions_only_models(make_comparison: Make) -> None:
    text = " ".join(report.summary(make_comparison(modality=False)))
    assert "12 models, 500 molecules" in text
    assert "between two models" in text
    assert "modalit" not in text


def test_markup_in_names_stays_text(make_comparison: Make) -> None:
    evil = '</script><img src="x" onerror="alert(1)">&'
    comparison = make_comparison(models=["rxnfp", "minimol", "aimnet2"])
    comparison = comparison.assign_coords(model=[evil, "minimol", "aimnet2"], other=[evil, "minimol", "aimnet2"])
    comparison.attrs |= {"title": evil, "dataset": evil, "recipe": json.dumps({evil: {"model": evil}})}
    html = report.render_report(comparison)
    page = Page(html)
    assert page.stack == []
    assert not page.all("img")
    assert evil in page.text
    assert any(evil == cell["model"] for rows in specs(html)["heat_map_cka"]["datasets"].values() for cell in rows)


def test_undefined_scores_are_dashes_at_the_end(comparison: xr.Dataset) -> None:
    comparison["cka"].loc[{"model": "chgnet-0.3.0", "other": "sevennet-0"}] = np.nan
    comparison["cka"].loc[{"model": "sevennet-0", "other": "chgnet-0.3.0"}] = np.nan
    html = report.render_report(comparison)
    assert "NaN" not in html.split("<script>")[0]
    rows = re.findall(r"<tr[^>]*><td>([^<]*)</td><td>([^<]*)</td><td>[^<]*</td><td[^>]*>([^ <]*)", html)
    assert rows[-1] == ("chgnet-0.3.0", "sevennet-0", "–")
    values = [float(row[2].replace("−", "-")) for row in rows[:-1]]
    assert values == sorted(values, reverse=True)


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
    assert {d["data-chart"] for d in page.all("div") if "data-chart" in d} == set(specs(html))


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
    assert not any("seed replicate" in line for line in summary(single))
    twice = single.assign_coords(
        {axis: [names.get(n, n) for n in single["model"].values] for axis in ("model", "other")}
    )
    (ceiling,) = [line for line in summary(twice) if "seed replicate" in line]
    value = single["cka"].sel(model="rxnmapper", other="rxnfp").item()
    assert ceiling.startswith(f"admet and its seed replicate: debiased linear CKA {value:.2f}.")
