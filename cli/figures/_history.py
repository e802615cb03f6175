"""History of a training run: alignment, dimension and collapse over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import number
from .palette import MUTED, config

if TYPE_CHECKING:
    import xarray as xr

LABELS = {
    "cka": "debiased linear CKA",
    "mutual_knn": "mutual k-NN overlap",
    "intrinsic_dimension_twonn": "intrinsic dimension (TwoNN)",
    "participation_ratio": "participation ratio, directions",
    "top_column_share": "largest column's share of variance",
}
# Paul Tol's "bright" scheme, which colour-blind readers can distinguish.
COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#8b939c"]


def emergence_curves(history: xr.Dataset) -> alt.VConcatChart:
    """Return one panel per variable of a history, over its steps, with a line per reference and the chance level.

    Args:
        history: as returned by `hyle.engine.load_history`.
    """
    names = [str(name) for name in history.data_vars]
    paired = [name for name in names if history[name].dims == ("step", "other")]
    charts = [_panel(history, name) for name in [*paired, *(name for name in names if name not in paired)]]
    description = f"Curves of {', '.join(names)} over {history.sizes['step']} steps of a run."
    return alt.vconcat(*charts, spacing=26).properties(description=description, config=config())


def _panel(history: xr.Dataset, name: str) -> alt.LayerChart:
    rows, label = _rows(history, name), LABELS.get(name, name.replace("_", " "))
    k = f", k = {history.attrs['k']}" if name == "mutual_knn" and "k" in history.attrs else ""
    ends = [int(history["step"].values.min()), int(history["step"].values.max())]
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=ends, nice=False), axis=alt.Axis(tickCount=6))
    y = alt.Y("value:Q", title=label + k, scale=alt.Scale(zero="other" in rows[0]), axis=alt.Axis(tickCount=5))
    others = [str(other) for other in history["other"].values]
    tooltip = [alt.Tooltip("step:Q"), alt.Tooltip("shown:N", title=label)]
    colour: Any = alt.value(COLOURS[0])
    if "other" in rows[0]:
        scale = alt.Scale(domain=others, range=[COLOURS[i % len(COLOURS)] for i in range(len(others))])
        colour = alt.Color("other:N", scale=scale, legend=alt.Legend(title=None, orient="top", symbolStrokeWidth=2))
        tooltip.insert(0, alt.Tooltip("other:N", title="with"))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y, color=colour, tooltip=tooltip)
    layers = [base.mark_line(strokeWidth=2), base.mark_circle(size=28, opacity=1)]
    chance = history[name].attrs.get("chance")
    if chance is not None:
        level = alt.Chart(alt.InlineData(values=[{"value": float(chance)}])).encode(y=alt.Y("value:Q", title=label + k))
        text = level.mark_text(text="chance", fontSize=11, color=MUTED, align="right", dy=-7, x="width")
        layers = [level.mark_rule(strokeDash=[5, 4], color=MUTED), text, *layers]
    return alt.LayerChart(layer=layers).properties(width=520, height=170)


def _rows(history: xr.Dataset, name: str) -> list[dict[str, Any]]:
    variable = history[name]
    steps = [int(step) for step in history["step"].values]
    columns: list[tuple[dict[str, Any], Any]] = [({}, variable.values)]
    if "other" in variable.dims:
        columns = [({"other": str(o)}, variable.sel(other=o).values) for o in history["other"].values]
    rows = [
        {**fields, "step": step, "value": float(value), "shown": number(float(value), 3)}
        for fields, values in columns
        for step, value in zip(steps, values, strict=True)
        if np.isfinite(value)
    ]
    # Vega logs a warning in the browser console for a layer without data.
    return rows or [{**columns[0][0], "step": steps[0], "value": None, "shown": "not defined"}]
