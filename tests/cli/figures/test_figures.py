from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hyle.cli import comparison as tables
from hyle.cli import figures
from hyle.cli.analyses import AnalysisInput, run_analyses
from hyle.cli.analyses import figures as drawn
from hyle.cli.atomic import write_atomically
from hyle.cli.figures import palette

Make = Callable[..., xr.Dataset]


def records(spec: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
    """Return the rows of the data set of a specification that has the given fields."""
    for rows in spec["datasets"].values():
        if rows and set(fields) <= set(rows[0]):
            return rows
    raise AssertionError(f"no data with {fields}")


def axis_order(spec: dict[str, Any], channel: str) -> list[str]:
    orders = [
        layer["encoding"][channel]["sort"] for layer in spec["layer"] if "sort" in layer["encoding"].get(channel, {})
    ]
    assert all(order == orders[0] for order in orders)
    return orders[0]


@pytest.mark.parametrize("metric", ["cka", "cka_rbf", "mutual_knn", "cknna"])
def test_heat_map_carries_the_values_of_the_comparison(comparison: xr.Dataset, metric: str) -> None:
    cells = records(figures.heat_map(comparison, metric).to_dict(), "model", "other", "value")
    assert len(cells) == comparison.sizes["model"] ** 2
    for cell in cells:
        expected = comparison[metric].sel(model=cell["model"], other=cell["other"]).item()
        assert cell["value"] == pytest.approx(expected, abs=1e-12)
        assert (cell["kind"] == "self") == (cell["model"] == cell["other"])


def test_every_heat_map_has_one_order_on_both_axes(comparison: xr.Dataset) -> None:
    specs = [figures.heat_map(comparison, metric).to_dict() for metric in tables.read_scores(comparison)]
    orders = [axis_order(spec, channel) for spec in specs for channel in ("x", "y")]
    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(comparison["model"].values)


def test_order_puts_similar_models_together_and_does_not_depend_on_the_order_given(
    comparison: xr.Dataset,
) -> None:
    order = figures.order_models(comparison)
    atoms = sorted(order.index(name) for name in ("chgnet-0.3.0", "sevennet-0", "aimnet2"))
    assert atoms[2] - atoms[0] == 2
    shuffled = np.random.default_rng(1).permutation(comparison.sizes["model"])
    neighbours = {frozenset(pair) for pair in itertools.pairwise(order)}
    again = figures.order_models(comparison.isel(model=shuffled, other=shuffled))
    assert {frozenset(pair) for pair in itertools.pairwise(again)} == neighbours


def test_values_are_printed_in_small_panels_only(make_comparison: Make) -> None:
    small = make_comparison()
    large = xr.concat([small.assign_coords(model=[f"{n}{i}" for n in small["model"].values]) for i in (0, 1)], "model")
    values = np.random.default_rng(0).uniform(0, 1, (24, 24))
    data = {"cka": (("model", "other"), (values + values.T) / 2, small["cka"].attrs)}
    large = xr.Dataset(data, {"model": large["model"].values, "other": large["model"].values}, small.attrs)

    def printed(comparison: xr.Dataset) -> bool:
        layers = figures.heat_map(comparison, "cka").to_dict()["layer"]
        return any(layer["encoding"].get("text", {}).get("field") == "shown" for layer in layers)

    assert printed(small)
    assert not printed(large)


def test_chance_is_the_palest_colour_and_the_scale_reaches_from_zero_to_one(comparison: xr.Dataset) -> None:
    for metric, score in tables.read_scores(comparison).items():
        scale = figures.heat_map(comparison, metric).to_dict()["layer"][0]["encoding"]["color"]["scale"]
        off = score.values[~np.eye(len(score.values), dtype=bool)]
        assert scale["domain"][0] == pytest.approx(min(0.0, off.min()))
        assert scale["domain"][-1] == 1
        palest = max(range(len(scale["range"])), key=lambda i, colours=scale["range"]: lightness(colours[i]))
        assert scale["domain"][palest] == pytest.approx(score.level)
        assert scale["domain"] == sorted(scale["domain"])


def lightness(colour: str) -> float:
    """Return the CIELAB lightness of a hexadecimal sRGB colour."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("dark", [False, True])
def test_equal_steps_of_a_score_are_equal_steps_of_lightness(dark: bool) -> None:
    colours = palette.score_scale(0.0, 1.0, 0.0)[1]
    steps = np.diff([lightness(palette.DARK[colour] if dark else colour) for colour in colours])
    assert np.ptp(steps) < 1.0
    assert abs(steps.mean()) > 8


def test_every_colour_of_every_figure_has_a_dark_counterpart(comparison: xr.Dataset) -> None:
    def colours(node: Any) -> set[str]:
        if isinstance(node, dict):
            return set().union(*(colours(v) for k, v in node.items() if k != "datasets"), set())
        if isinstance(node, list):
            return set().union(*map(colours, node), set())
        return {node} if isinstance(node, str) and node.startswith("#") else set()

    results = run_analyses(AnalysisInput(comparison, "cka", against=comparison))
    for chart in figures.all_figures(comparison, drawn(results)).values():
        spec = chart.to_dict()
        assert colours(spec)
        assert colours(spec) <= set(palette.DARK)


def test_undefined_scores_are_marked_and_excluded(comparison: xr.Dataset) -> None:
    holed = comparison.copy(deep=True)
    holed["cka"].loc[{"model": "rxnfp", "other": "chgnet-0.3.0"}] = np.nan
    holed["cka"].loc[{"model": "chgnet-0.3.0", "other": "rxnfp"}] = np.nan
    holed["intrinsic_dimension"].loc[{"model": "morgan"}] = np.nan
    holed["intrinsic_dimension"].loc[{"model": "random"}] = np.nan
    cells = records(figures.heat_map(holed, "cka").to_dict(), "kind")
    undefined = {(c["model"], c["other"]) for c in cells if c["kind"] == "undefined"}
    assert undefined == {("rxnfp", "chgnet-0.3.0"), ("chgnet-0.3.0", "rxnfp")}
    assert all(c["value"] is None and c["exact"] == "not defined" for c in cells if c["kind"] == "undefined")
    points = records(figures.agreement_scatter(holed).to_dict(), "inner")
    assert len(points) == 12 * 11 // 2 - 1
    bars = records(figures.dimension_bars(holed).to_dict(), "width")
    assert {b["model"] for b in bars if b["value"] is None} == {"morgan", "random"}


def test_a_comparison_of_nothing_but_undefined_scores_still_draws(comparison: xr.Dataset, tmp_path: Path) -> None:
    empty = comparison[["cka", "cka_chance"]].copy(deep=True)
    empty["cka"][:] = np.nan
    assert [path.name for path in figures.save_figures(empty, tmp_path)] == [
        "heat_map_cka.svg",
        "heat_map_cka.pdf",
        "heat_map_cka.png",
        "heat_map_cka.csv",
    ]


def test_scatter_has_one_point_per_pair_with_both_values_and_marks_controls(comparison: xr.Dataset) -> None:
    spec = figures.agreement_scatter(comparison).to_dict()
    points = records(spec, "inner")
    assert len(points) == 12 * 11 // 2
    for point in points:
        pair = {"model": point["model"], "other": point["other"]}
        assert point["x"] == pytest.approx(comparison["cka"].sel(pair).item())
        assert point["y"] == pytest.approx(comparison["cknna"].sel(pair).item())
        kinds = {str(comparison["modality"].sel(model=name).item()) for name in pair.values()}
        assert {point["inner"], point["outer"]} == kinds
        assert point["control"] == ("control" in kinds)
    rules = [layer for layer in spec["layer"] if layer["mark"].get("type") == "rule"]
    assert len(rules) == 2
    assert records(spec, "y")[0]["y"] == pytest.approx(comparison["cknna_chance"].values[0, 1])


def test_the_pairs_of_most_unequal_ranks_are_named(comparison: xr.Dataset) -> None:
    comparison["cknna"].loc[{"model": "rxnfp", "other": "rxnmapper"}] = 0.01
    comparison["cknna"].loc[{"model": "rxnmapper", "other": "rxnfp"}] = 0.01
    points = records(figures.agreement_scatter(comparison).to_dict(), "inner")
    named = {row["pair"] for row in points if row["side"]}
    best = max((row for row in points if not row["control"]), key=lambda row: row["x"])
    assert {"rxnmapper – rxnfp", best["pair"]} <= named
    assert len(named) <= 5
    assert not any(row["control"] for row in points if row["side"])


def test_names_avoid_each_other_and_the_sides() -> None:
    points = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.5)]
    placed = figures.sides(points, ["a", "a long name", "another name"], 400, 300, padding=(4, 4))
    assert placed[1:] == ["left", "left"]
    assert figures.sides([(0, 0)] * 9, ["name"] * 9, 400, 300).count("") > 0  # no room for all


def test_the_dendrogram_has_the_order_and_the_heights_of_average_linkage() -> None:
    values = np.array([[1, 0.9, 0.2, 0.1], [0.9, 1, 0.4, 0.1], [0.2, 0.4, 1, 0.6], [0.1, 0.1, 0.6, 1]])
    attrs = {"kind": "pair", "limits": "[0, 1]", "higher_is_better": 1, "long_name": "s"}
    names = ["a", "b", "c", "d"]
    data = xr.Dataset({"cka": (("model", "other"), values, attrs)}, {"model": names, "other": names})
    data["cka_chance"] = (("model", "other"), np.zeros((4, 4)))
    found = figures.cluster_models(data)
    assert found.order in (["a", "b", "c", "d"], ["d", "c", "b", "a"])
    # Average linkage by hand: a and b at 0.1, c and d at 0.4, both at the mean of 0.8, 0.9, 0.6 and 0.9.
    assert [merge.height for merge in found.merges] == pytest.approx([0.1, 0.4, 0.8])
    assert found.merges[-1].heights == pytest.approx((0.1, 0.4)) or found.merges[-1].heights == pytest.approx(
        (0.4, 0.1)
    )
    assert sorted(found.merges[-1].places) == [0.5, 2.5]


@pytest.mark.parametrize("dark", [False, True])
def test_every_cell_has_an_ink_of_enough_contrast(dark: bool) -> None:
    above, below = palette.score_ramps(dark=dark)
    assert (len(above), len(below)) == (33, 9)
    assert above[0] == below[0]
    for colour in above + below:
        assert max(palette.contrast(colour, "#000000"), palette.contrast(colour, "#ffffff")) >= 4.5
    steps = np.diff([lightness(colour) for colour in above])
    assert (np.sign(steps) == np.sign(steps[0])).all()


def test_contrast_is_that_of_wcag() -> None:
    assert palette.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)  # a known failure of AA
    assert palette.contrast("#123456", "#123456") == 1


def test_convergence_scatter_names_the_best_and_states_too_few_models(comparison: xr.Dataset) -> None:
    result = run_analyses(AnalysisInput(comparison, "cka"), ["convergence"])["convergence"]
    spec = figures.convergence_scatter(result).to_dict()
    points = {row["model"]: row for row in records(spec, "alignment")}
    assert set(points) == {"chgnet-0.3.0", "sevennet-0"}  # to aimnet2, the best
    for name, row in points.items():
        assert row["alignment"] == pytest.approx(comparison["cka"].sel(model=name, other="aimnet2").item())
    assert spec["title"]["text"] == ["all: n = 2 models of 2 families, inconclusive"]


def test_figures_are_saved_with_their_data(comparison: xr.Dataset, tmp_path: Path) -> None:
    paths = figures.save_figures(comparison, tmp_path / "new")
    assert {path.stem for path in paths} == set(figures.all_figures(comparison))
    assert {path.suffix for path in paths} == {".svg", ".pdf", ".png", ".csv"}
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)
    for path in paths:
        head = path.read_bytes()[:8]
        start = {".svg": b"<svg", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF", ".csv": b"model,"}[path.suffix]
        assert head.startswith(start)
    drawn = (tmp_path / "new" / "heat_map_cka.svg").read_text()
    assert all(str(name) in drawn for name in comparison["model"].values)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options",
    [
        {"models": ["rxnfp", "chgnet-0.3.0"]},
        {"metrics": ["mutual_knn"]},
        {"modality": False},
        {"models": ["rxnmapper", "minimol", "aimnet2"], "energies": False},
    ],
    ids=["two models", "one metric", "no modalities", "no controls"],
)
def test_small_and_bare_comparisons_draw(make_comparison: Make, options: dict[str, Any], tmp_path: Path) -> None:
    comparison = make_comparison(**options)
    assert sorted(figures.order_models(comparison)) == sorted(comparison["model"].values)
    charts = figures.all_figures(comparison)
    assert {f"heat_map_{metric}" for metric in tables.read_scores(comparison)} <= set(charts)
    assert ("agreement" in charts) == ("metrics" not in options and comparison.sizes["model"] > 4)
    assert len(figures.save_figures(comparison, tmp_path)) == 4 * len(charts)


def test_a_metric_that_is_best_when_small_keeps_its_direction(comparison: xr.Dataset) -> None:
    lower = comparison.assign(imbalance=1 - comparison["cka"], imbalance_chance=1 - comparison["cka_chance"])
    attrs = {"kind": "pair", "long_name": "information imbalance", "higher_is_better": 0, "limits": "[0, 2]"}
    lower["imbalance"].attrs = attrs
    scale = figures.heat_map(lower, "imbalance").to_dict()["layer"][0]["encoding"]["color"]["scale"]
    assert lightness(scale["range"][scale["domain"].index(0.0)]) == min(map(lightness, scale["range"]))


def colour_of(spec: dict[str, Any], value: float) -> float:
    """Return the lightness of the colour of a value in a heat map."""
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    order = np.argsort(scale["domain"])
    return float(np.interp(value, np.array(scale["domain"])[order], [lightness(scale["range"][i]) for i in order]))


@pytest.mark.parametrize("limits", [[0.0, 1.0], [0.0, 2.0]])
@pytest.mark.parametrize("level", [1.0, None])
def test_a_directed_error_is_pale_at_chance_and_not_mirrored(
    comparison: xr.Dataset, limits: list[float], level: float | None
) -> None:
    values = np.random.default_rng(0).uniform(0.1, 1.3, (12, 12))
    attrs = {"kind": "pair", "symmetric": 0, "higher_is_better": "no", "limits": limits}
    errors = comparison.assign(error=(("model", "other"), values, attrs))
    if level is not None:
        errors["error_chance"] = (("model", "other"), np.full((12, 12), level))
    spec = figures.heat_map(errors, "error").to_dict()
    for cell in records(spec, "model", "other", "value"):
        assert cell["value"] == errors["error"].sel(model=cell["model"], other=cell["other"]).item()
    origin = level if level is not None else limits[1]
    assert colour_of(spec, origin) > colour_of(spec, 0.5) > colour_of(spec, 0.0)
    assert ("chance" in spec["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]) == (level is not None)
    assert (spec["layer"][0]["encoding"]["x"]["title"], spec["layer"][0]["encoding"]["y"]["title"]) == ("to", "from")
    best = tables.read_scores(errors)["error"]
    i, j = min(best.pairs(), key=lambda pair: values[pair])
    assert f"{errors['model'].values[i]} to {errors['model'].values[j]}" in spec["description"]


def test_where_chance_differs_between_pairs_the_colour_is_the_distance_from_it(comparison: xr.Dataset) -> None:
    chance = np.linspace(0.1, 0.9, 144).reshape(12, 12)
    own = comparison.assign(cka_chance=(("model", "other"), chance))
    spec = figures.heat_map(own, "cka").to_dict()
    assert spec["layer"][0]["encoding"]["color"]["field"] == "excess"
    for cell in records(spec, "excess"):
        pair = {"model": cell["model"], "other": cell["other"]}
        expected = own["cka"].sel(pair).item() - own["cka_chance"].sel(pair).item()
        assert cell["excess"] == pytest.approx(expected)
    assert "field" in figures.heat_map(comparison, "cka").to_dict()["layer"][0]["encoding"]["color"]
    assert figures.heat_map(comparison, "cka").to_dict()["layer"][0]["encoding"]["color"]["field"] == "value"


def test_scatter_of_metrics_that_are_best_when_small_keeps_similar_to_the_right_and_up(comparison: xr.Dataset) -> None:
    attrs = {"kind": "pair", "symmetric": 0, "higher_is_better": 0, "limits": "[0, 2]", "k": 1}
    values = 1 - comparison["cka"].values + np.triu(np.full((12, 12), 0.1), 1)
    lower = comparison.assign(imbalance=(("model", "other"), values, attrs))
    spec = figures.agreement_scatter(lower, "cka", "imbalance").to_dict()
    point = next(layer for layer in spec["layer"] if layer["mark"].get("type") == "point")
    assert point["encoding"]["y"]["scale"]["reverse"]
    assert not point["encoding"]["x"]["scale"]["reverse"]
    points = records(spec, "inner")
    assert len(points) == 12 * 11 // 2
    for row in points:
        ends = row["model"], row["other"]
        both = [lower["imbalance"].sel(model=a, other=b).item() for a, b in (ends, ends[::-1])]
        assert row["y"] == pytest.approx(np.mean(both))


def test_dimension_bars_carry_the_standard_error(comparison: xr.Dataset) -> None:
    plain = figures.dimension_bars(comparison).to_dict()
    assert "rule" not in [layer["mark"]["type"] for layer in plain["layer"]]
    error = np.linspace(0.1, 1.2, 12)
    spec = figures.dimension_bars(comparison.assign(intrinsic_dimension_error=("model", error))).to_dict()
    assert "rule" in [layer["mark"]["type"] for layer in spec["layer"]]
    for row, expected in zip(records(spec, "low"), error, strict=True):
        assert (row["high"] - row["low"]) / 2 == pytest.approx(expected)
        assert f"± {expected:.3f}" in row["exact"]


def test_long_table_has_errors_and_details(comparison: xr.Dataset) -> None:
    comparison["intrinsic_dimension_error"] = ("model", np.linspace(0.1, 1.2, 12))
    comparison["cka"].attrs["kernel"] = "linear"
    table = tables.long_table(comparison).set_index("metric")
    assert table.loc["intrinsic_dimension", "error"].tolist() == pytest.approx(np.linspace(0.1, 1.2, 12))
    assert table.loc["cka", "error"].isna().all()
    assert set(table.loc["cka", "details"]) == {"kernel: linear"}


def test_long_table_has_each_pair_and_model_once_with_its_recipe(comparison: xr.Dataset) -> None:
    table = tables.long_table(comparison)
    pairs = table[table["other"] != ""]
    assert len(pairs) == 4 * 12 * 11 // 2
    assert not pairs.duplicated(["model", "other", "metric"]).any()
    row = pairs[(pairs["metric"] == "cknna") & (pairs["model"] == "minimol") & (pairs["other"] == "aimnet2")].iloc[0]
    assert row["value"] == comparison["cknna"].sel(model="minimol", other="aimnet2").item()
    assert (row["k"], row["n"], row["chance"]) == (10, 500, comparison["cknna_chance"].values[0, 1])
    assert (row["sample_hash"], row["hyle_version"]) == ("5f2b9c1a7d", "0.1.0")
    single = table[(table["metric"] == "intrinsic_dimension") & (table["model"] == "composition")]
    assert single["n"].item() == 143


def test_long_table_has_both_directions_of_an_asymmetric_metric(comparison: xr.Dataset) -> None:
    comparison["cka"].loc[{"model": "rxnfp", "other": "minimol"}] = 0.123
    table = tables.long_table(comparison)
    cka = table[table["metric"] == "cka"].set_index(["model", "other"])["value"]
    assert len(cka) == 12 * 11
    assert cka["rxnfp", "minimol"] == 0.123 != cka["minimol", "rxnfp"]


def test_csv_replaces_the_old_file_and_leaves_no_other(comparison: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    assert tables.write_csv(comparison, path) == path
    assert path.read_text().startswith(
        "model,other,metric,value,chance,p,q,calibrated,error,low,high,raw,k,n,estimator"
    )
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
