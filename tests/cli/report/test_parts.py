"""Parts of the page: references, recipes, the strip of two models, static charts, and what all of it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import altair as alt
import numpy as np
import pytest
import xarray as xr

from hyle.cli import comparison as scores
from hyle.cli import figures, report
from hyle.cli.analyses import run_default_analyses

from .panels import rich, two

Make = Callable[..., xr.Dataset]


@pytest.mark.parametrize(
    ("citation", "links"),
    [
        ("Huh et al. 2024, arXiv:2405.07987", ["https://arxiv.org/abs/2405.07987"]),
        ("Song 2012, JMLR 13", []),
        ("S & R 2014, doi:10.1214/14-AOS1255.", ["https://doi.org/10.1214/14-AOS1255"]),
        (
            "A 2020, arXiv 1905.00414; doi:10.1000/x(1)2",
            ["https://arxiv.org/abs/1905.00414", "https://doi.org/10.1000/x(1)2"],
        ),
        ("not a link: 2405.07987, javascript:alert(1)", []),
    ],
)
def test_citations_are_linked(citation: str, links: list[str]) -> None:
    parts = report.linked_parts(citation)
    assert "".join(text for text, _ in parts) == citation
    assert [address for _, address in parts if address] == links


def test_references_have_hyle_and_every_source_once_as_bibtex() -> None:
    data = rich()
    data["cknna"].attrs["citation"] = "Kornblith et al. 2019, arXiv 1905.00414; Song et al. 2012, JMLR 13"
    found = report.references(data)
    cka = "debiased linear CKA, debiased RBF CKA, CKNNA"  # whose citations of one source differ in a word
    assert [one.use for one in found] == ["this report", "the study", cka, "mutual k-NN", "CKNNA"]
    entries = {one.bibtex.partition(",")[0]: one.bibtex for one in found}
    assert len(entries) == len(found)  # no key twice
    assert "version = {0.1.0}" in entries["@software{hyle"]
    assert "eprint = {1905.00414}" in next(
        text for key, text in entries.items() if key.startswith("@misc{kornblith2019")
    )
    assert "author = {Song and others}" in "".join(entries.values())
    assert "howpublished = {JMLR 13}" in entries["@misc{song2012"]
    assert all(text.count("{") == text.count("}") for text in entries.values())


def test_recipes_are_one_table_of_what_differs() -> None:
    table = report.recipe_table(
        {
            "a": {"model": "a", "layer": "last", "weights": "f00", "versions": {"torch": "2.1", "x": "1"}},
            "b": {"model": "b", "layer": "last", "weights": "ba7", "file": "b.npz"},
        }
    )
    assert table.shared == [("layer", "last")]
    assert table.columns == ["weights", "versions", "file"]
    assert table.rows == [("a", ["f00", "torch 2.1, x 1", ""]), ("b", ["ba7", "", "b.npz"])]
    single = report.recipe_table({"a": {"layer": "last"}, "b": "of a file"})
    assert single.columns == ["layer", "recipe"]


def test_two_models_have_their_score_interval_and_permutations() -> None:
    data = two(value=0.41)
    (strip,) = report.strips(data, scores.read_scores(data), ["rxnfp", "minilm"])
    assert (strip.value, strip.interval) == ("0.410", "0.360 to 0.460")
    assert strip.verdict == "significantly above chance, p\u00a0=\u00a00.005"
    samples = data["cka_null_samples"].values[:, 0, 1]
    assert strip.null == (
        f"0.000 on average, {scores.number(samples.min(), 3)} to {samples.max():.3f}, 200 permutations"
    )
    assert strip.svg.count("h0") == 200  # a dot for each permutation
    # The mark of the score is where the axis has it: at 0.41 between the ticks 0.4 and 0.6.
    marks = dict.fromkeys(("0.4", "0.6"))
    for label in marks:
        before = strip.svg.split(f">{label}</text>")[0]
        marks[label] = float(before.rpartition(' x="')[2].partition('"')[0])
    at = float(strip.svg.split('<circle class="value" cx="')[1].partition('"')[0])
    assert at == pytest.approx(marks["0.4"] + (marks["0.6"] - marks["0.4"]) * 0.05, abs=0.2)
    # Without the permuted scores, a bar from their mean to the threshold stands for them.
    brief = two().drop_vars("cka_null_samples")
    brief["cka_threshold"] = (("model", "other"), np.full((2, 2), 0.03))
    (strip,) = report.strips(brief, scores.read_scores(brief), ["rxnfp", "minilm"])
    assert strip.null == "0.000 on average, 200 permutations, 95 % of them below 0.030"
    assert "null-bar" in strip.svg
    bare = two().drop_vars(["cka_null_samples", "cka_p", "cka_q"])
    (strip,) = report.strips(bare, scores.read_scores(bare), ["rxnfp", "minilm"])
    assert (strip.svg, strip.verdict, strip.null) == ("", "not tested", "not tested; chance level 0.000")


class Marks(HTMLParser):
    def __init__(self, svg: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(svg)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name == "data-t" for name, _ in attrs):
            self.found.append(dict(attrs))


def test_static_charts_have_tooltips_and_models_as_attributes() -> None:
    rows = [{"model": 'a"<b>', "other": "c", "x": 0.12345, "y": None}, {"model": "c", "other": "d", "x": 1e6, "y": 2}]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point()
        .encode(
            x="x:Q",
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("x:Q", title="score", format=".2f"), alt.Tooltip("y:Q")],
        )
    )
    (svg,) = report.inline(figures.specification(chart), "name", ['a"<b>', "c"])
    first, second = Marks(svg).found
    assert (first["data-t"], first["data-m"]) == ('model: a"<b>\nscore: 0.12', "0 1")
    assert (second["data-t"], second["data-m"]) == ("model: c\nscore: 1000000.00\ny: 2", "1")
    assert "aria-label" not in svg
    again = report.inline(figures.specification(chart), "name", ['a"<b>', "c"])[0]
    assert again == svg  # the ids do not depend on what was drawn before


def test_marks_of_a_single_model_can_lead_to_its_page() -> None:
    rows = [{"model": "a", "x": 1}, {"model": "b", "x": 2}, {"model": "a", "other": "b", "x": 3}]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_point().encode(x="x:Q", tooltip="model:N")
    (svg,) = report.inline(figures.specification(chart), "name", ["a", "b"], {"a": 'a.html?"&'})
    assert svg.count("<a ") == 1
    link = re.search(r'<a href="a.html\?&quot;&amp;" tabindex="-1">(<path[^>]*>)</a>', svg)
    assert link is not None
    assert 'data-m="0"' in link[1]


def test_panels_of_a_concatenation_are_separate_drawings() -> None:
    one = alt.Chart(alt.InlineData(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    assert len(report.inline(figures.specification(alt.concat(one, one)), "name", [])) == 2


def test_the_cost_is_linear_in_the_cells(monkeypatch: pytest.MonkeyPatch, make_comparison: Make) -> None:
    """Whatever works out a whole matrix is called equally often for 6 and for 12 models."""
    calls = {"n": 0}
    before = scores.PairScores.excess.fget
    assert before is not None

    def counted(self: scores.PairScores) -> np.ndarray:
        calls["n"] += 1
        return np.asarray(before(self))

    monkeypatch.setattr(scores.PairScores, "excess", property(counted))
    counts = []
    names = [str(name) for name in make_comparison()["model"].values]
    for models in (names[3:9], names):
        calls["n"] = 0
        report.render_report(make_comparison(models, energies=False))
        counts.append(calls["n"])
    assert counts[0] == counts[1]


def test_a_panel_of_64_models_is_light(make_comparison: Make) -> None:
    rng = np.random.default_rng(0)
    names = [f"model-{i}" for i in range(64)]
    values = rng.uniform(0, 1, (64, 64))
    attrs = make_comparison()["cka"].attrs
    data = xr.Dataset(
        dict.fromkeys(("cka", "mutual_knn", "cknna"), (("model", "other"), (values + values.T) / 2, attrs)),
        {"model": names, "other": names},
    )
    for name in ("cka", "mutual_knn", "cknna"):
        data[f"{name}_chance"] = (("model", "other"), np.zeros((64, 64)))
    page = report.render_report(data)
    assert len(page) < 3_000_000
    assert page.count("data-sort=") == 3 * 64 * 63 // 2
    # Printed are about two sheets of pairs, and the page says where the others are.
    assert page.count(' not-printed" data-m=') == 2016 - 100
    (left,) = re.findall(r'id="unprinted" data-printed="100">(.*?)</span></p>|$', page)[:1]
    assert re.sub("<[^>]*>", "", left) == (
        "The first 100 of 2,016 pairs are printed; the other 1,916 are in the CSV file that this page offers above the "
        "table."
    )


def test_maps_have_every_sample_in_each_map() -> None:
    data = rich().isel(model=slice(2), other=slice(2))
    rng = np.random.default_rng(0)
    ids = [f"s{i}" for i in range(50)]
    embeddings = {str(name): rng.normal(size=(50, 4)) for name in data["model"].values}
    data.coords["sample"] = ids
    data["label_gap"] = ("sample", np.linspace(0, 1, 50), {"units": "eV"})
    result = run_default_analyses(data, ids=ids, embeddings=embeddings)["map"]
    parts = report.map_parts(result)
    assert parts["data"]["ids"] == ids
    assert parts["coloured_by"] == "gap / eV"
    for panel in parts["panels"]:
        assert sum(path.count("h0") for _, path in panel["paths"]) == 50
        points = np.array(parts["data"]["points"][panel["model"]])
        assert points.shape == (100,)
        assert points.min() >= 8
        assert points.max() <= 152
    # The deepest colour is that of the highest values.
    (name, path) = parts["panels"][0]["paths"][-1]
    x, y = parts["data"]["points"][parts["panels"][0]["model"]][-2:]
    assert name == "a32"
    assert f"M{x} {y}h0" in path


def test_horizontal_names_of_columns_are_above_the_bars_of_modalities(make_comparison: Make) -> None:
    html = report.render_report(make_comparison(["minilm", "rxnfp", "minimol"], ["cka"]))
    labels = html.partition('<g id="map-labels">')[2].partition("</g>")[0]
    names = [
        float(y) for y in re.findall(r'<text class="column flat[^"]*" data-i="\d" x="[\d.]+" y="([\d.]+)"', labels)
    ]
    bars = [
        float(y) for y in re.findall(r'<rect class="k\d" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="5"', labels)
    ]
    assert len(names) == len(bars) == 3
    # The names have letters of 13 pixels around their middle, and are inside the drawing.
    assert all(7 <= name <= bar - 7 for name, bar in zip(names, bars, strict=True))


def test_notes_on_embeddings_are_explained_once() -> None:
    data = rich()
    data["dead_columns"] = ("model", [90, 3] + [0] * 10)
    html = report.render_report(data)
    assert ">90 constant</abbr>" in html
    legend = html.partition('<p class="note large-screen">Notes: ')[2].partition("</p>")[0]
    assert legend.count("constant: columns that are the same for all samples") == 1


def test_intervals_of_two_models_have_a_column_only_where_there_are_some(make_comparison: Make) -> None:
    data = make_comparison(["minilm", "rxnfp"], ["cka", "cknna"])
    heading = '<th scope="col" class="num late">95 %</th>'
    assert heading not in report.render_report(data)
    for end, by in (("low", -0.1), ("high", 0.1)):
        data[f"cknna_{end}"] = data["cknna"] + by
    assert heading in report.render_report(data)
