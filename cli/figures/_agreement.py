"""Local against global alignment, one point per pair of models."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names, number, read_scores
from ._labels import LONGEST_OF_PAIR, names, outliers, shorten_name, sides
from .palette import MUTED, config, modality_scale, pair_encoding, pair_kind

if TYPE_CHECKING:
    import xarray as xr


def agreement_scatter(
    comparison: xr.Dataset, x: str = "cka", y: str = "cknna", *, scores: Mapping[str, PairScores] | None = None
) -> alt.LayerChart:
    """Return a scatter plot of metric `y` against metric `x`, one point per pair, with both chance levels as lines.

    More similar pairs are to the right and up, also for a metric that is best when small. For a directed metric, the
    point is the mean of both directions. Colour and shape show whether the models have the same modality. The most
    similar pairs are named, and those whose two ranks differ most. A pair without one of the two scores is excluded.
    """
    scores = read_scores(comparison) if scores is None else scores
    first, second = scores[x], scores[y]
    rows = _rows(comparison, first, second)
    _name_outliers(rows, first, second)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("x:Q", title=_title(first), scale=_scale(first), axis=alt.Axis(tickCount=6)),
        y=alt.Y("y:Q", title=_title(second), scale=_scale(second), axis=alt.Axis(tickCount=6)),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("modalities:N"),
            alt.Tooltip("x_shown:N", title=first.label),
            alt.Tooltip("y_shown:N", title=second.label),
        ],
    )
    points = base.mark_point(filled=True, size=64, opacity=0.85).encode(**pair_encoding([row["kind"] for row in rows]))
    description = f"Scatter plot of {second.label} against {first.label} for {len(rows)} pairs of models."
    # Vega logs a warning in the browser console for a layer without data.
    layers = [*_chance_lines(first, second), *([points] if rows else []), *names(base, rows, "label")]
    return alt.LayerChart(layer=layers).properties(width=400, height=320, description=description, config=config())


def _name_outliers(rows: list[dict[str, Any]], first: PairScores, second: PairScores) -> None:
    """Set ``side`` of each row: where the name of an outlier is placed, empty for all other pairs."""
    models = [i for i, row in enumerate(rows) if not row["control"]] or list(range(len(rows)))
    x, y = (
        [rows[i][axis] * (1 if score.higher_is_better else -1) for i in models]
        for axis, score in (("x", first), ("y", second))
    )
    named = {models[i] for i in outliers(x, y)}
    at = [
        (row["x"] * (1 if first.higher_is_better else -1), row["y"] * (1 if second.higher_is_better else -1))
        for row in rows
    ]
    labels = [row["label"] if i in named else "" for i, row in enumerate(rows)]
    corners: list[tuple[float, float]] = [(0.0, 0.0)] if first.higher_is_better and second.higher_is_better else []
    placed = sides([*at, *corners], [*labels, *[""] * len(corners)], 400, 320, padding=(4, 4))
    for i, (row, side) in enumerate(zip(rows, placed, strict=False)):
        row["side"] = side if i in named else ""


def _title(score: PairScores) -> str:
    return (
        score.label + (", both directions" if score.directed else "") + ("" if score.higher_is_better else ", falling")
    )


def _scale(score: PairScores) -> alt.Scale:
    return alt.Scale(zero=True, reverse=not score.higher_is_better)


def _shown(score: PairScores, i: int, j: int) -> str:
    values = [score.values[i, j], score.values[j, i]] if score.directed else [score.values[i, j]]
    chance = score.chance[i, j]
    chance_text = f"chance {number(chance, 3)}" if np.isfinite(chance) else "no chance level"
    return f"{' / '.join(number(value, 3) for value in values)} ({chance_text})"


def _rows(comparison: xr.Dataset, first: PairScores, second: PairScores) -> list[dict[str, Any]]:
    names, kinds = model_names(comparison), modalities(comparison)
    rank = {kind: i for i, kind in enumerate(modality_scale(kinds)[0])}
    rows = []
    for i, j in itertools.combinations(range(len(names)), 2):
        a, b = first.mutual[i, j], second.mutual[i, j]
        if not (np.isfinite(a) and np.isfinite(b)):
            continue
        inner, outer = sorted((kinds[i], kinds[j]), key=rank.__getitem__)
        row: dict[str, Any] = {"model": names[i], "other": names[j], "x": float(a), "y": float(b)}
        row |= {"inner": inner, "outer": outer, "control": CONTROL in (inner, outer)}
        row["kind"] = pair_kind(inner, outer)
        row |= {"pair": f"{names[i]} – {names[j]}", "modalities": f"{inner} – {outer}"}
        row["label"] = " – ".join(shorten_name(names[k], LONGEST_OF_PAIR) for k in (i, j))
        row |= {"x_shown": _shown(first, i, j), "y_shown": _shown(second, i, j)}
        rows.append(row)
    return rows


def _chance_lines(first: PairScores, second: PairScores) -> list[alt.Chart]:
    lines = []
    for name, score in (("x", first), ("y", second)):
        if not np.isfinite(score.level):
            continue
        data = alt.Chart(alt.InlineData(values=[{name: score.level}]))
        label = data.mark_text(text="chance", fontSize=11, color=MUTED, align="left", dx=5, y=6)
        at: alt.X | alt.Y = alt.X("x:Q", title=_title(score))
        if name == "y":
            label = data.mark_text(text="chance", fontSize=11, color=MUTED, align="right", dy=-7, x="width")
            at = alt.Y("y:Q", title=_title(score))
        lines += [data.mark_rule(strokeDash=[5, 4], color=MUTED).encode(at), label.encode(at)]
    return lines
