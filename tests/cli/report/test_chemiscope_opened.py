"""Files for chemiscope, opened in chemiscope itself, in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hyle.cli.jobs import chemiscope_data, make_map
from hyle.zoo import Representation, load_dataset

from ..devtools import DevTools

chemiscope = pytest.importorskip("chemiscope")

# The parts of the page that chemiscope asks for, and its own loader; the promise says when it has drawn.
PAGE = """<!doctype html><meta charset="utf-8"><body>
<div id="meta"></div><div id="map" style="height:400px"></div><div id="info"></div>
<div id="structure" style="height:400px"></div>
<script src="{script}"></script>
<script>
const warnings = new Chemiscope.Warnings();
window.told = [];
warnings.addHandler((message) => told.push(message));
const parts = {{ meta: "meta", map: "map", info: "info", structure: "structure" }};
window.shown = Chemiscope.DefaultVisualizer.load(parts, {data}, warnings);
</script>
"""


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "per"), [("qm9", ""), ("mptrj", ""), ("qm9", "atom")])
def test_chemiscope_shows_every_sample(name: str, per: str, devtools: DevTools, tmp_path: Path) -> None:
    samples = load_dataset(name, n=12).samples
    ids = [f"{one.id}#{i}" for one in samples for i in range(3)] if per else [one.id for one in samples]
    rng = np.random.default_rng(0)
    recipe = {"dataset": name} | ({"per": per} if per else {})
    rows = [Representation(model, rng.normal(size=(len(ids), 4)), ids, recipe) for model in "ab"]
    result = make_map(rows, {one.id: one for one in samples}, units={"energy": "eV"})
    page = tmp_path / "page.html"
    script = Path(chemiscope.__file__).parent / "sphinx/static/chemiscope.min.js"
    data = chemiscope_data(result)
    page.write_text(PAGE.format(script=script.as_uri(), data=json.dumps(data)), "utf-8")
    axes = [data["settings"]["map"][axis]["property"] for axis in "xy"]
    with devtools.open(page) as shown:
        assert shown.run("{ await shown; return told; }") == []
        points = shown.run("""{
            const plot = [...document.querySelectorAll("*")].map((one) => one.shadowRoot).filter(Boolean)
                .concat([document]).map((root) => root.querySelector(".js-plotly-plot")).find(Boolean);
            return [Array.from(plot.data[0].x), Array.from(plot.data[0].y)];
        }""")
        np.testing.assert_allclose(points, [data["properties"][axis]["values"] for axis in axes])
        assert len(points[0]) == len(ids)
        errors = [line for line in shown.console() if '"error"' in line or "exception" in line.lower()]
        assert errors == []
