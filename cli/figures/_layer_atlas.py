"""Every layer of every model against every other, and agreement with depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import number
from ._labels import shorten_name
from .palette import INK, MUTED, RULE, SELF, config, modality_colour, score_scale

if TYPE_CHECKING:
    from ..results import LayerResult

_SIDE = 560
_WIDTH, _HEIGHT = 360, 240


def layer_map(result: LayerResult) -> alt.LayerChart:
    """Return the heat map of all layers: models in order, the layers of each from the first to the last.

    Pale is the chance level; cells of a layer with itself are grey. A line separates models, whose names stand at their
    blocks.
    """
    atlas, count = result.atlas, len(result.layers)
    step = max(4.0, min(26.0, _SIDE / count))
    names = [f"{atlas.models[m]} · {layer}" for m, layer in zip(atlas.model_of, result.layers, strict=True)]
    cells = [
        {
            "x": j,
            "x2": j + 1,
            "y": i,
            "y2": i + 1,
            "layer": names[i],
            "other": names[j],
            "value": float(result.values[i, j]) if np.isfinite(result.values[i, j]) else None,
            "excess": float(result.excess[i, j]) if np.isfinite(result.excess[i, j]) else None,
        }
        for i in range(count)
        for j in range(count)
        if i != j
    ]
    itself = [{"x": i, "x2": i + 1, "y": i, "y2": i + 1} for i in range(count)]
    starts = [int(np.flatnonzero(atlas.model_of == m)[0]) for m in range(len(atlas.models))]
    ends = [*starts[1:], count]
    shown = result.excess[~np.eye(count, dtype=bool)]
    shown = shown[np.isfinite(shown)]
    top = max(1.0, float(shown.max(initial=0.0)))
    domain, colours = score_scale(0.0, top, min(0.0, float(shown.min(initial=0.0))))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, count], nice=False, padding=0))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, count], reverse=True, nice=False, padding=0))
    legend = alt.Legend(title=[result.metric, "minus chance level"], gradientLength=190, gradientThickness=12)
    colour = alt.Color("excess:Q", legend=legend, scale=alt.Scale(domain=domain, range=colours, clamp=True))
    tooltip = [
        alt.Tooltip("layer:N"),
        alt.Tooltip("other:N"),
        alt.Tooltip("value:Q", title=result.metric, format=".3f"),
        alt.Tooltip("excess:Q", title="above chance", format=".3f"),
    ]
    rules = [{"at": at, "low": 0, "high": count} for at in [*starts, count]]
    rule = alt.Chart(alt.InlineData(values=rules)).mark_rule(color=MUTED, strokeWidth=0.8)
    blocks = [
        {"shown": shorten_name(model, 20), "middle": (start + end) / 2}
        for model, start, end in zip(atlas.models, starts, ends, strict=True)
    ]
    label = alt.Chart(alt.InlineData(values=blocks))
    font = 11.5 if min(end - start for start, end in zip(starts, ends, strict=True)) * step >= 12 else 9.5
    layers = [
        alt.Chart(alt.InlineData(values=cells)).mark_rect().encode(x, y, colour, x2="x2:Q", y2="y2:Q", tooltip=tooltip),
        alt.Chart(alt.InlineData(values=itself)).mark_rect(color=SELF).encode(x, y, x2="x2:Q", y2="y2:Q"),
        rule.encode(x=alt.X("at:Q", axis=None), y=alt.Y("low:Q", axis=None), y2="high:Q"),
        rule.encode(y=alt.Y("at:Q", axis=None), x=alt.X("low:Q", axis=None), x2="high:Q"),
        label.mark_text(align="right", dx=-7, fontSize=font, color=INK).encode(
            x=alt.value(0), y=alt.Y("middle:Q", axis=None), text="shown:N"
        ),
        label.mark_text(align="left", angle=315, dx=4, dy=-6, fontSize=font, color=INK).encode(
            x=alt.X("middle:Q", axis=None), y=alt.value(0), text="shown:N"
        ),
    ]
    off = shown.max(initial=0.0)
    description = (
        f"Heat map of {result.metric} between {count} layers of {len(atlas.models)} models; at most "
        f"{number(float(off), 2)} above the chance level."
    )
    side = step * count
    return alt.LayerChart(layer=layers).properties(width=side, height=side, description=description, config=config())


def layer_curves(result: LayerResult) -> alt.ConcatChart:
    """Return two panels against relative depth: agreement with other families, and the depth that matches best."""
    atlas = result.atlas
    rows = []
    for row, model in enumerate(atlas.model_of):
        if np.isfinite(atlas.depth[row]) and np.isfinite(atlas.agreement[row]):
            name = atlas.models[model]
            facts = {"model": name, "modality": result.kinds[name], "layer": result.layers[row]}
            values = {"depth": atlas.depth[row], "agreement": atlas.agreement[row], "best": atlas.best_depth[row]}
            rows.append(facts | {key: float(value) if np.isfinite(value) else None for key, value in values.items()})
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    rings = _rings(result, rows)
    title = f"{result.metric}, " + (f"beyond {result.beyond}" if result.beyond else "minus chance level")
    above = alt.LayerChart(
        layer=[*_lines(rows, "agreement", title, colour), *_ends(rows, "agreement", 0.0)]
        + ([_points(rings, colour)] if rings else [])
    ).properties(width=_WIDTH, height=_HEIGHT)
    diagonal = alt.Chart(alt.InlineData(values=[{"depth": 0, "best": 0}, {"depth": 1, "best": 1}]))
    diagonal = diagonal.mark_line(color=RULE, strokeDash=[4, 4]).encode(x="depth:Q", y="best:Q")
    matched = [row for row in rows if row["best"] is not None]
    below = alt.LayerChart(
        layer=[
            diagonal,
            *_lines(matched, "best", "relative depth of the best-matching layer", colour),
            *_ends(matched, "best", 1.0),
        ]
    ).properties(width=_WIDTH, height=_HEIGHT)
    mean = atlas.mean.value
    where = f"; on average half of the maximum is reached at depth {number(mean, 2)}" if mean == mean else ""
    description = f"Line charts of the agreement of {len({row['model'] for row in rows})} models with depth{where}."
    panels: alt.ConcatChart = alt.concat(above, below, columns=2, spacing=60)
    return panels.properties(description=description, config=config())


def _lines(rows: Sequence[dict[str, Any]], field: str, title: str, colour: alt.Color) -> list[alt.Chart]:
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(
        x=alt.X("depth:Q", title="relative depth", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5)),
        y=alt.Y(f"{field}:Q", title=title, axis=alt.Axis(tickCount=5)),
        detail="model:N",
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("layer:N"),
            alt.Tooltip("depth:Q", title="relative depth", format=".2f"),
            alt.Tooltip(f"{field}:Q", title=title, format=".3f"),
        ],
    )
    return [base.mark_line(strokeWidth=1.8, point={"size": 26}).encode(color=colour)]


def _ends(rows: Sequence[dict[str, Any]], field: str, top: float) -> list[alt.Chart]:
    """Return the names of the models at the ends of their lines, one below the other where these are close."""
    last = {row["model"]: row for row in rows}
    if not last:
        return []
    values = [row[field] for row in rows]
    extent = max(*values, top) - min(*values, 0.0) or 1.0
    gap = 13 / _HEIGHT * extent
    placed: list[dict[str, Any]] = []
    for row in sorted(last.values(), key=lambda row: -row[field]):
        at = min(row[field], placed[-1]["at"] - gap) if placed else row[field]
        placed.append({"shown": shorten_name(row["model"], 20), "depth": row["depth"], "at": at})
    text = alt.Chart(alt.InlineData(values=placed)).mark_text(align="left", dx=7, fontSize=10.5, color=INK)
    return [text.encode(x="depth:Q", y="at:Q", text="shown:N")]


def _rings(result: LayerResult, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a point on the curve of each model, at its mean depth of half the maximum."""
    rings = []
    for model, depth in zip(result.atlas.models, result.atlas.by_model, strict=True):
        own = [row for row in rows if row["model"] == model]
        if own and depth == depth:
            value = np.interp(depth, [row["depth"] for row in own], [row["agreement"] for row in own])
            rings.append({"model": model, "modality": result.kinds[model], "depth": depth, "agreement": float(value)})
    return rings


def _points(rings: list[dict[str, Any]], colour: alt.Color) -> alt.Chart:
    tooltip = [alt.Tooltip("model:N"), alt.Tooltip("depth:Q", title="half of the maximum at", format=".2f")]
    base = alt.Chart(alt.InlineData(values=rings)).mark_point(size=130, strokeWidth=2)
    return base.encode(x="depth:Q", y="agreement:Q", color=colour, tooltip=tooltip)
