"""Quantities of models against their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import number
from .palette import MUTED, config, modality_colour

if TYPE_CHECKING:
    from hyle.engine.analysis import Trend

    from ..results import ScaleResult

ALL = "all models"


def trend_chart(found: ScaleResult) -> alt.ConcatChart:
    """Return one picture a quantity: a point a model, the line fitted to all, and its slope with interval as title."""
    quantities = list(dict.fromkeys(row["quantity"] for row in found.rows))
    # One colour for all pictures: they share its scale.
    every = [found.kinds.get(row["model"], "unknown") for row in found.rows]
    colour = modality_colour(every, legend=alt.Legend(orient="bottom", title=None))
    charts = []
    for quantity in quantities:
        rows = [row for row in found.rows if row["quantity"] == quantity]
        rows = [row | {"modality": found.kinds.get(row["model"], "unknown")} for row in rows]
        trends = {group: trend for (group, of), trend in found.trends.items() if of == quantity}
        charts.append(_chart(rows, quantity, found.size, trends, colour))
    count = len({row["model"] for row in found.rows})
    said = f"Scatter plots of {len(quantities)} quantities of {count} models against {found.size}."
    whole: alt.ConcatChart = alt.concat(*charts, columns=min(3, len(charts)))
    return whole.properties(description=said, config=config())


def _chart(
    rows: list[dict[str, Any]], quantity: str, size: str, trends: dict[str, Trend], colour: alt.Color
) -> alt.LayerChart:
    points = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("size:Q", title=size, scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=4, grid=False)),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("family:N"),
            alt.Tooltip("size:Q", title=size, format=".3s"),
            alt.Tooltip("value:Q", title=quantity, format=".3f"),
        ],
    )
    layers = [points.mark_point(filled=True, size=70, opacity=1).encode(color=colour)]
    for group, trend in trends.items():
        own = [row for row in rows if group in (ALL, row["family"])]
        x, y = np.log10([row["size"] for row in own]), np.array([row["value"] for row in own])
        level = y.mean() - trend.slope * x.mean()
        ends = [{"size": 10 ** float(e), "value": float(level + trend.slope * e)} for e in (x.min(), x.max())]
        line = alt.Chart(alt.InlineData(values=ends)).encode(x="size:Q", y="value:Q")
        dash = [5, 4] if group == ALL else [1, 0]
        layers.append(line.mark_line(color=MUTED, strokeWidth=1.3, strokeDash=dash))
    said = [_said(group, trend) for group, trend in list(trends.items())[:3]]
    title = alt.TitleParams(quantity, subtitle=said, fontSize=12, subtitleFontSize=11, offset=8)
    return alt.LayerChart(layer=layers).properties(width=280, height=190, title=title)


def _said(group: str, trend: Trend) -> str:
    ends = f"{number(trend.low, 2)} to {number(trend.high, 2)}" if trend.low == trend.low else "no interval"
    return f"{group}: {number(trend.slope, 2)} for tenfold ({ends}), p = {trend.p:.2g}, n = {trend.n}"
