"""Planar layouts of the representations, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from .palette import accents, config, deepening

if TYPE_CHECKING:
    from ..results import MapResult


def map_chart(result: MapResult, most: int) -> alt.FacetChart:
    """Return one map per model, of the same samples, at most `most` of them."""
    n = len(next(iter(result.planes.values())).place)
    drawn = np.sort(np.random.default_rng(0).permutation(n)[:most])
    rows: list[dict[str, Any]] = []
    for model, one in result.planes.items():
        colours = None if result.colour is None else result.colour[model]
        for i in drawn:
            row: dict[str, Any] = {"model": model, "sample": result.ids[i]}
            row |= {"x": round(float(one.place[i, 0]), 3), "y": round(float(one.place[i, 1]), 3)}
            if colours is not None:
                row["value"] = round(float(colours[i]), 5) if np.isfinite(colours[i]) else None
            rows.append(row)
    blank = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    points = alt.Chart().mark_point(filled=True, size=16, opacity=0.8)
    points = points.encode(
        x=alt.X("x:Q", title=None, axis=blank),
        y=alt.Y("y:Q", title=None, axis=blank),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("sample:N"), *([alt.Tooltip("value:Q")] if result.colour else [])],
    )
    values = [row["value"] for row in rows if row.get("value") is not None]
    if values:
        # A few extreme samples must not take up the whole scale.
        low, high = (float(v) for v in np.quantile(values, [0.02, 0.98]))
        scale = alt.Scale(domain=[low, high if high > low else low + 1], range=deepening(), clamp=True)
        legend = alt.Legend(title=result.coloured_by, orient="top", gradientLength=180)
        points = points.encode(color=alt.Color("value:Q", scale=scale, legend=legend))
    else:
        points = points.encode(color=alt.value(accents(1)[0]))
    facet = alt.Facet(
        "model:N", sort=list(result.planes), title=None, header=alt.Header(labelFontSize=12, labelAnchor="start")
    )
    maps = points.properties(width=150, height=150).facet(facet=facet, columns=4, data=alt.InlineData(values=rows))
    description = f"Maps of {len(result.planes)} representations by {result.method.upper()}, {len(drawn)} samples each"
    description += f", coloured by {result.coloured_by}." if values else "."
    return maps.resolve_scale(x="independent", y="independent").properties(
        spacing=12, description=description, config=config()
    )
