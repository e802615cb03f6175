"""Error of models against their alignment to the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from ..comparison import number
from ._labels import names, sides
from .palette import MUTED, config, modality_colour

if TYPE_CHECKING:
    from ..results import ConvergenceResult

_WIDTH, _HEIGHT = 440, 300


def convergence_scatter(found: ConvergenceResult) -> alt.LayerChart:
    """Return one point a model, a ring where it is of the best model's own family; the correlation is the title."""
    one, others = found.runs["all"], set(found.runs["other_families"].models)
    rows: list[dict[str, Any]] = [
        {"model": model, "modality": found.kinds.get(model, "unknown"), "alignment": float(a), "error": float(e)}
        | {"family_of_best": model not in others}
        for model, e, a in zip(one.models, one.error, one.alignment, strict=True)
    ]
    placed = sides([(r["alignment"], r["error"]) for r in rows], [r["model"] for r in rows], _WIDTH, _HEIGHT)
    for row, side in zip(rows, placed, strict=True):
        row["side"] = side
    reference = ", ".join(one.reference)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("alignment:Q", title=f"{found.metric}, to {reference}", scale=alt.Scale(zero=False, padding=50)),
        y=alt.Y("error:Q", title=found.error, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("error:Q", title=found.error, format=".3f"),
            alt.Tooltip("alignment:Q", title=f"to {reference}", format=".3f"),
        ],
    )
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    filled = base.transform_filter("!datum.family_of_best").mark_point(filled=True, size=110, opacity=1)
    rings = base.transform_filter("datum.family_of_best").mark_point(size=100, strokeWidth=2.4)
    layers = [filled.encode(color=colour)] * any(not r["family_of_best"] for r in rows)
    layers += [rings.encode(color=colour)] * any(r["family_of_best"] for r in rows)
    titles = [_title(one, "all")]
    if others != set(one.models):
        titles.append(_title(found.runs["other_families"], "other families"))
    title = alt.TitleParams(titles, fontSize=12, fontWeight="normal", color=MUTED)
    said = f"Scatter plot of {found.error} against {found.metric} to {reference} for {len(rows)} models. "
    said += "; ".join(titles) + "."
    return alt.LayerChart(layer=[*layers, *names(base, rows)]).properties(
        width=_WIDTH, height=_HEIGHT, title=title, description=said, config=config()
    )


def _title(one: Any, who: str) -> str:
    if one.correlation != one.correlation:
        return f"{who}: n = {one.n}, too few for a correlation"
    ends = f"{number(one.low, 2)} to {number(one.high, 2)}"
    return f"{who}: rank correlation {number(one.correlation, 2)} (95 % {ends}), p = {one.p:.2g}, n = {one.n}"
