"""Quantities of the models against their size."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import number
from .palette import MUTED, config, modality_colour

if TYPE_CHECKING:
    from hyle.engine.analysis import Trend

    from ..results import ScaleResult

ALL = "all models"


def trend_chart(
    result: ScaleResult, quantities: Sequence[str], significant: Collection[tuple[str, str]] = ()
) -> alt.ConcatChart:
    """Return one panel per quantity, with a point per model.

    Args:
        result: trends and points.
        quantities: the panels.
        significant: the trends, by group and quantity, that are drawn as lines.
    """
    # One colour encoding: all panels share its scale.
    all_kinds = [result.kinds.get(row["model"], "unknown") for row in result.rows]
    colour = modality_colour(all_kinds, legend=alt.Legend(orient="bottom", title=None))
    sizes = [row["size"] for row in result.rows]
    x = alt.X(
        "size:Q",
        title=result.size,
        scale=alt.Scale(type="log", domain=[min(sizes), max(sizes)], nice=False, padding=10),
        axis=alt.Axis(format="~s", values=_powers(min(sizes), max(sizes)), grid=False),
    )
    charts = []
    for quantity in quantities:
        rows = [row for row in result.rows if row["quantity"] == quantity]
        rows = [row | {"modality": result.kinds.get(row["model"], "unknown")} for row in rows]
        drawn = {key: trend for key, trend in result.trends.items() if key[1] == quantity and key in significant}
        trend = result.trends.get((ALL, quantity))
        charts.append(
            _chart(rows, quantity, result.size, x, drawn, [] if trend is None else [_describe(trend)], colour)
        )
    count = len({row["model"] for row in result.rows})
    description = f"Scatter plots of {len(quantities)} quantities of {count} models against {result.size}."
    panels: alt.ConcatChart = alt.concat(*charts, columns=min(3, len(charts)))
    return panels.properties(description=description, config=config())


def _powers(low: float, high: float) -> list[float]:
    """Return the powers of ten between two sizes, or 1, 2 and 5 times these where they are few."""
    tens = [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    inside = [ten for ten in tens if low <= ten <= high]
    return inside if len(inside) > 2 else [ten * f for ten in tens for f in (1, 2, 5) if low <= ten * f <= high]


def _chart(
    rows: list[dict[str, Any]],
    quantity: str,
    size: str,
    x: alt.X,
    trends: dict[tuple[str, str], Trend],
    subtitle: list[str],
    colour: alt.Color,
) -> alt.LayerChart:
    points = alt.Chart(alt.InlineData(values=rows)).encode(
        x=x,
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(tickCount=5)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("family:N"),
            alt.Tooltip("size:Q", title=size, format=".3s"),
            alt.Tooltip("value:Q", title=quantity, format=".3f"),
        ],
    )
    layers = [points.mark_point(filled=True, size=70, opacity=1).encode(color=colour)]
    for (group, _), trend in trends.items():
        logs = np.log10([row["size"] for row in rows if group in (ALL, row["family"])])
        ends = [
            {"size": 10 ** float(e), "value": float(trend.level + trend.slope * e)} for e in (logs.min(), logs.max())
        ]
        line = alt.Chart(alt.InlineData(values=ends)).encode(x=x, y="value:Q")
        layers.append(line.mark_line(color=MUTED, strokeWidth=1.6))
    title = alt.TitleParams(quantity, subtitle=subtitle, fontSize=13, subtitleFontSize=12, offset=8)
    return alt.LayerChart(layer=layers).properties(width=280, height=190, title=title)


def _describe(trend: Trend) -> str:
    n = f"n = {trend.n} of {trend.families} famil{'y' if trend.families == 1 else 'ies'}"
    if trend.p != trend.p:
        return f"too few families for a test, {n}"
    ends = f" ({number(trend.low, 2)} to {number(trend.high, 2)})" if trend.low == trend.low else ""
    return f"{number(trend.slope, 2)}{ends} for tenfold, p = {trend.p:.2g}, {n}"
