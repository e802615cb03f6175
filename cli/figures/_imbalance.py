"""Information-imbalance planes: of pairs of models, and of single models against all others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names, read_scores
from ._labels import names, sides
from .palette import MUTED, config, modality_colour, score_scale

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Information

IMBALANCE = "information_imbalance"


def imbalance_plane(
    comparison: xr.Dataset, by: str | None = None, *, scores: Mapping[str, PairScores] | None = None
) -> alt.LayerChart:
    """Return the imbalances of both directions against each other, one point per pair.

    The x axis is the direction with the lower imbalance, from the model that predicts the other better.

    Args:
        comparison: with ``information_imbalance``.
        by: pair metric that colours the points; default no colour.
        scores: the scores of the comparison, if they were read already.
    """
    scores = read_scores(comparison) if scores is None else scores
    values = scores[IMBALANCE].values
    models, kinds = model_names(comparison), modalities(comparison)
    score = scores[by] if by else None
    rows: list[dict[str, Any]] = []
    for i, j in itertools.combinations(range(len(models)), 2):
        a, b = (i, j) if values[i, j] <= values[j, i] else (j, i)
        if np.isfinite(values[a, b]) and np.isfinite(values[b, a]):
            row: dict[str, Any] = {"model": models[a], "other": models[b], "x": float(values[a, b])}
            row |= {"y": float(values[b, a]), "control": CONTROL in (kinds[i], kinds[j])}
            row |= {"pair": f"{models[a]} → {models[b]}"}
            row |= {"alignment": float(score.mutual[i, j])} if score is not None else {}
            rows.append(row)
    start, ticks = alt.Scale(domainMin=0), alt.Axis(tickCount=6)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("x:Q", title="imbalance from the better predictor", scale=start, axis=ticks),
        y=alt.Y("y:Q", title="imbalance in the reverse direction", scale=start, axis=ticks),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("x:Q", title="forward", format=".3f"),
            alt.Tooltip("y:Q", title="back", format=".3f"),
            *([alt.Tooltip("alignment:Q", title=score.label, format=".3f")] if score is not None else []),
        ],
    )
    controls = base.transform_filter("datum.control").mark_point(shape="cross", size=40, filled=True, color=MUTED)
    points = base.transform_filter("!datum.control").mark_point(filled=True, size=80, opacity=1, strokeWidth=0.7)
    points = points.encode(stroke=alt.value(MUTED))
    if score is not None:
        domain, colours = score_scale(score.origin, score.best, score.origin)
        scale = alt.Scale(domain=domain, range=colours, clamp=True, interpolate="lab")
        points = points.encode(color=alt.Color("alignment:Q", scale=scale, legend=alt.Legend(title=score.label)))
    present = {row["control"] for row in rows}
    layers = [_diagonal(1.0), controls] if True in present else [_diagonal(1.0)]
    layers += [points] * (False in present)
    description = (
        f"Information-imbalance plane of {len(rows)} pairs of models; both directions are equal on the diagonal."
    )
    return alt.LayerChart(layer=layers).properties(width=360, height=320, description=description, config=config())


def information_plane(rows: Sequence[Information], kinds: Mapping[str, str]) -> alt.LayerChart:
    """Return the mean imbalance from the others against that to the others, one point per model."""
    points: list[dict[str, Any]] = [
        {"model": one.model, "modality": kinds.get(one.model, "unknown"), "to_others": one.imbalance_to_others}
        | {"from_others": one.imbalance_from_others, "effective_rank": one.effective_rank, "state": one.state or "–"}
        for one in rows
        if np.isfinite(one.imbalance_to_others) and np.isfinite(one.imbalance_from_others)
    ]
    low = 0.95 * min(min(p["to_others"], p["from_others"]) for p in points)
    high = 1.05 * max(max(p["to_others"], p["from_others"]) for p in points)
    # With the corners of the chart, so that the label positions match the drawn ones.
    at = [(p["to_others"], p["from_others"]) for p in points] + [(low, low), (high, high)]
    for point, side in zip(points, sides(at, [*(p["model"] for p in points), "", ""], 440, 300), strict=False):
        point["side"] = "" if side == "left" else side  # the axis labels are there
    scale = alt.Scale(domain=[low, high], nice=False)
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("to_others:Q", title="mean imbalance to the others", scale=scale),
        y=alt.Y("from_others:Q", title="mean imbalance from the others", scale=scale),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("to_others:Q", title="to the others", format=".3f"),
            alt.Tooltip("from_others:Q", title="from the others", format=".3f"),
            alt.Tooltip("effective_rank:Q", title="effective rank", format=".1f"),
            alt.Tooltip("state:N", title="state"),
        ],
    )
    colour = modality_colour([p["modality"] for p in points], legend=alt.Legend(orient="top", title=None))
    dots = base.mark_point(filled=True, size=100, opacity=1).encode(color=colour)
    description = f"Scatter plot of the mean information imbalance of {len(points)} models to and from the others."
    return alt.LayerChart(layer=[_diagonal(high, low), dots, *names(base, points)]).properties(
        width=440, height=300, description=description, config=config()
    )


def _diagonal(end: float, start: float = 0.0) -> alt.Chart:
    line = alt.Chart(alt.InlineData(values=[{"x": start, "y": start}, {"x": end, "y": end}]))
    return line.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1, clip=True).encode(x="x:Q", y="y:Q")
