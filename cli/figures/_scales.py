"""Intrinsic dimension at growing scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from .palette import config, modality_colour


def scale_curves(scales: Sequence[dict[str, Any]], kinds: Mapping[str, str]) -> alt.LayerChart:
    """Return one line per model, dimension against the order of the neighbours, with a 95 % band."""
    rows = [
        row
        | {"modality": kinds.get(row["model"], "unknown")}
        | {"low": row["dimension"] - 1.96 * row["error"], "high": row["dimension"] + 1.96 * row["error"]}
        for row in scales
    ]
    for row in rows:
        row["low"] = max(row["low"], 0.0)
    title = "order of the neighbours, n1"
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("order:Q", title=title, scale=alt.Scale(type="log", base=2), axis=alt.Axis(tickCount=7)),
        detail="model:N",
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("order:Q", title=title),
            alt.Tooltip("dimension:Q", format=".2f"),
            alt.Tooltip("error:Q", title="standard error", format=".2f"),
        ],
    )
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    y = alt.Y("dimension:Q", title="intrinsic dimension (GRIDE)", scale=alt.Scale(zero=True))
    layers = [
        base.mark_area(opacity=0.14).encode(
            y=alt.Y("low:Q", title="intrinsic dimension (GRIDE)"), y2="high:Q", color=colour
        ),
        base.mark_line(strokeWidth=1.8, point={"size": 26}).encode(y=y, color=colour),
    ]
    count = len({row["model"] for row in rows})
    description = f"Line chart of the intrinsic dimension of {count} models at growing scales, with 95 % bands."
    return alt.LayerChart(layer=layers).properties(width=400, height=300, description=description, config=config())
