"""Performance against alignment of many models, with the four quadrants of the study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from ._labels import names, sides
from .palette import INK, MUTED, config, modality_colour

_WIDTH, _HEIGHT = 460, 340
# Corner of each quadrant: x, y, and the alignment of its name. Better is up, more aligned is to the right.
_CORNERS: dict[str, tuple[float, float, dict[str, Any]]] = {
    "local optimum": (4, 6, {"align": "left", "baseline": "top"}),
    "foundational": (_WIDTH - 4, 6, {"align": "right", "baseline": "top"}),
    "sub-optimal": (4, _HEIGHT - 6, {"align": "left", "baseline": "bottom"}),
    "missing information": (_WIDTH - 4, _HEIGHT - 6, {"align": "right", "baseline": "bottom"}),
}


def quadrant_scatter(
    models: Sequence[Mapping[str, Any]],
    *,
    performance: str,
    alignment: str,
    higher_is_better: bool = True,
    median: tuple[float, float] | None = None,
) -> alt.LayerChart:
    """Return performance against alignment, each with its 95 % interval, and models of one family joined by a line.

    Better models are higher up, more aligned ones further to the right.

    Args:
        models: each with ``model``, ``family``, ``modality``, ``performance``, ``alignment`` and the ends of their
            intervals, ``low`` and ``high``, ``left`` and ``right``, which may be None.
        performance: title of the vertical axis.
        alignment: title of the horizontal axis.
        higher_is_better: whether a higher performance is better.
        median: performance and alignment at the borders of the quadrants, drawn dashed; default none.
    """
    ends = [row[key] for row in models for key in ("performance", "low", "high") if row[key] is not None]
    # Errors differ by orders of magnitude; a logarithmic axis cannot show values of zero or below.
    logarithmic = not higher_is_better and min(ends) > 0
    sign = 1 if higher_is_better else -1

    def height(value: float) -> float:
        return sign * (math.log(value) if logarithmic else value)

    across = [row[key] for row in models for key in ("alignment", "left", "right") if row[key] is not None]
    places = [(row["alignment"], height(row["performance"])) for row in models]
    # The axes extend to the ends of the intervals, so that these belong to what the names are placed in.
    places += [(end(across), end(map(height, ends))) for end in (min, max)]
    labelled = sides(places, [*(row["model"] for row in models), "", ""], _WIDTH, _HEIGHT)
    rows = [{**row, "side": side} for row, side in zip(models, labelled, strict=False)]
    scale: dict[str, Any] = {"type": "log", "nice": False} if logarithmic else {"zero": False}
    x = alt.X(
        "alignment:Q",
        title=alignment,
        scale=alt.Scale(zero=False, padding=36),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    y = alt.Y(
        "performance:Q",
        title=performance,
        scale=alt.Scale(reverse=not higher_is_better, padding=26, **scale),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    colour = modality_colour([row["modality"] for row in rows], legend=alt.Legend(orient="top", title=None))
    facts = [alt.Tooltip(f"{key}:N") for key in ("model", "family", "modality")]
    facts += [alt.Tooltip(f"{key}:Q", format=".3f") for key in ("performance", "alignment")]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y, tooltip=facts)
    bar: dict[str, Any] = {"color": MUTED, "strokeWidth": 1, "opacity": 0.45}
    layers = _quadrants(median)
    layers += [
        base.mark_rule(**bar)
        .transform_filter("isValid(datum.left)")
        .encode(x=alt.X("left:Q", title=alignment), x2="right:Q"),
        base.mark_rule(**bar)
        .transform_filter("isValid(datum.low)")
        .encode(y=alt.Y("low:Q", title=performance), y2="high:Q"),
        *_families(rows, x, y),
        base.mark_point(filled=True, size=85, opacity=1).encode(colour),
        *names(base, rows),
    ]
    text = f"Scatter plot of performance against alignment of {len(rows)} models."
    return alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_HEIGHT, description=text, config=config())


def _quadrants(median: tuple[float, float] | None) -> list[alt.Chart]:
    """Return the dashed borders and the names of the quadrants in the corners."""
    if median is None:
        return []
    layers = []
    for value, axis in zip(median, ("y", "x"), strict=True):
        line = alt.Chart(alt.InlineData(values=[{"at": value}])).mark_rule(strokeDash=[4, 4], color=MUTED)
        layers.append(line.encode(**{axis: alt.Y("at:Q") if axis == "y" else alt.X("at:Q")}))
    for name, (across, down, placed) in _CORNERS.items():
        label = alt.Chart(alt.InlineData(values=[{"quadrant": name}])).mark_text(
            text=name, x=across, y=down, fontSize=11, fontStyle="italic", color=MUTED, **placed
        )
        layers.append(label)
    return layers


def _families(rows: Sequence[Mapping[str, Any]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Return a layer of lines that join the models of each family of several, in the order of their alignment."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["family"]] = counts.get(row["family"], 0) + 1
    kept = [
        {"of": row["family"], "performance": row["performance"], "alignment": row["alignment"]}
        for row in rows
        if counts[row["family"]] > 1
    ]
    if not kept:
        return []
    base = alt.Chart(alt.InlineData(values=kept))
    return [base.mark_line(color=INK, strokeWidth=1, opacity=0.25, strokeDash=[2, 2]).encode(x=x, y=y, detail="of:N")]
