"""Intrinsic dimensions of the representations, and whether they lie in a narrow band."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import number, single_metrics, text
from ..console import print_table
from ..results import DimensionResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import excludes, interval, is_number, units

if TYPE_CHECKING:
    from hyle.engine.analysis import DimensionBand

    from ..figures import Figure


def compute(question: AnalysisInput) -> DimensionResult | None:
    """Measure the band of the dimensions, and compare it with a control; None without estimates of two models."""
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


def summarise(result: DimensionResult) -> list[str]:
    """Return middle and spread of the dimensions over families, and how the closest control compares."""
    if not result.bands:
        return []
    band = next(iter(result.bands.values()))
    if band.models < 3:
        return []
    text = f"The {units(band.models, band.families)} have a mean intrinsic dimension of {number(band.middle, 1)}"
    if is_number(band.spread):
        text += f", from which families deviate by a factor of {_fold(band.spread)} on average"
    text += f" (95 % {_fold(band.low)} to {_fold(band.high)})" if is_number(band.low) else " (too few for an interval)"
    return [f"{text}.", _against_control(band)] if band.control else [f"{text}."]


def _against_control(band: DimensionBand) -> str:
    control = f"{band.control}, the closest of {band.controls} controls, has {number(band.control_value, 1)}"
    ratio = f"the mean of the models is {number(band.over_control, 2)} times that"
    if not is_number(band.over_control_low):
        return f"{control}: {ratio}."
    ends = f"{interval(band.over_control_low, band.over_control_high)} over samples"
    same = "" if excludes(band.over_control_low, band.over_control_high, 1) else ", not distinguishable from it"
    return f"{control}: {ratio} ({ends}){same}."


def _fold(spread: float) -> str:
    return f"{np.exp(spread):.2f}"


def print_result(result: DimensionResult) -> None:
    """Print the bands, and the dimension at growing scales."""
    rows = []
    for metric, band in result.bands.items():
        ends = interval(band.middle_low, band.middle_high) if is_number(band.middle_low) else "–"
        spread = f"{_fold(band.spread)} ({_fold(band.low)} to {_fold(band.high)})" if is_number(band.low) else "–"
        rows.append(
            (
                result.labels[metric],
                band.models,
                band.families,
                number(band.middle, 2),
                ends,
                spread,
                _fold(band.noise) if is_number(band.noise) else "–",
                f"{band.control} {number(band.control_value, 2)}" if band.control else "–",
                f"{number(band.over_control, 2)} ({interval(band.over_control_low, band.over_control_high)})"
                if band.control
                else "–",
            )
        )
    if rows:
        click.echo("Band of the dimensions over families: geometric mean, factor of a mean deviation, a control")
        headings = (
            *("estimate", "models", "families", "mean", "95 % of the mean", "factor (95 %)"),
            *("factor of error alone", "closest control", "mean over control (samples)"),
        )
        print_table(headings, rows, right=headings[1:], keys=1)
    if result.scales:
        lines = [(r["model"], r["order"], number(r["dimension"], 2), number(r["error"], 2)) for r in result.scales]
        click.echo("Dimension at growing scales (GRIDE): order is n1, of neighbours n1 and 2 n1")
        print_table(("model", "order", "dimension", "error"), lines, right=("order", "dimension", "error"))


def to_dict(result: DimensionResult) -> dict[str, Any]:
    """Return bands and scales as plain data."""
    bands = {name: dataclasses.asdict(band) for name, band in result.bands.items()}
    return {"bands": bands, "scales": result.scales}


def make_figures(result: DimensionResult) -> dict[str, Figure]:
    """Return the dimension against the scale, where it was estimated.

    The bars of the dimensions are among the figures of every Comparison.
    """
    from ..figures import Figure, scale_curves

    if not result.scales:
        return {}
    caption = (
        "A plateau is a dimension; a slope is a warning: noise raises the finest scales. Bands are 95 % intervals."
    )
    chart = scale_curves(result.scales, result.kinds)
    return {"dimension_scales": Figure(chart, "Dimension at growing scales", caption, "GRIDE, neighbour 2 n1 over n1")}


ANALYSIS = Analysis(
    name="dimension",
    question="Are the intrinsic dimensions similar?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
