"""A statistic under many specifications, in the order of its value, with the choices behind each below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from .palette import INK, MUTED, accents, config

WIDTH = 560


def specification_curve(
    rows: Sequence[Mapping[str, Any]], choices: Sequence[str], title: str, *, null: float, smallest: float
) -> alt.VConcatChart:
    """Return the curve of one statistic.

    Args:
        rows: of the specifications: ``value``, ``low`` and ``high`` (None without an interval), ``lowest`` and
            ``highest`` without one of the families (None if none was left out), ``registered``, and a text for each of
            the choices.
        choices: names of the choices, a band of marks for each.
        title: of the axis of the values.
        null: value if there is no effect, a line.
        smallest: smallest effect that would matter, another line.
    """
    ordered = sorted(rows, key=lambda row: row["value"])
    data = [{**row, "place": place} for place, row in enumerate(ordered)]
    x = alt.X("place:Q", axis=None, scale=alt.Scale(domain=[-1, len(data)], nice=False))
    base = alt.Chart(alt.InlineData(values=data)).encode(x=x)
    accent = accents(1)[0]
    ends = [
        row[end]
        for row in data
        for end in ("low", "value", "high", "lowest", "highest")
        if row[end] is not None and row[end] == row[end]
    ]
    y = alt.Y(
        "value:Q",
        title=title,
        scale=alt.Scale(domain=[min([*ends, null, smallest]), max([*ends, null, smallest])], nice=True),
    )
    tooltip = [alt.Tooltip("value:Q", format=".3f"), *(alt.Tooltip(f"{name}:N") for name in choices)]
    lines = alt.Chart(
        alt.InlineData(values=[{"at": null, "name": "no effect"}, {"at": smallest, "name": "smallest that matters"}])
    ).encode(y="at:Q")
    curve = alt.layer(
        base.transform_filter("isValid(datum.low)").mark_rule(color=MUTED, opacity=0.35).encode(y="low:Q", y2="high:Q"),
        base.transform_filter("isValid(datum.lowest)")
        .mark_rule(color=MUTED, strokeWidth=2.5)
        .encode(y="lowest:Q", y2="highest:Q"),
        lines.mark_rule(color=INK, strokeDash=[5, 4]),
        lines.mark_text(align="left", dx=4, dy=-5, x=0, fontSize=11, color=INK).encode(text="name:N"),
        base.mark_point(filled=True, size=22, opacity=1).encode(
            y=y,
            color=alt.condition("datum.registered", alt.value(accent), alt.value(INK)),
            size=alt.condition("datum.registered", alt.value(150), alt.value(18)),
            tooltip=tooltip,
        ),
    ).properties(width=WIDTH, height=220)
    bands = [
        base.mark_tick(thickness=1.2, height=9, color=INK, opacity=0.7)
        .encode(y=alt.Y(f"{name}:N", title=name, axis=alt.Axis(domain=False, ticks=False, grid=False)))
        .properties(width=WIDTH, height=alt.Step(13))
        for name in choices
    ]
    description = f"{title} under {len(data)} specifications, in the order of the value."
    chart: alt.VConcatChart = alt.vconcat(curve, *bands, spacing=6)
    return chart.properties(description=description, config=config())
