"""Performance against alignment of one model and the reference panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from ._labels import FONT, SIDES, names, sides
from .palette import MUTED, config, modality_scale

_WIDTH, _HEIGHT, _TARGET_COLOUR = 420, 280, "#cc3311"


def benchmark_scatter(card: Mapping[str, Any]) -> alt.LayerChart | None:
    """Return performance against alignment: models of the panel as points, the measured model as a diamond.

    The measured model has error bars of one standard error. Dashed lines are the borders of the quadrants: the medians
    of the panel, or the best controls where these are higher. Better models are higher up, more aligned ones further to
    the right. None where the model has no performance or no alignment.

    Args:
        card: as returned by `hyle.cli.benchmark.benchmark`.
    """
    score = card["sets"]["in"]["performance"]
    if not score or not math.isfinite(card["sets"]["in"]["alignment"][card["metric"]]["panel"]["value"] or 0.0):
        return None
    rows, target = _rows(card)
    x, y, height = _axes(card["metric"], score, [*rows, target])
    positions = [(row["alignment"], height(row["performance"])) for row in [target, *rows]]
    target_side, *others = sides(positions, [row["model"] for row in [target, *rows]], _WIDTH, _HEIGHT)
    for row, side in zip(rows, others, strict=True):
        row["side"] = side
    domain, colours = modality_scale([row["modality"] for row in rows])
    legend = alt.Legend(orient="top", title=None) if len(domain) > 1 else None
    colour = alt.Color("modality:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("performance:Q", title=_title(score), format=".3f"),
            alt.Tooltip("alignment:Q", format=".3f"),
        ],
    )
    layers = [base.mark_point(filled=True, size=90, opacity=1).encode(colour)]
    for value, axis in zip(card["diagnosis"]["median"] or (), ("y", "x"), strict=False):
        line = alt.Chart(alt.InlineData(values=[{"at": value}])).mark_rule(strokeDash=[4, 4], color=MUTED)
        layers.append(line.encode(**{axis: alt.Y("at:Q") if axis == "y" else alt.X("at:Q")}))
    layers += _target_layers(target, target_side or "above")
    layers += names(base, rows)
    text = f"Scatter plot of performance against alignment of {card['model']} and {len(rows)} models of the panel."
    return alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_HEIGHT, description=text, config=config())


def _rows(card: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the models of the panel that have a performance, and the measured model with its error bars."""
    inside = card["sets"]["in"]
    score, alignment = inside["performance"], inside["alignment"][card["metric"]]["panel"]
    rows = [
        {
            "model": name,
            "modality": member["modality"],
            "performance": member["performance"],
            "alignment": member["alignment"]["value"],
        }
        for name, member in inside["panel"]["models"].items()
        if member["performance"] is not None
    ]
    alignment_se, score_se = alignment["se"] or 0.0, score["se"] or 0.0
    # A logarithmic axis cannot show values of zero or below.
    least = 0.1 * score["value"] if score["kind"] == "energy" else -float("inf")
    target = {
        "model": card["model"],
        "performance": score["value"],
        "alignment": alignment["value"],
        "left": alignment["value"] - alignment_se,
        "right": alignment["value"] + alignment_se,
        "low": max(score["value"] - score_se, least),
        "high": score["value"] + score_se,
    }
    return rows, target


def _title(score: Mapping[str, Any]) -> str:
    return "mean absolute energy error / (eV/atom)" if score["kind"] == "energy" else f"R² of {score['label']}"


def _axes(
    metric: str, score: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> tuple[alt.X, alt.Y, Callable[[float], float]]:
    """Return the axes of alignment and of performance, with better always up.

    The third is the function from a performance to a number that is linear in its height, for the label positions.
    """
    error = score["kind"] == "energy"
    # Errors differ by orders of magnitude.
    logarithmic = error and min(row["performance"] for row in rows) > 0
    kind: dict[str, Any] = {"type": "log", "nice": False} if logarithmic else {"zero": False}
    x = alt.X(
        "alignment:Q",
        title=f"calibrated {metric} to models of other families, beyond composition",
        scale=alt.Scale(zero=False, padding=50),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    y = alt.Y(
        "performance:Q",
        title=_title(score),
        scale=alt.Scale(reverse=error, padding=22, **kind),
        axis=alt.Axis(tickCount=5, grid=False),
    )

    def height(performance: float) -> float:
        value = math.log(performance) if logarithmic else float(performance)
        return -value if error else value

    return x, y, height


def _target_layers(target: dict[str, Any], side: str) -> list[alt.Chart]:
    """Return the layers of the measured model: both error bars, the diamond and its name."""
    base = alt.Chart(alt.InlineData(values=[target]))
    bar = base.mark_rule(color=_TARGET_COLOUR, strokeWidth=1.6)
    diamond = base.mark_point(filled=True, shape="diamond", size=150, color=_TARGET_COLOUR, opacity=1)
    label = base.mark_text(fontSize=FONT + 1, fontWeight="bold", color=_TARGET_COLOUR, **SIDES[side])
    return [
        bar.encode(x="left:Q", x2="right:Q", y="performance:Q"),
        bar.encode(x="alignment:Q", y="low:Q", y2="high:Q"),
        diamond.encode(
            x="alignment:Q", y="performance:Q", tooltip=["model:N", alt.Tooltip("performance:Q", format=".3f")]
        ),
        label.encode(x="alignment:Q", y="performance:Q", text="model:N"),
    ]
