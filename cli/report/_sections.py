"""Figures of a Comparison alone, with their titles and captions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import CONTROL, PairScores, errors, modalities, text
from ..figures import IMBALANCE, Figure, agreement_axes, dimensions, plain_figures
from ._rows import short

if TYPE_CHECKING:
    import xarray as xr

# Fewest models of a figure.
MIN_MODELS = 3


def comparison_figures(comparison: xr.Dataset, scores: Mapping[str, PairScores]) -> dict[str, Figure]:
    """Return the dimensions, local against global alignment, and the imbalances, as far as there are any."""
    axes, found = agreement_axes(scores), {}
    if comparison.sizes["model"] < MIN_MODELS:
        return {}  # the table of models has the numbers
    for name, chart in plain_figures(comparison, scores).items():
        if name == "agreement" and axes is not None:
            title, caption = "Local against global alignment", _agreement(comparison, scores, axes)
            recipe = "; ".join(describe(comparison, metric) for metric in axes)
        elif name == "imbalance":
            title, caption = "Information imbalance", _imbalance(comparison)
            recipe = describe(comparison, IMBALANCE)
        else:
            several = len(dimensions(comparison)) > 1
            title = f"Intrinsic dimension{f' ({short(comparison, name)})' if several else ''}"
            caption, recipe = _dimension(comparison, name), describe(comparison, name)
        found[name] = Figure(chart, title, caption, recipe)
    return found


def _agreement(comparison: xr.Dataset, scores: Mapping[str, PairScores], axes: tuple[str, str]) -> str:
    first, second = (scores[name] for name in axes)
    mean = ", the mean of both directions" if first.directed or second.directed else ""
    controls = " Crosses are pairs with a control." if CONTROL in modalities(comparison) else ""
    return (
        f"One point per pair of models{mean}: {second.label} against {first.label}. More similar pairs are to the "
        "right and up. Two models far to the right but low agree on the overall picture and differ in which samples "
        f"are next to each other.{controls} Named are the most similar pairs, and those whose ranks differ most."
    )


def _imbalance(comparison: xr.Dataset) -> str:
    controls = " Crosses are pairs with a control." if CONTROL in modalities(comparison) else ""
    return (
        "Each point is a pair of models: how poorly one predicts the neighbours of the other, where 0 is perfectly and "
        "1 not at all, and the reverse. At the bottom left both carry the same information; far above the line one "
        f"carries more than the other; at the top right they share nothing.{controls}"
    )


def _dimension(comparison: xr.Dataset, metric: str) -> str:
    lines = " Lines are one standard error." if np.isfinite(errors(comparison, metric)).any() else ""
    return (
        "The number of directions in which the embeddings vary locally. It is usually far below the width of the "
        f"embedding, and noise scores highest; above about 15 every estimate is a lower bound.{lines}"
    )


def describe(comparison: xr.Dataset, metric: str) -> str:
    """Return the provenance of a metric in one line: name, estimator where the name does not have it, k and n."""
    attrs = comparison[metric].attrs if metric in comparison else {}
    label, estimator = text(attrs, "long_name"), text(attrs, "estimator")
    known = estimator.partition(" ")[0].casefold() in label.casefold()
    facts = [label, "" if known else estimator, *(f"{key} = {attrs[key]}" for key in ("k", "n") if key in attrs)]
    return ", ".join(dict.fromkeys(filter(None, facts)))
