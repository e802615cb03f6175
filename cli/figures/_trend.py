"""Quantities of models against their size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from ._palette import config, modality_colour

if TYPE_CHECKING:
    from ..analyses.scale import Found


def trend_chart(found: Found) -> alt.FacetChart:
    """Return one picture a quantity, one point a model, and lines within families."""
    rows = [row | {"modality": found.kinds.get(row["model"], "unknown")} for row in found.rows]
    quantities = list(dict.fromkeys(row["quantity"] for row in rows))
    base = alt.Chart().encode(
        x=alt.X(
            "size:Q", title=found.size, scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=5, grid=False)
        ),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("family:N"),
            alt.Tooltip("size:Q", title=found.size, format=".3s"),
            alt.Tooltip("value:Q", format=".3f"),
        ],
    )
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    several = base.transform_joinaggregate(of_family="count()", groupby=["family", "quantity"])
    lines = several.transform_filter("datum.of_family > 1").mark_line(strokeWidth=1.2, opacity=0.7)
    lines = lines.encode(color=colour, detail="family:N")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(color=colour)
    said = f"Scatter plots of {len(quantities)} quantities of {len({r['model'] for r in rows})} models against {found.size}."
    chart = alt.layer(lines, points).properties(width=270, height=190)
    facet = alt.Facet(
        "quantity:N", sort=quantities, title=None, header=alt.Header(labelFontSize=12, labelAnchor="start")
    )
    whole = chart.facet(facet=facet, columns=2, data=alt.InlineData(values=rows))
    return whole.resolve_scale(y="independent").properties(description=said, config=config())
