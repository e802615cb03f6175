"""Planar layouts of the representations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, model_names
from ..console import print_table
from ..results import MapResult
from ._analysis import Analysis
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

# Samples per map, and maps: the page must stay small enough to open on a phone.
MOST, PICTURES = 300, 12


def compute(question: AnalysisInput) -> MapResult | None:
    """Compute a planar layout of each representation; None without embeddings.

    Samples are coloured by the label, else by the absolute energy error of the model, else by the first label of the
    Comparison.
    """
    from hyle.engine.analysis import plane

    if not question.embeddings:
        return None
    names = model_names(question.comparison)
    chosen = sorted((n for n in question.embeddings if n in names), key=lambda n: question.kinds[n] == CONTROL)
    method: Any = question.method
    shown = [name for name in chosen if len(question.ids) > 2 and np.ptp(question.embeddings[name], 0).any()][:PICTURES]
    if not shown:
        return None
    planes = {name: plane(question.embeddings[name], method=method) for name in shown}
    colour, by = _colour(question, list(planes))
    return MapResult(planes, list(question.ids), colour, by, question.method)


def _colour(question: AnalysisInput, models: list[str]) -> tuple[dict[str, np.ndarray] | None, str]:
    comparison = question.comparison
    if question.values is not None:
        return dict.fromkeys(models, question.values), question.label
    if "sample" not in comparison.coords:
        return None, ""
    place = {str(i): row for row, i in enumerate(comparison["sample"].values)}
    rows = [place.get(i, -1) for i in question.ids]

    def of(values: np.ndarray) -> np.ndarray:
        return np.append(values, np.nan)[rows]

    if "energy_residual" in comparison:
        residuals = comparison["energy_residual"].transpose("model", "sample")
        return {n: of(np.abs(residuals.sel(model=n).values)) for n in models}, "energy error / eV"
    label = next((str(name) for name in comparison.data_vars if str(name).startswith("label_")), None)
    if label is None:
        return None, ""
    units = comparison[label].attrs.get("units", "")
    title = label.removeprefix("label_").replace("_", " ") + (f" / {units}" if units else "")
    return dict.fromkeys(models, of(comparison[label].values.astype(float))), title


def summarise(result: MapResult) -> list[str]:
    """Return no sentence: a map supports no statement."""
    return []


def print_result(result: MapResult) -> None:
    """Print the share of the variance along each of the two directions."""
    click.echo(f"Map of each representation ({result.method}); the points are in --json and in hyle report")
    cells = [tuple(f"{share:.0%}" if share == share else "–" for share in one.shares) for one in result.planes.values()]
    lines = [(name, *cell) for name, cell in zip(result.planes, cells, strict=True)]
    print_table(("model", "first", "second"), lines, right=("first", "second"), keys=1)


def to_dict(result: MapResult) -> dict[str, Any]:
    """Return the coordinates of all samples as plain data."""
    return {
        "method": result.method,
        "samples": result.ids,
        "coloured_by": result.coloured_by,
        "models": {name: {"place": one.place, "shares": one.shares} for name, one in result.planes.items()},
    }


def make_figures(result: MapResult) -> dict[str, Figure]:
    """Return all maps side by side."""
    from ..figures import Figure, map_chart

    pca, umap = "The two directions of largest variance", "Neighbours are preserved, distances are not"
    directions = pca if result.method == "pca" else umap
    coloured = f", coloured by {result.coloured_by}" if result.colour else ""
    caption = f"{directions}, one map per model{coloured}. All maps show the same samples; axes have no units."
    shown = min(MOST, len(result.ids))
    recipe = f"{result.method.upper()} of the embeddings; {shown} of {len(result.ids)} samples drawn"
    return {"map": Figure(map_chart(result, MOST), "What representations look like", caption, recipe)}


ANALYSIS = Analysis(
    name="map",
    question="What do the representations look like?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
