"""Heat map of one pair metric over all models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..comparison import PairScores, marked_names, modalities, model_names, number, read_scores, text
from ._order import order_models
from .palette import INK, MUTED, ON_STRONG, SELF, config, modality_scale, score_scale

if TYPE_CHECKING:
    import xarray as xr

_PRINTED = 16
"""The largest number of models whose scores still fit into their cells."""


def heat_map(
    comparison: xr.Dataset,
    metric: str,
    *,
    scores: Mapping[str, PairScores] | None = None,
    order: Sequence[str] | None = None,
) -> alt.LayerChart:
    """Return the heat map of `metric`: pale at the chance level, deep at the best value, whether high or low.

    Both axes are in the order of `order_models`, the same for every metric. For a directed metric, a cell is the score
    from the model of its row to that of its column. The diagonal, a model with itself, is grey; a pair without a score
    is marked by a dash. Where the chance level differs between pairs, the colour shows the distance of each score from
    the chance level of its pair. Scores and order are those of the comparison; pass them if they are at hand.
    """
    scores = read_scores(comparison) if scores is None else scores
    score, order = scores[metric], list(order_models(comparison, scores) if order is None else order)
    step = max(9.0, min(40.0, 600.0 / len(order)))
    cells = alt.Chart(alt.InlineData(values=_cells(comparison, score))).transform_calculate(**_constants(score))
    to, start = ("to", "from") if score.directed else (None, None)
    x = alt.X("other:N", sort=order, title=to, axis=_axis(step, orient="top", labelAngle=-45))
    y = alt.Y("model:N", sort=order, title=start, axis=_axis(step))
    layers: list[alt.Chart] = [
        cells.transform_filter("datum.kind === 'score'")
        .mark_rect(cornerRadius=2)
        .encode(x, y, color=_colour(score), tooltip=_tooltip(score, text(comparison.attrs, "strata_kind"))),
        cells.transform_filter("datum.kind === 'self'")
        .mark_rect(cornerRadius=2, color=SELF)
        .encode(x, y, tooltip=[alt.Tooltip("pair:N", title="itself"), alt.Tooltip("shown:N", title=score.label)]),
        cells.transform_filter("datum.kind === 'undefined'")
        .mark_text(text="–", color=MUTED)
        .encode(x, y, tooltip=_tooltip(score, text(comparison.attrs, "strata_kind"))),
    ]
    if len(order) <= _PRINTED:
        ink = alt.condition("datum.strength > 0.55", alt.value(ON_STRONG), alt.value(INK))
        printed = cells.transform_filter("datum.kind === 'score'").mark_text(fontSize=min(11.5, step / 3.2))
        layers.append(
            printed.encode(
                x, y, text="shown:N", color=ink, tooltip=_tooltip(score, text(comparison.attrs, "strata_kind"))
            )
        )
    layers += _strips(comparison, x, y)
    chart = alt.LayerChart(layer=layers).resolve_scale(color="independent")
    sizes = {"width": alt.Step(step), "height": alt.Step(step)}
    return chart.properties(**sizes, description=_description(comparison, score), config=config())


def _cells(comparison: xr.Dataset, score: PairScores) -> list[dict[str, Any]]:
    names, shown = model_names(comparison), marked_names(comparison)
    # Each of these properties computes a matrix.
    strengths, excesses, differs = score.strength, score.excess, score.chance_differs
    weak = score.not_significant
    rows = []
    for i, model in enumerate(names):
        for j, other in enumerate(names):
            value, chance = score.values[i, j], score.chance[i, j]
            strength, excess = strengths[i, j], excesses[i, j]
            defined = bool(np.isfinite(value))
            row = {"model": model, "other": other, "value": float(value) if defined else None}
            row["kind"] = "self" if i == j else "score" if defined else "undefined"
            row["shown"] = number(value, 2) + (score.mark((i, j)) if weak[i, j] else "") if defined else "not defined"
            row["exact"] = number(value, 4) if defined else "not defined"
            row["chance"] = number(chance, 4) if np.isfinite(chance) else score.chance_text
            if np.isfinite(score.q[i, j]):
                row["q"] = f"{score.q[i, j]:.2g}"
                row["calibrated"] = number(score.calibrated[i, j], 3)
            if np.isfinite(score.low[i, j]):
                row["interval"] = f"{number(score.low[i, j], 3)} to {number(score.high[i, j], 3)}"
            if np.isfinite(score.raw[i, j]):
                row["raw"] = number(score.raw[i, j], 3)
            if np.isfinite(score.beyond[i, j]):
                row["beyond"] = f"{number(score.beyond[i, j], 3)} (p = {score.strata_p[i, j]:.2g})"
            row["strength"] = float(strength) if defined else None
            if differs:
                row["excess"] = float(excess) if defined else None
            row["pair"] = f"{shown[i]} {'→' if score.directed else '–'} {shown[j]}" if i != j else shown[i]
            rows.append(row)
    return rows


def _recipe(score: PairScores) -> dict[str, str]:
    """Return the further facts about a score for its tooltip, besides the value and its chance level."""
    fields = {
        "k": score.k,
        "n": score.n,
        "estimator": score.estimator,
        "neighbours by": score.neighbour_metric,
        **score.recipe,
    }
    return {title: str(value) for title, value in fields.items() if value not in (None, "")}


def _constants(score: PairScores) -> dict[str, str]:
    # Store these once as an expression instead of in each of the M x M rows.
    return {f"recipe_{i}": json.dumps(value) for i, value in enumerate(_recipe(score).values())}


def _tooltip(score: PairScores, strata: str) -> list[alt.Tooltip]:
    fixed = {"pair": "models", "exact": score.label, "chance": "chance level"}
    if score.permutations:
        fixed |= {"q": "q, over all pairs", "calibrated": "calibrated"}
    if np.isfinite(score.low).any():
        fixed["interval"] = "95 % interval"
    if np.isfinite(score.raw).any():
        fixed["raw"] = "before covariates"
    if np.isfinite(score.beyond).any():
        fixed["beyond"] = f"beyond {strata or 'strata'}"
    recipe = {f"recipe_{i}": title for i, title in enumerate(_recipe(score))}
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in (fixed | recipe).items()]


def _axis(step: float, **options: Any) -> alt.Axis:
    size = max(7.0, min(12.0, step * 0.8))
    return alt.Axis(
        domain=False,
        ticks=False,
        grid=False,
        labelFontSize=size,
        offset=13,
        labelPadding=2,
        labelOverlap=False,
        **options,
    )


def _colour(score: PairScores) -> alt.Color:
    per_pair = score.chance_differs
    shown = score.excess if per_pair else score.values
    off_diagonal = shown[~np.eye(len(shown), dtype=bool)]
    values = [float(v) for v in off_diagonal[np.isfinite(off_diagonal)]]
    level, best = (0.0, abs(score.best - score.origin)) if per_pair else (score.origin, score.best)
    worst = min([0.0, *values]) if best > level else max([level, *values])
    domain, colours = score_scale(level, best, worst)
    marks = [level] + [level + (best - level) * share for share in (0.25, 0.5, 0.75, 1)]
    round_marks = [level] + [t for t in (0, 0.25, 0.5, 0.75, 1) if min(domain) <= t <= max(domain)]
    spacing = 0.07 * (max(domain) - min(domain))
    marks = round_marks if max(domain) <= 1 and min(domain) >= -1 else marks
    marks = [level] + [t for t in marks if abs(t - level) > spacing]
    at_level = "  chance" if np.isfinite(score.level) else ""
    label = f"format(datum.value, '.2f') + (abs(datum.value - {level!r}) < 1e-9 ? '{at_level}' : '')"
    title = [score.label, "minus chance level"] if per_pair else score.label
    scale = alt.Scale(domain=domain, range=colours, clamp=True, interpolate="lab")
    legend = alt.Legend(title=title, values=marks, labelExpr=label, gradientLength=190, gradientThickness=12)
    return alt.Color("excess:Q" if per_pair else "value:Q", scale=scale, legend=legend)


def _strips(comparison: xr.Dataset, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    kinds = modalities(comparison)
    if set(kinds) == {"unknown"}:
        return []
    domain, colours = modality_scale(kinds)
    pairs = zip(model_names(comparison), kinds, strict=True)
    rows = [{"model": name, "other": name, "modality": kind} for name, kind in pairs]
    colour = alt.Color(
        "modality:N",
        scale=alt.Scale(domain=domain, range=colours),
        legend=alt.Legend(title="modality", symbolType="square", symbolSize=110),
    )
    strip = alt.Chart(alt.InlineData(values=rows)).mark_rect(cornerRadius=1)
    strip = strip.encode(tooltip=[alt.Tooltip("model:N"), alt.Tooltip("modality:N")])
    return [
        strip.encode(colour, y=y, x=alt.value(-11), x2=alt.value(-5)),
        strip.encode(colour.legend(None), x=x, y=alt.value(-11), y2=alt.value(-5)),
    ]


def _description(comparison: xr.Dataset, score: PairScores) -> str:
    names = model_names(comparison)
    defined = [(i, j) for i, j in score.pairs() if np.isfinite(score.values[i, j])]
    lower = "" if score.higher_is_better else "; lower is more similar"
    description = f"Heat map of {score.label} between {len(names)} models; chance level {score.chance_said}{lower}."
    if not defined:
        return description
    strength = score.strength
    i, j = max(defined, key=lambda p: strength[p])
    joint = "to" if score.directed else "and"
    return f"{description} Strongest pair: {names[i]} {joint} {names[j]}, {number(score.values[i, j], 2)}."
