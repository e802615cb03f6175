"""Error of models against their alignment to the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from ..comparison import TRAINED, number
from ._labels import names, sides
from .palette import MUTED, config, modality_colour

if TYPE_CHECKING:
    from hyle.engine.analysis import Convergence

    from ..results import ConvergenceResult

_WIDTH, _HEIGHT = 400, 300


def convergence_scatter(result: ConvergenceResult) -> alt.LayerChart:
    """Return error against alignment, one point per model, with the correlation as the title.

    Models of the best model's own family are rings.
    """
    one, others = result.runs["all"], set(result.runs["other_families"].models)
    rows: list[dict[str, Any]] = [
        {"model": model, "shown": f"{model} {TRAINED}" if model in result.trained else model}
        | {"modality": result.kinds.get(model, "unknown"), "alignment": float(a), "error": float(e)}
        | {"family_of_best": model not in others}
        for model, e, a in zip(one.models, one.error, one.alignment, strict=True)
    ]
    placed = sides([(r["alignment"], r["error"]) for r in rows], [r["model"] for r in rows], _WIDTH, _HEIGHT)
    for row, side in zip(rows, placed, strict=True):
        row["side"] = side
    reference = ", ".join(one.reference)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("alignment:Q", title=f"{result.metric}, to {reference}", scale=alt.Scale(zero=False, padding=50)),
        y=alt.Y("error:Q", title=result.error, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5)),
        tooltip=[
            alt.Tooltip("shown:N", title="model"),
            alt.Tooltip("error:Q", title=result.error, format=".3f"),
            alt.Tooltip("alignment:Q", title=f"to {reference}", format=".3f"),
        ],
    )
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    filled = base.transform_filter("!datum.family_of_best").mark_point(filled=True, size=110, opacity=1)
    rings = base.transform_filter("datum.family_of_best").mark_point(size=100, strokeWidth=2.4)
    layers = [filled.encode(color=colour)] * any(not r["family_of_best"] for r in rows)
    layers += [rings.encode(color=colour)] * any(r["family_of_best"] for r in rows)
    which = "all" if others == set(one.models) else "other families"
    titles = _titles(result.runs["other_families"], which)
    title = alt.TitleParams(titles, fontSize=12, fontWeight="normal", color=MUTED)
    description = f"Scatter plot of {result.error} against {result.metric} to {reference} for {len(rows)} models. "
    description += "; ".join(titles) + "."
    return alt.LayerChart(layer=[*layers, *names(base, rows)]).properties(
        width=_WIDTH, height=_HEIGHT, title=title, description=description, config=config()
    )


def _titles(one: Convergence, models: str) -> list[str]:
    n = f"{models}: n = {one.n} models of {one.families} families"
    if one.p != one.p:
        return [f"{n}, inconclusive"]
    ends = f"{number(one.low, 2)} to {number(one.high, 2)}"
    return [f"rank correlation over families {number(one.correlation, 2)} (95 % {ends}), p = {one.p:.2g}", n]
