"""Trends of alignment, dimension and error with the size of models."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, model_names, number, per_model, single_metrics, text
from ..console import print_table
from ..results import ScaleResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, evidence, interval, is_number, is_significant

if TYPE_CHECKING:
    from hyle.engine.analysis import Trend

    from ..figures import Figure

ALL = "all models"
UNKNOWN = "unknown"
# Fewest models of a panel.
MIN_MODELS = 6


def compute(question: AnalysisInput) -> ScaleResult | None:
    """Fit trends of alignment, dimension and error with size, over families and in each family of three sizes.

    A trend within one family is a description without p. None where the models have fewer than three different sizes.
    """
    from hyle.engine.analysis import scale_trend

    names = model_names(question.comparison)
    sizes = question.sizes or {
        name: float(count)
        for name, count in zip(names, per_model(question.comparison, "parameters"), strict=True)
        if count is not None and count > 0
    }
    place = [i for i, name in enumerate(names) if name in sizes and question.kinds[name] != CONTROL]
    if len({sizes[names[i]] for i in place}) < 3:
        return None
    rows: list[dict[str, Any]] = [
        {"model": names[i], "family": question.families[names[i]] or UNKNOWN, "size": sizes[names[i]], "quantity": q}
        | {"value": values[i]}
        for q, values in _quantities(question, place).items()
        for i in place
        if is_number(values[i])
    ]
    families = sorted({row["family"] for row in rows})
    groups = [ALL, *(name for name in families if name != UNKNOWN and len(families) > 1)]
    trends = {}
    for quantity in dict.fromkeys(row["quantity"] for row in rows):
        for group in groups:
            points = [r for r in rows if r["quantity"] == quantity and group in (ALL, r["family"])]
            if len({r["size"] for r in points}) < 3:
                continue
            families = ["" if r["family"] == UNKNOWN else r["family"] for r in points]
            trends[group, quantity] = scale_trend(
                [r["size"] for r in points], [r["value"] for r in points], families=families
            )
    return ScaleResult(trends, rows, question.size, question.kinds) if trends else None


def _quantities(question: AnalysisInput, place: list[int]) -> dict[str, np.ndarray]:
    """Return the quantities to fit against size, [m] each: mean alignment to the others, dimensions, errors."""
    alignment = question.score.mutual.copy()
    np.fill_diagonal(alignment, np.nan)
    to_others = alignment[:, place]
    count = np.isfinite(to_others).sum(1)
    mean = np.where(count > 0, np.nansum(to_others, 1) / np.maximum(count, 1), np.nan)
    quantities = {f"mean {question.score.label}": mean}
    for metric in single_metrics(question.comparison):
        label = text(question.comparison[metric].attrs, "long_name") or metric.replace("_", " ")
        quantities[label] = question.comparison[metric].values.astype(float)
    if question.probes:
        names = model_names(question.comparison)
        errors = [question.probes[n].mae if n in question.probes else np.nan for n in names]
        quantities[f"error of a probe of {question.label}"] = np.array(errors)
    return quantities


def summarise(result: ScaleResult) -> list[str]:
    """Return the trends whose p-value, corrected for their number, is at most 0.05, or why none is tested."""
    lines = []
    tested = _tested(result)
    for (_, quantity), one in tested.items():
        if is_significant(one.p * len(tested)):
            verb = "rises" if one.slope > 0 else "falls"
            slope = f"{number(one.slope, 3)} for tenfold {result.size}"
            lines.append(f"The {quantity} {verb} with {result.size} over families ({slope}, {evidence(one, one.n)}).")
    if not tested:
        one = max(result.trends.values(), key=lambda trend: trend.families)
        lines.append(NotSignificant(f"Whether anything changes with {result.size} is {evidence(one, one.n)}."))
    elif not lines:
        count = f"{len(tested)} trend" + ("s" if len(tested) > 1 else "")
        line = f"Of {count} with {result.size} over families none is distinguishable from chance."
        lines.append(NotSignificant(line))
    return lines


def _tested(result: ScaleResult) -> dict[tuple[str, str], Trend]:
    return {key: one for key, one in result.trends.items() if is_number(one.p)}


def print_result(result: ScaleResult) -> None:
    """Print every trend with n, interval and p-value."""
    click.echo(f"Change for tenfold {result.size}")
    lines = []
    for (group, quantity), one in result.trends.items():
        ends = interval(one.low, one.high, 3)
        slope = number(one.slope, 3) if is_number(one.slope) else "–"
        p = f"{one.p:.2g}" if is_number(one.p) else "–"
        lines.append((group, quantity, one.n, one.families, slope, ends, p, f"{one.smallest_p:.2g}"))
    headings = ("family", "quantity", "models", "families", "slope", "interval", "p", "smallest p")
    print_table(headings, lines, right=headings[2:], keys=2)
    click.echo("p and interval are over families, of which at least 6 are needed; trends within a family have none")


def to_dict(result: ScaleResult) -> list[dict[str, Any]]:
    """Return the trends as plain data."""
    return [
        {"family": group, "quantity": quantity, "size": result.size, **dataclasses.asdict(one)}
        for (group, quantity), one in result.trends.items()
    ]


def make_figures(result: ScaleResult) -> dict[str, Figure]:
    """Return each quantity of at least `MIN_MODELS` models against size, with a line where the trend is significant."""
    from ..figures import NOT_SIGNIFICANT, SIGNIFICANT, Figure, trend_chart

    tested = _tested(result)
    significant = {key for key, one in tested.items() if is_significant(one.p * len(tested))}
    counts = Counter(row["quantity"] for row in result.rows)
    quantities = [quantity for quantity, count in counts.items() if count >= MIN_MODELS]
    if not quantities:
        return {}
    caption = (
        f"Each point is a model. A line is drawn only where a trend over families is significant after correction for "
        f"the number of quantities; the change for tenfold {result.size} is above each panel. Models of different "
        "makers differ in more than their size."
    )
    recipe = "least squares against the base-10 logarithm; p and 95 % interval by permutation of families"
    shown = SIGNIFICANT if significant else NOT_SIGNIFICANT
    chart = trend_chart(result, quantities, significant)
    return {"scale": Figure(chart, f"What changes with {result.size}?", caption, recipe, shown)}


ANALYSIS = Analysis(
    name="scale",
    question="What changes with the size of models?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
