"""The performance of a model and of the panel beside their alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np

from ._labels import FONT, SIDES, names, sides
from .palette import MUTED, config, modality_scale

_WIDTH, _HEIGHT, _OWN = 420, 280, "#cc3311"


def benchmark_scatter(card: Mapping[str, Any]) -> alt.LayerChart | None:
    """Draw the models of the panel as points, the measured one as a diamond with bars of one standard error.

    Dashed lines are the medians of the panel, which part the quadrants. Better is up and more aligned to the right.
    None where the model has no performance.
    """
    inside = card["sets"]["in"]
    score = inside["performance"]
    if not score:
        return None
    rows = [
        {
            "model": name,
            "modality": one["modality"],
            "performance": one["performance"],
            "alignment": one["alignment"]["value"],
        }
        for name, one in inside["panel"]["models"].items()
        if one["performance"] is not None
    ]
    near = inside["alignment"][card["metric"]]["panel"]
    spread = near["se"] or 0.0, score["se"] or 0.0
    # An axis of logarithms has no place for what is not above zero.
    least = 0.1 * score["value"] if score["kind"] == "energy" else -float("inf")
    own = {
        "model": card["model"],
        "performance": score["value"],
        "alignment": near["value"],
        "left": near["value"] - spread[0],
        "right": near["value"] + spread[0],
        "low": max(score["value"] - spread[1], least),
        "high": score["value"] + spread[1],
    }
    error = score["kind"] == "energy"
    name = "mean absolute energy error / eV" if error else f"R² of {score['label']}"
    x = alt.X(
        "alignment:Q",
        title=f"calibrated {card['metric']} to models of other families",
        scale=alt.Scale(zero=False, padding=50),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    # Better is up, whichever way the numbers run; errors differ by orders of magnitude.
    kind = (
        {"type": "log", "nice": False}
        if error and min(row["performance"] for row in [*rows, own]) > 0
        else {"zero": False}
    )
    y = alt.Y(
        "performance:Q",
        title=name,
        scale=alt.Scale(reverse=error, padding=22, **kind),
        axis=alt.Axis(tickCount=5, grid=False),
    )

    def up(row: Mapping[str, Any]) -> float:
        if not error:
            return float(row["performance"])
        return -float(np.log(row["performance"]) if "type" in kind else row["performance"])

    places = [(row["alignment"], up(row)) for row in [own, *rows]]
    own_side, *others = sides(places, [row["model"] for row in [own, *rows]], _WIDTH, _HEIGHT)
    for row, side in zip(rows, others, strict=True):
        row["side"] = side
    domain, colours = modality_scale([row["modality"] for row in rows])
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("performance:Q", title=name, format=".3f"),
            alt.Tooltip("alignment:Q", format=".3f"),
        ],
    )
    legend = alt.Legend(orient="top", title=None) if len(domain) > 1 else None
    colour = alt.Color("modality:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)
    mine = alt.Chart(alt.InlineData(values=[own]))
    layers = [base.mark_point(filled=True, size=90, opacity=1).encode(colour)]
    for value, axis in zip(card["diagnosis"]["median"] or (), ("y", "x"), strict=False):
        line = alt.Chart(alt.InlineData(values=[{"at": value}])).mark_rule(strokeDash=[4, 4], color=MUTED)
        layers.append(line.encode(**{axis: alt.Y("at:Q") if axis == "y" else alt.X("at:Q")}))
    layers += [
        mine.mark_rule(color=_OWN, strokeWidth=1.6).encode(x="left:Q", x2="right:Q", y="performance:Q"),
        mine.mark_rule(color=_OWN, strokeWidth=1.6).encode(x="alignment:Q", y="low:Q", y2="high:Q"),
        mine.mark_point(filled=True, shape="diamond", size=150, color=_OWN, opacity=1).encode(
            x="alignment:Q", y="performance:Q", tooltip=["model:N", alt.Tooltip("performance:Q", format=".3f")]
        ),
        mine.mark_text(fontSize=FONT + 1, fontWeight="bold", color=_OWN, **SIDES[own_side or "above"]).encode(
            x="alignment:Q", y="performance:Q", text="model:N"
        ),
    ]
    layers += names(base, rows)
    said = f"Scatter plot of performance against alignment of {card['model']} and {len(rows)} models of the panel."
    return alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_HEIGHT, description=said, config=config())
