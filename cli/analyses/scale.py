"""Tell what grows or falls with the size of models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, model_names, number, per_model, single_metrics, text
from ..console import print_table
from ..results import ScaleResult
from ._question import AnalysisInput
from ._words import interval, is_number, p_value

if TYPE_CHECKING:
    from ..figures import Figure

ALL = "all models"


def data(question: AnalysisInput) -> ScaleResult | None:
    """Fit alignment, dimension and error against size in each family of three sizes, and over all models.

    None where no three models have sizes of their own.
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
        {"model": names[i], "family": question.families[names[i]] or "unknown", "size": sizes[names[i]], "quantity": q}
        | {"value": values[i]}
        for q, values in _quantities(question, place).items()
        for i in place
        if is_number(values[i])
    ]
    families = sorted({row["family"] for row in rows})
    groups = [ALL, *(name for name in families if name != "unknown" and len(families) > 1)]
    trends = {}
    for quantity in dict.fromkeys(row["quantity"] for row in rows):
        for group in groups:
            own = [r for r in rows if r["quantity"] == quantity and group in (ALL, r["family"])]
            if len({r["size"] for r in own}) < 3:
                continue
            trends[group, quantity] = scale_trend([r["size"] for r in own], [r["value"] for r in own])
    return ScaleResult(trends, rows, question.size, question.kinds) if trends else None


def _quantities(question: AnalysisInput, place: list[int]) -> dict[str, np.ndarray]:
    """Return what is set against size, [m] each: mean alignment to the others, dimension, errors."""
    near = question.score.mutual.copy()
    np.fill_diagonal(near, np.nan)
    inner = near[:, place]
    count = np.isfinite(inner).sum(1)
    mean = np.where(count > 0, np.nansum(inner, 1) / np.maximum(count, 1), np.nan)
    found = {f"mean {question.score.label}": mean}
    for metric in single_metrics(question.comparison):
        label = text(question.comparison[metric].attrs, "long_name") or metric.replace("_", " ")
        found[label] = question.comparison[metric].values.astype(float)
    if question.probes:
        names = model_names(question.comparison)
        errors = [question.probes[n].mae if n in question.probes else np.nan for n in names]
        found[f"error of a probe of {question.label}"] = np.array(errors)
    return found


def sentences(found: ScaleResult) -> list[str]:
    """Name the trends whose intervals do not hold zero, p corrected for how many were looked at."""
    lines = []
    for (group, quantity), one in found.trends.items():
        if is_number(one.low) and one.p * len(found.trends) <= 0.05 and (one.low > 0 or one.high < 0):
            verb = "rises" if one.slope > 0 else "falls"
            numbers = (
                f"{number(one.slope, 3)} for tenfold {found.size}, {interval(one.low, one.high, 3)}, {p_value(one.p)}"
            )
            lines.append(f"The {quantity} {verb} with {found.size} in {group} ({numbers}, n = {one.n} models).")
    if not lines:
        count = f"{len(found.trends)} trend" + ("s" if len(found.trends) > 1 else "")
        lines.append(f"Of {count} with {found.size} none is distinguishable from chance.")
    return lines


def show(found: ScaleResult) -> None:
    """Print every trend with n, interval and p."""
    click.echo(f"Change for tenfold {found.size}")
    lines = []
    for (group, quantity), one in found.trends.items():
        ends = interval(one.low, one.high, 3)
        lines.append((group, quantity, one.n, number(one.slope, 3), ends, f"{one.p:.2g}" if is_number(one.p) else "–"))
    headings = ("family", "of", "models", "slope", "interval", "p")
    print_table(headings, lines, right=headings[2:], keys=2)


def plain(found: ScaleResult) -> list[dict[str, Any]]:
    """Return the trends for programs."""
    return [
        {"family": group, "quantity": quantity, "size": found.size, **dataclasses.asdict(one)}
        for (group, quantity), one in found.trends.items()
    ]


def figures(found: ScaleResult) -> dict[str, Figure]:
    """Return each quantity against size."""
    from ..figures import Figure, trend_chart

    caption = (
        f"Each point is a model. Lines are fitted, dashed to all models and whole to one family: the change for "
        f"tenfold {found.size} stands above, with 95 %. Models of many makers differ in more than their size."
    )
    recipe = "straight lines against the base-10 logarithm, 95 % of normal errors"
    return {"scale": Figure(trend_chart(found), f"What goes with {found.size}", caption, recipe)}
