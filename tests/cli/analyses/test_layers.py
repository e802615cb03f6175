"""The layer atlas of a Comparison: its order, sentences, table and figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from hyle.cli.analyses import ANALYSES, AnalysisInput, NotSignificant, findings, run_analyses
from hyle.cli.analyses.layers import depth_order
from hyle.cli.figures import specification
from hyle.engine import compare

LAYERS = {
    "rxnmapper": ["hidden_states.12", "hidden_states.6", "hidden_states.0"],
    "aimnet2": ["aim", "a"],
    "own": ["z"],
}


@pytest.fixture(scope="module")
def comparison() -> xr.Dataset:
    """Models whose first layers are noise and whose last ones have a common part; cards name the last layer first."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 3))
    rows = {}
    for model, layers in LAYERS.items():
        for depth, layer in enumerate(layers):
            share = 1 - depth / len(layers) if depth + 1 < len(layers) or len(layers) == 1 else 0.0
            rows[f"{model}@{layer}"] = share * z @ rng.normal(size=(3, 8)) + 0.5 * rng.normal(size=(60, 8))
    found = compare(rows, metrics=["cka"], permutations=299, keep_resamples=True)
    models = [name.partition("@")[0] for name in rows]
    found["family"] = ("model", [{"own": ""}.get(model, model) for model in models])
    found["modality"] = ("model", [{"rxnmapper": "string", "aimnet2": "atoms"}.get(m, "") for m in models])
    return found


def test_layers_are_in_the_order_of_their_depth(comparison: xr.Dataset) -> None:
    names = [str(name) for name in comparison["model"].values]
    ordered = [names[i].partition("@")[2] for i in depth_order(comparison, range(len(names)))]
    assert ordered == ["hidden_states.0", "hidden_states.6", "hidden_states.12", "a", "aim", "z"]
    layers = ["4_equivariant_gate", "reduce_input_to_hidden"]
    of_card = xr.Dataset(coords={"model": [f"sevennet-0@{layer}" for layer in layers]})
    assert depth_order(of_card, [0, 1]) == [0, 1]  # the second comes after the default


def test_the_atlas(comparison: xr.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_analyses(AnalysisInput(comparison, "cka"), ["layers"])
    atlas = result["layers"].atlas
    assert atlas.models == ("rxnmapper", "aimnet2", "own")
    assert 0 < atlas.by_model[0] < 1
    assert np.isnan(atlas.by_model[2])
    (line,) = findings(result)
    assert isinstance(line, NotSignificant)
    assert "fewer than six families give no interval" in line
    ANALYSES["layers"].print_result(result["layers"])
    table = capsys.readouterr().out
    assert "rxnmapper" in table
    assert "hidden_states.12" in table
    assert "string: half of the maximum at depth" in table
    plain = ANALYSES["layers"].to_dict(result["layers"])
    assert [one["layer"] for one in plain["models"]["aimnet2"]["layers"]] == ["a", "aim"]


def test_the_figures_have_every_pair_of_layers(comparison: xr.Dataset) -> None:
    result = run_analyses(AnalysisInput(comparison, "cka"), ["layers"])
    figures = ANALYSES["layers"].make_figures(result["layers"])
    drawn = {name: specification(figure.chart) for name, figure in figures.items()}
    assert set(drawn) == {"layers", "layers_depth"}
    assert 30 in [len(rows) for rows in drawn["layers"]["datasets"].values()]
    for name, spec in drawn.items():
        figures[name].chart.to_dict(validate=True)
        assert spec["description"]


def test_a_comparison_of_single_layers_has_no_atlas(make_comparison: Callable[..., Any]) -> None:
    assert run_analyses(AnalysisInput(make_comparison(), "cka"), ["layers"]) == {}
