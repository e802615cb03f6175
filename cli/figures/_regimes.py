"""Alignment of every pair on two sets of samples."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import CONTROL, modalities, read_scores
from .palette import MUTED, config, modality_colour

if TYPE_CHECKING:
    import xarray as xr

MIXED = "two modalities"


def regime_scatter(inside: xr.Dataset, outside: xr.Dataset, metric: str) -> alt.LayerChart:
    """Return scores on the second set against those on the first, one point per pair of models, and the diagonal.

    For a directed metric, the point is the mean of both directions. Pairs with a control are crosses.
    """
    shared = [name for name in inside["model"].values if name in outside["model"].values]
    first, second = (read_scores(c.sel(model=shared, other=shared))[metric] for c in (inside, outside))
    models, kinds = [str(name) for name in shared], modalities(inside.sel(model=shared, other=shared))
    rows: list[dict[str, Any]] = []
    for i, j in itertools.combinations(range(len(models)), 2):
        a, b = float(first.mutual[i, j]), float(second.mutual[i, j])
        if np.isfinite(a) and np.isfinite(b):
            row: dict[str, Any] = {"model": models[i], "other": models[j], "first": a, "second": b}
            row |= {"modality": kinds[i] if kinds[i] == kinds[j] else MIXED, "control": CONTROL in (kinds[i], kinds[j])}
            rows.append(row | {"pair": f"{models[i]} – {models[j]}"})
    falling = not first.higher_is_better
    scale = alt.Scale(zero=False, reverse=falling)
    title = first.label + (", falling" if falling else "")
    first_set, second_set = _set_names(inside, outside)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("first:Q", title=f"{title}: {first_set}", scale=scale),
        y=alt.Y("second:Q", title=f"{title}: {second_set}", scale=scale),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("first:Q", format=".3f"),
            alt.Tooltip("second:Q", format=".3f"),
        ],
    )
    drawn = [row["modality"] for row in rows if not row["control"]]
    colour = modality_colour(drawn, legend=alt.Legend(orient="top", title=None))
    layers = [_diagonal(rows)]
    if any(row["control"] for row in rows):
        crosses = base.transform_filter("datum.control")
        layers.append(crosses.mark_point(shape="cross", size=34, filled=True, opacity=0.6, color=MUTED))
    if drawn:
        points = base.transform_filter("!datum.control")
        layers.append(points.mark_point(filled=True, size=75, opacity=0.9).encode(color=colour))
    description = f"Scatter plot of {first.label} of {len(rows)} pairs: {first_set} and {second_set}."
    return alt.LayerChart(layer=layers).properties(width=360, height=320, description=description, config=config())


def _set_names(inside: xr.Dataset, outside: xr.Dataset) -> tuple[str, str]:
    """Return the names of both data sets, or "first set" and "second set" where these are equal or unknown."""
    first, second = (str(comparison.attrs.get("dataset", "")) for comparison in (inside, outside))
    return (first, second) if first and second and first != second else ("first set", "second set")


def _diagonal(rows: list[dict[str, Any]]) -> alt.Chart:
    values = [row[name] for row in rows for name in ("first", "second")]
    ends = [{"first": end, "second": end} for end in (min(values), max(values))] if values else []
    line = alt.Chart(alt.InlineData(values=ends)).mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1)
    return line.encode(x="first:Q", y="second:Q")
