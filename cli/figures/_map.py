"""Representations laid out in a plane, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from .palette import accents, config, deepening

if TYPE_CHECKING:
    from ..results import MapResult


def map_chart(found: MapResult, most: int) -> alt.FacetChart:
    """Return one picture a model, the same samples in each, at most so many."""
    n = len(next(iter(found.planes.values())).place)
    drawn = np.sort(np.random.default_rng(0).permutation(n)[:most])
    rows: list[dict[str, Any]] = []
    for model, one in found.planes.items():
        colours = None if found.colour is None else found.colour[model]
        for i in drawn:
            row: dict[str, Any] = {"model": model, "sample": found.ids[i]}
            row |= {"x": round(float(one.place[i, 0]), 3), "y": round(float(one.place[i, 1]), 3)}
            if colours is not None:
                row["value"] = round(float(colours[i]), 5) if np.isfinite(colours[i]) else None
            rows.append(row)
    blank = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    points = alt.Chart().mark_point(filled=True, size=16, opacity=0.8)
    points = points.encode(
        x=alt.X("x:Q", title=None, axis=blank),
        y=alt.Y("y:Q", title=None, axis=blank),
        tooltip=[alt.Tooltip("model:N"), alt.Tooltip("sample:N"), *([alt.Tooltip("value:Q")] if found.colour else [])],
    )
    known = [row["value"] for row in rows if row.get("value") is not None]
    if known:
        # A few extreme samples must not take the whole scale.
        low, high = (float(v) for v in np.quantile(known, [0.02, 0.98]))
        scale = alt.Scale(domain=[low, high if high > low else low + 1], range=deepening(), clamp=True)
        legend = alt.Legend(title=found.coloured_by, orient="top", gradientLength=180)
        points = points.encode(color=alt.Color("value:Q", scale=scale, legend=legend))
    else:
        points = points.encode(color=alt.value(accents(1)[0]))
    facet = alt.Facet(
        "model:N", sort=list(found.planes), title=None, header=alt.Header(labelFontSize=12, labelAnchor="start")
    )
    whole = points.properties(width=150, height=150).facet(facet=facet, columns=4, data=alt.InlineData(values=rows))
    said = f"Maps of {len(found.planes)} representations by {found.method.upper()}, {len(drawn)} samples each"
    said += f", coloured by {found.coloured_by}." if known else "."
    return whole.resolve_scale(x="independent", y="independent").properties(
        spacing=12, description=said, config=config()
    )
