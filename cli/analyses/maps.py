"""Show what each representation looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, model_names
from ..console import print_table
from ..results import MapResult
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

# Samples of each picture, and pictures: a page must stay small enough to open on a phone.
MOST, PICTURES = 300, 12


def data(question: AnalysisInput) -> MapResult | None:
    """Lay out each representation whose embeddings are at hand; None without any.

    Coloured by the label, else by how wrong the model's energy is, else by the first label of the Comparison.
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
        every = comparison["energy_residual"].transpose("model", "sample")
        return {n: of(np.abs(every.sel(model=n).values)) for n in models}, "energy error / eV"
    label = next((str(name) for name in comparison.data_vars if str(name).startswith("label_")), None)
    if label is None:
        return None, ""
    units = comparison[label].attrs.get("units", "")
    said = label.removeprefix("label_").replace("_", " ") + (f" / {units}" if units else "")
    return dict.fromkeys(models, of(comparison[label].values.astype(float))), said


def sentences(found: MapResult) -> list[str]:
    """Say nothing: a map is looked at."""
    return []


def show(found: MapResult) -> None:
    """Print how much of the variance the two directions hold."""
    click.echo(f"Map of each representation ({found.method}); its points are in --json and in hyle report")
    cells = [tuple(f"{share:.0%}" if share == share else "–" for share in one.shares) for one in found.planes.values()]
    lines = [(name, *cell) for name, cell in zip(found.planes, cells, strict=True)]
    print_table(("model", "first", "second"), lines, right=("first", "second"), keys=1)


def plain(found: MapResult) -> dict[str, Any]:
    """Return the places of all samples for programs."""
    return {
        "method": found.method,
        "samples": found.ids,
        "coloured_by": found.coloured_by,
        "models": {name: {"place": one.place, "shares": one.shares} for name, one in found.planes.items()},
    }


def figures(found: MapResult) -> dict[str, Figure]:
    """Return all maps side by side."""
    from ..figures import Figure, map_chart

    directions = "The two directions of most variance" if found.method == "pca" else "Neighbours kept, distances not"
    coloured = f", coloured by {found.coloured_by}" if found.colour else ""
    caption = f"{directions}, one picture a model{coloured}. The same samples are in all; axes have no units."
    shown = min(MOST, len(found.ids))
    recipe = f"{found.method.upper()} of the embeddings; {shown} of {len(found.ids)} samples drawn"
    return {"map": Figure(map_chart(found, MOST), "What representations look like", caption, recipe)}
