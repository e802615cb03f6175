"""Quantities of the models against their size."""

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


def trend_chart(result: ScaleResult) -> alt.ConcatChart:
    """Return one panel per quantity, with a point per model, the fitted lines, and their slopes with intervals."""
    quantities = list(dict.fromkeys(row["quantity"] for row in result.rows))
    # One colour encoding: all panels share its scale.
    all_kinds = [result.kinds.get(row["model"], "unknown") for row in result.rows]
    colour = modality_colour(all_kinds, legend=alt.Legend(orient="bottom", title=None))
    charts = []
    for quantity in quantities:
        rows = [row for row in result.rows if row["quantity"] == quantity]
        rows = [row | {"modality": result.kinds.get(row["model"], "unknown")} for row in rows]
        trends = {group: trend for (group, name), trend in result.trends.items() if name == quantity}
        charts.append(_chart(rows, quantity, result.size, trends, colour))
    count = len({row["model"] for row in result.rows})
    description = f"Scatter plots of {len(quantities)} quantities of {count} models against {result.size}."
    panels: alt.ConcatChart = alt.concat(*charts, columns=min(3, len(charts)))
    return panels.properties(description=description, config=config())


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
        points_of_group = [row for row in rows if group in (ALL, row["family"])]
        x = np.log10([row["size"] for row in points_of_group])
        ends = [{"size": 10 ** float(e), "value": float(trend.level + trend.slope * e)} for e in (x.min(), x.max())]
        line = alt.Chart(alt.InlineData(values=ends)).encode(x="size:Q", y="value:Q")
        dash = [5, 4] if group == ALL else [1, 0]
        layers.append(line.mark_line(color=MUTED, strokeWidth=1.3, strokeDash=dash))
    subtitle = [_describe(group, trend) for group, trend in list(trends.items())[:3]]
    title = alt.TitleParams(quantity, subtitle=subtitle, fontSize=12, subtitleFontSize=11, offset=8)
    return alt.LayerChart(layer=layers).properties(width=280, height=190, title=title)


def _describe(group: str, trend: Trend) -> str:
    slope = f"{group}: {number(trend.slope, 2)} for tenfold"
    n = f"n = {trend.n}" if trend.families == 1 else f"n = {trend.n} of {trend.families} families"
    if trend.p != trend.p:
        return f"{slope}, {n}" + ("" if trend.families == 1 else ", inconclusive")
    ends = f"{number(trend.low, 2)} to {number(trend.high, 2)}" if trend.low == trend.low else "no interval"
    return f"{slope} ({ends}), p = {trend.p:.2g}, {n}"
