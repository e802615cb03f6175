"""Alignment against the distance of samples from a first set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from ..comparison import number
from .palette import INK, MUTED, accents, config

if TYPE_CHECKING:
    from ..results import DoseResult


def dose_chart(result: DoseResult) -> alt.LayerChart:
    """Return the alignment of the models, and of controls with them, on the first set and in bins of the second."""
    found, (response,) = result.found, result.found.responses
    places = ["first set", *(f"{number(float(low), 1)} to {number(float(high), 1)}" for low, high in found.bins)]
    rows = [
        {
            "place": place,
            "order": i,
            "who": who,
            "value": float(values[i]),
            "low": float(values[i] - sd[i]),
            "high": float(values[i] + sd[i]),
        }
        for who, values, sd in (
            ("models", response.values, response.sd),
            *((f"{name} with models", values, 0 * values) for name, values in response.controls.items()),
        )
        for i, place in enumerate(places)
    ]
    names = list(dict.fromkeys(str(row["who"]) for row in rows))
    colours = [accents(1)[0], MUTED, INK][: len(names)]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "place:N", sort=places, title="log distance from the first set", axis=alt.Axis(labelAngle=0, grid=False)
        ),
        color=alt.Color(
            "who:N", scale=alt.Scale(domain=names, range=colours), legend=alt.Legend(orient="top", title=None)
        ),
        tooltip=[alt.Tooltip("who:N"), alt.Tooltip("place:N"), alt.Tooltip("value:Q", format=".3f")],
    )
    y = alt.Y("value:Q", title=f"{result.label} beyond chance")
    # The first set is no bin of the second: no line leads to it.
    inside = base.transform_filter("datum.order > 0")
    layers = [
        inside.mark_line(strokeWidth=2).encode(y=y),
        base.mark_rule().encode(y="low:Q", y2="high:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=y),
    ]
    description = f"{result.label} beyond chance in {len(places) - 1} bins of samples by their distance."
    return alt.LayerChart(layer=layers).properties(width=400, height=240, description=description, config=config())
