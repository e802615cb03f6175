"""Heat maps of the scores of each pair of models for the rows of each label, such as an element."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from ..comparison import ByLabel, PairScores, model_names, number, read_scores
from .palette import INK, ON_STRONG, config, score_scale

STEP = 34.0


def by_label_chart(result: ByLabel) -> alt.VConcatChart:
    """Return a heat map for each pair metric: pairs of models in rows, labels in columns, deep at the best score."""
    first = next(iter(result.comparisons.values()))
    maps = [_heat_map(result, metric, model_names(first)) for metric in read_scores(first)]
    return alt.vconcat(*maps).resolve_scale(color="independent").configure(**config())


def _heat_map(result: ByLabel, metric: str, names: list[str]) -> Any:
    scores = result.scores(metric)
    pairs = scores[0].pairs()
    means = [float(np.nanmean([each.strength[pair] for each in scores])) for pair in pairs]
    order = [_pair_name(scores[0], pairs[i], names) for i in np.argsort(means)[::-1].tolist()]
    rows = [row for label, score in zip(result.columns, scores, strict=True) for row in _cells(score, label, names)]
    chart = alt.Chart(alt.InlineData(values=rows))
    x = alt.X("label:N", sort=result.columns, title=result.kind, axis=alt.Axis(orient="top", labelAngle=-45))
    y = alt.Y("pair:N", sort=order, title=None)
    level = float(np.nanmedian([score.origin for score in scores]))
    worst = min([level, *(row["value"] for row in rows if row["value"] is not None)])
    domain, colours = score_scale(level, scores[0].best, worst)
    colour = alt.Color(
        "value:Q", scale=alt.Scale(domain=domain, range=colours, clamp=True), legend=alt.Legend(title=scores[0].label)
    )
    strong = alt.condition("datum.strength > 0.55", alt.value(ON_STRONG), alt.value(INK))
    cells = chart.mark_rect(cornerRadius=2).encode(x, y, colour)
    text = chart.mark_text(fontSize=11).encode(x, y, text="shown:N", color=strong)
    return alt.layer(cells, text).properties(width=alt.Step(STEP), height=alt.Step(STEP * 0.7), title=scores[0].label)


def _cells(score: PairScores, label: str, names: list[str]) -> list[dict[str, Any]]:
    rows = []
    for pair in score.pairs():
        value = float(score.values[pair])
        rows.append(
            {
                "label": label,
                "pair": _pair_name(score, pair, names),
                "value": value if np.isfinite(value) else None,
                "strength": float(score.strength[pair]) if np.isfinite(value) else None,
                "shown": number(value, 2) + score.mark(pair) if np.isfinite(value) else "–",
            }
        )
    return rows


def _pair_name(score: PairScores, pair: tuple[int, int], names: list[str]) -> str:
    return f"{names[pair[0]]} {'→' if score.directed else '–'} {names[pair[1]]}"
