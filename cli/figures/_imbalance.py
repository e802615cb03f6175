"""Information-imbalance planes: of pairs of models, and of single models against all others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names, read_scores
from ._labels import LONGEST_OF_PAIR, names, shorten_name, sides
from .palette import MUTED, config, modality_colour, pair_encoding, pair_kind

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Information

IMBALANCE = "information_imbalance"
# The shortest axis of the plane of single models.
_SHORTEST = 0.2


def imbalance_plane(comparison: xr.Dataset, *, scores: Mapping[str, PairScores] | None = None) -> alt.LayerChart:
    """Return the imbalances of both directions against each other, one point per pair.

    The x axis is the direction with the lower imbalance, from the model that predicts the other better. The pairs that
    predict each other best are named, and those whose directions differ most.

    Args:
        comparison: with ``information_imbalance``.
        scores: the scores of the comparison, if they were read already.
    """
    scores = read_scores(comparison) if scores is None else scores
    values = scores[IMBALANCE].values
    models, kinds = model_names(comparison), modalities(comparison)
    rows: list[dict[str, Any]] = []
    for i, j in itertools.combinations(range(len(models)), 2):
        a, b = (i, j) if values[i, j] <= values[j, i] else (j, i)
        if np.isfinite(values[a, b]) and np.isfinite(values[b, a]):
            row: dict[str, Any] = {"model": models[a], "other": models[b], "x": float(values[a, b])}
            row |= {"y": float(values[b, a]), "control": CONTROL in (kinds[i], kinds[j])}
            row |= {"pair": f"{models[a]} → {models[b]}", "kind": pair_kind(kinds[a], kinds[b])}
            row["label"] = " → ".join(shorten_name(models[k], LONGEST_OF_PAIR) for k in (a, b))
            rows.append(row)
    real = [i for i, row in enumerate(rows) if not row["control"]] or list(range(len(rows)))
    closest = sorted(real, key=lambda i: rows[i]["x"] + rows[i]["y"])[:2]
    unequal = sorted(real, key=lambda i: rows[i]["x"] - rows[i]["y"])[:3]
    labels = [row["label"] if i in {*closest, *unequal} else "" for i, row in enumerate(rows)]
    at, end = [(row["x"], row["y"]) for row in rows], 1.05 * max((row["y"] for row in rows), default=1.0)
    corners = [(0.0, 0.0), (end, end)]
    for row, label, side in zip(
        rows, labels, sides([*at, *corners], [*labels, "", ""], 400, 320, (0, 0)), strict=False
    ):
        row["side"] = side if label else ""
    start, ticks = alt.Scale(domain=[0, end], nice=False), alt.Axis(tickCount=6)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("x:Q", title="imbalance from the better predictor", scale=start, axis=ticks),
        y=alt.Y("y:Q", title="imbalance in the reverse direction", scale=start, axis=ticks),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("x:Q", title="forward", format=".3f"),
            alt.Tooltip("y:Q", title="back", format=".3f"),
        ],
    )
    points = base.mark_point(filled=True, size=64, opacity=0.85).encode(**pair_encoding([row["kind"] for row in rows]))
    layers = [_diagonal(end), *([points] if rows else []), *names(base, rows, "label")]
    description = (
        f"Information-imbalance plane of {len(rows)} pairs of models; both directions are equal on the diagonal."
    )
    return alt.LayerChart(layer=layers).properties(width=400, height=320, description=description, config=config())


def information_plane(rows: Sequence[Information], kinds: Mapping[str, str]) -> alt.LayerChart:
    """Return the mean imbalance from the others against that to the others, one point per model."""
    points: list[dict[str, Any]] = [
        {"model": one.model, "modality": kinds.get(one.model, "unknown"), "to_others": one.imbalance_to_others}
        | {"from_others": one.imbalance_from_others, "effective_rank": one.effective_rank, "state": one.state or "–"}
        for one in rows
        if np.isfinite(one.imbalance_to_others) and np.isfinite(one.imbalance_from_others)
    ]
    real = [p for p in points if p["modality"] != CONTROL] or points
    low = 0.95 * min(min(p["to_others"], p["from_others"]) for p in real)
    high = max(max(p["to_others"], p["from_others"]) for p in real)
    high += 0.08 * (high - low or 1.0)
    # A few close models would otherwise look far apart.
    widen = max(0.0, _SHORTEST - (high - low))
    low, high = max(0.0, low - widen / 2), high + widen / 2
    # Controls, such as noise, can be so far from the models that these would share one spot: draw them at the edge.
    for point in points:
        point["x"], point["y"] = (min(max(point[axis], low), high) for axis in ("to_others", "from_others"))
        point["outside"] = (point["x"], point["y"]) != (point["to_others"], point["from_others"])
        point["shown"] = shorten_name(point["model"])
        if point["outside"]:
            point["shown"] += f" ({point['to_others']:.2f}, {point['from_others']:.2f})"
    _separate([point for point in points if point["outside"]], 0.07 * (high - low))
    # With the corners of the chart, so that the label positions match the drawn ones.
    at = [(p["x"], p["y"]) for p in points] + [(low, low), (high, high)]
    for point, side in zip(points, sides(at, [*(p["shown"] for p in points), "", ""], 400, 320, (0, 0)), strict=False):
        point["side"] = side
    scale, axis = alt.Scale(domain=[low, high], nice=False, zero=False), alt.Axis(tickCount=5)
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("x:Q", title="mean imbalance to the others", scale=scale, axis=axis),
        y=alt.Y("y:Q", title="mean imbalance from the others", scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("to_others:Q", title="to the others", format=".3f"),
            alt.Tooltip("from_others:Q", title="from the others", format=".3f"),
            alt.Tooltip("effective_rank:Q", title="effective rank", format=".1f"),
            alt.Tooltip("state:N", title="state"),
        ],
    )
    colour = modality_colour([p["modality"] for p in points], legend=alt.Legend(orient="top", title=None))
    inside = base.transform_filter("!datum.outside").mark_point(filled=True, size=100, opacity=1).encode(color=colour)
    outside = base.transform_filter("datum.outside").mark_point(shape="triangle-right", size=90, strokeWidth=2)
    layers = [inside] * any(not p["outside"] for p in points)
    layers += [outside.encode(color=colour)] * any(p["outside"] for p in points)
    description = f"Scatter plot of the mean information imbalance of {len(points)} models to and from the others."
    return alt.LayerChart(layer=[_diagonal(high, low), *layers, *names(base, points, "shown")]).properties(
        width=400, height=320, description=description, config=config()
    )


def _separate(points: list[dict[str, Any]], step: float) -> None:
    """Move points at the edge of the chart down where one would hide another."""
    drawn: list[tuple[float, float]] = []
    for point in points:
        while any(abs(point["x"] - x) < step and abs(point["y"] - y) < 0.99 * step for x, y in drawn):
            point["y"] -= step
        drawn.append((point["x"], point["y"]))


def _diagonal(end: float, start: float = 0.0) -> alt.Chart:
    line = alt.Chart(alt.InlineData(values=[{"x": start, "y": start}, {"x": end, "y": end}]))
    return line.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1, clip=True).encode(x="x:Q", y="y:Q")
