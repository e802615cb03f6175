"""Why scores of a Comparison are not defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .numbers import text
from .scores import model_names, read_scores, single_metrics

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Undefined:
    """Scores that are not defined because of one model.

    Args:
        model: its name.
        metrics: names of the metrics.
        reason: why, and what would help.
    """

    model: str
    metrics: tuple[str, ...]
    reason: str

    def line(self) -> str:
        """Return the scores and the reason as one line."""
        return f"– not defined: {', '.join(self.metrics)} of {self.model}: {self.reason}"


def undefined_scores(comparison: xr.Dataset) -> list[Undefined]:
    """Return which scores are not defined, grouped by the model and the reason; empty if all are defined."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for metric, index in _undefined(comparison):
        model = model_names(comparison)[index]
        reasons.setdefault((model, _reason(comparison, metric, index)), []).append(metric)
    return [Undefined(model, tuple(metrics), reason) for (model, reason), metrics in reasons.items()]


def _undefined(comparison: xr.Dataset) -> list[tuple[str, int]]:
    """Return metric and index of each model to which an undefined score is due: it has none with itself either."""
    pairs = {name: np.isnan(np.diagonal(score.values)) for name, score in read_scores(comparison).items()}
    single = {
        name: np.isnan(comparison[name].values.astype(float))
        for name in single_metrics(comparison)
        if comparison[name].attrs.get("kind") == "single"
    }
    return [(name, int(i)) for name, bad in {**pairs, **single}.items() for i in np.flatnonzero(bad)]


def _reason(comparison: xr.Dataset, metric: str, index: int) -> str:
    n = int(comparison.attrs["n"])
    if model_names(comparison)[index] in str(comparison.attrs.get("explained", "")).split(", "):
        return "the covariates explain it wholly"
    if "duplicates" in comparison and int(comparison["duplicates"].values[index]) >= n - 1:
        return "all its rows are equal"
    if text(comparison[metric].attrs, "neighbour_metric") == "cosine":
        cause = "all its rows have the same direction, so that all neighbours are ties under cosine"
        # CKNNA uses cosine whatever --neighbour-metric is.
        return cause if metric.startswith("cknna") else f"{cause}; try --neighbour-metric euclidean"
    return "too few of its rows differ"
