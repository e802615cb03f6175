"""The key figures of the report: up to three numbers below the headline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..comparison import CONTROL, NOT_SIGNIFICANT, number, per_model, text
from ..figures import dimensions
from ._panel import Pair, Panel, control_name, plain_label
from ._rows import count_significant, short


@dataclass(frozen=True)
class KeyFigure:
    """One number above the fold, with what it is and which models it is of."""

    value: str
    title: str
    note: str
    interval: str = ""


def key_figures(panel: Panel) -> list[KeyFigure]:
    """Return the best pair, the best control, and the mean dimension, or else the number of significant pairs."""
    score, figures = panel.score, []
    if panel.best:
        i, j = panel.best
        where = "best pair between modalities" if panel.across else "best pair of models"
        note = (
            f"{panel.names[i]} ({panel.kinds[i]}) and {panel.names[j]} ({panel.kinds[j]})"
            if panel.across
            else (f"{panel.names[i]} and {panel.names[j]}")
        )
        figures.append(_figure(panel, panel.best, f"{where}, {plain_label(score)}", note))
    if panel.control:
        i, j = sorted(panel.control, key=lambda index: panel.kinds[index] != CONTROL)
        title = f"best control, {plain_label(score)}"
        figures.append(_figure(panel, panel.control, title, f"{control_name(panel.names[i])} with {panel.names[j]}"))
    if dimension := _dimension(panel):
        figures.append(dimension)
    elif significant := count_significant(score, panel.real):
        count, _, total = significant.partition(" of ")
        note = f"of {total}; above chance with q ≤ {score.alpha:g}"
        figures.append(KeyFigure(count, "significant pairs of models", note))
    elif np.isfinite(score.level):
        figures.append(KeyFigure(number(score.level, 2), "chance level", f"{plain_label(score)} of unrelated models"))
    return figures[:3]


def _dimension(panel: Panel) -> KeyFigure | None:
    """Return the geometric mean over families of the intrinsic dimensions of the models, and their range."""
    metric = next(iter(dimensions(panel.comparison)), None)
    if metric is None:
        return None
    logs: dict[str, list[float]] = {}
    families = per_model(panel.comparison, "family")
    columns = (panel.names, panel.kinds, families, panel.comparison[metric].values.astype(float))
    for name, kind, family, value in zip(*columns, strict=True):
        if kind != CONTROL and np.isfinite(value) and value > 0:
            logs.setdefault(str(family or name), []).append(math.log(value))
    values = [math.exp(v) for members in logs.values() for v in members]
    if len(values) < 3:
        return None
    title = "mean intrinsic dimension of the models"
    label = text(panel.comparison[metric].attrs, "estimator") or short(panel.comparison, metric)
    ends = f"{number(min(values), 1)} to {number(max(values), 1)}"
    # As in the band of dimensions, models of one family count once.
    mean = math.exp(float(np.mean([np.mean(members) for members in logs.values()])))
    return KeyFigure(number(mean, 1), title, label, f"range {ends}")


def _figure(panel: Panel, pair: Pair, title: str, note: str) -> KeyFigure:
    score = panel.score
    ends = ""
    if np.isfinite(score.low[pair]):
        ends = f"95 % {number(score.low[pair], 2)} to {number(score.high[pair], 2)}"
    if mark := score.mark(pair):
        note += ", not significant" if mark == NOT_SIGNIFICANT else ", too few permutations for a test"
    return KeyFigure(number(score.values[pair], 2), title, note, ends)
