"""Tell in how many directions representations vary, and whether that is a narrow band."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import number, single_metrics, text
from ..console import print_table
from ..results import DimensionResult
from ._question import AnalysisInput
from ._words import interval, is_number, p_value

if TYPE_CHECKING:
    from ..figures import Figure


def data(question: AnalysisInput) -> DimensionResult | None:
    """Set the spread of the dimensions against that of the controls; None without an estimate of two models."""
    from hyle.engine.analysis import dimension_band

    comparison = question.comparison
    bands, labels = {}, {}
    for metric in single_metrics(comparison):
        if not metric.startswith("intrinsic_dimension"):
            continue
        values = comparison[metric].values
        real = [question.kinds[str(name)] != "control" for name in comparison["model"].values]
        if (np.isfinite(values) & (values > 0) & real).sum() > 1:
            bands[metric] = dimension_band(comparison, metric)
            labels[metric] = text(comparison[metric].attrs, "long_name") or metric
    scales = _scales(question) if question.scales else []
    return DimensionResult(bands, labels, scales, question.kinds) if bands or scales else None


def _scales(question: AnalysisInput) -> list[dict[str, Any]]:
    from hyle.engine import dimension_scales

    rows = []
    for name, x in question.embeddings.items():
        curve = dimension_scales(x, estimator="gride", k=min(64, len(x) - 1))
        for order, distance, value, error, n in zip(*map(np.asarray, curve), strict=True):
            row = {"model": name, "order": int(order), "distance": float(distance), "dimension": float(value)}
            rows.append(row | {"error": float(error), "n_used": int(n)})
    return rows


def sentences(found: DimensionResult) -> list[str]:
    """Say how far the dimensions of models lie apart, beside those of the controls."""
    if not found.bands:
        return []
    band = next(iter(found.bands.values()))
    if band.models < 3:
        return []
    said = f"The {band.models} models have dimensions about {number(band.middle, 1)}"
    said += f", give or take a factor of {_fold(band.spread)}"
    if is_number(band.low):
        said += f" ({_fold(band.low)} to {_fold(band.high)})"
    if not is_number(band.ratio):
        return [f"{said}."]
    numbers = (
        f"ratio of spreads {number(band.ratio, 2)}, {interval(band.ratio_low, band.ratio_high)}, {p_value(band.p)}"
    )
    if band.ratio_high < 1:
        return [f"{said}: a narrower band than that of the {band.controls} controls ({numbers})."]
    if band.ratio_low > 1:
        return [f"{said}: a wider band than that of the {band.controls} controls ({numbers})."]
    return [f"{said}; whether that is narrower than {band.controls} controls is not distinguishable ({numbers})."]


def _fold(spread: float) -> str:
    return f"{np.exp(spread):.2f}"


def show(found: DimensionResult) -> None:
    """Print the bands, and the scales."""
    rows = []
    for metric, band in found.bands.items():
        rows.append(
            (
                found.labels[metric],
                band.models,
                number(band.middle, 2),
                f"{_fold(band.spread)} ({_fold(band.low)} to {_fold(band.high)})" if is_number(band.low) else "–",
                _fold(band.noise) if is_number(band.noise) else "–",
                band.controls,
                f"{number(band.ratio, 2)} ({interval(band.ratio_low, band.ratio_high)})"
                if is_number(band.ratio)
                else "–",
                f"{band.p:.2g}" if is_number(band.p) else "–",
            )
        )
    if rows:
        click.echo("Band of the dimensions: geometric mean, times or by one standard deviation, beside the controls")
        headings = ("estimate", "models", "mean", "times or by (95 %)", "by error alone", "controls", "ratio", "p")
        print_table(headings, rows, right=headings[1:], keys=1)
    if found.scales:
        lines = [(r["model"], r["order"], number(r["dimension"], 2), number(r["error"], 2)) for r in found.scales]
        click.echo("Dimension at growing scales (GRIDE): order is n1, neighbour 2 n1 against n1")
        print_table(("model", "order", "dimension", "error"), lines, right=("order", "dimension", "error"))


def plain(found: DimensionResult) -> dict[str, Any]:
    """Return bands and scales for programs."""
    bands = {name: dataclasses.asdict(band) for name, band in found.bands.items()}
    return {"bands": bands, "scales": found.scales}


def figures(found: DimensionResult) -> dict[str, Figure]:
    """Return the dimension against the scale, where it was estimated; the bars are figures of every Comparison."""
    from ..figures import Figure, scale_curves

    if not found.scales:
        return {}
    caption = "A plateau is a dimension, a slope is a warning: noise raises the finest scales. Bands are 95 %."
    chart = scale_curves(found.scales, found.kinds)
    return {"dimension_scales": Figure(chart, "Dimension at growing scales", caption, "GRIDE, neighbour 2 n1 over n1")}
