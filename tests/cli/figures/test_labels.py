"""Long names of models, and names at the edges of charts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from hyle.cli import figures
from hyle.engine.analysis import Information, Node

Make = Callable[..., xr.Dataset]


def rows_of(spec: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
    return next(rows for rows in spec["datasets"].values() if rows and set(fields) <= set(rows[0]))


def test_a_long_name_leaves_the_tree_its_room() -> None:
    nan = float("nan")
    nodes = [Node("", -1, 0.0, 1.0, nan), *(Node(c * 79, 0, 1.0, float(i), nan) for i, c in enumerate("abc"))]
    spec = figures.tree_chart(nodes, {}).to_dict()
    domain = next(layer["encoding"]["x"]["scale"]["domain"] for layer in spec["layer"] if "x2" in layer["encoding"])
    assert domain[0] == 0
    assert 1 < domain[1] < 2.5  # the deepest tip is at 1: at least 40 % of the width is tree
    tips = rows_of(spec, "model", "shown")
    assert [tip["shown"] for tip in tips] == [c * 23 + "…" for c in "abc"]
    assert [tip["model"] for tip in tips] == [c * 79 for c in "abc"]


def test_the_names_of_a_pair_are_short_beside_its_point(comparison: xr.Dataset) -> None:
    names = [f"{name}-{'x' * 70}" for name in comparison["model"].values]
    rows = rows_of(figures.agreement_scatter(comparison.assign_coords(model=names, other=names)).to_dict(), "label")
    assert all(len(row["label"]) <= 35 < len(row["pair"]) for row in rows)


def test_a_name_that_fits_on_no_side_is_omitted() -> None:
    assert figures.sides([(0.5, 0.5), (0, 0), (1, 1)], ["a" * 40, "", ""], 400, 300, padding=(0, 0))[0] in (
        "above",
        "below",
    )
    assert figures.sides([(0.5, 0.5), (0, 0), (1, 1)], ["a" * 40, "", ""], 200, 300, padding=(0, 0))[0] == ""


def information(model: str, there: float, back: float) -> Information:
    return Information(model, "", np.nan, np.nan, 0.0, np.nan, there, back)


def test_controls_beyond_the_axes_do_not_hide_each_other() -> None:
    rows = [information("a", 0.35, 0.36), information("b", 0.36, 0.38)]
    rows += [information(name, 0.97, 0.98) for name in ("random", "noise", "morgan")]
    kinds = {"a": "atoms", "b": "atoms", "random": "control", "noise": "control", "morgan": "control"}
    spec = figures.information_plane(rows, kinds).to_dict()
    points = rows_of(spec, "model", "shown")
    assert len({(point["x"], round(point["y"], 6)) for point in points}) == 5
    assert all(point["side"] for point in points)
    low, high = next(
        layer["encoding"]["x"]["scale"]["domain"] for layer in spec["layer"] if "scale" in layer["encoding"]["x"]
    )
    assert high - low > 0.19
    assert all(low <= point[axis] <= high for point in points for axis in ("x", "y"))


def test_a_model_without_scores_is_last_and_not_in_the_tree(make_comparison: Make) -> None:
    data = make_comparison(["chgnet-0.3.0", "sevennet-0", "aimnet2", "minimol"], ["cka"])
    for axis in ("model", "other"):
        data["cka"].loc[{axis: "sevennet-0"}] = np.nan
    clustering = figures.cluster_models(data)
    assert clustering.order[-1] == "sevennet-0"
    assert len(clustering.merges) == 2
    assert all(place <= 2 for merge in clustering.merges for place in merge.places)
