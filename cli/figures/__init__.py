"""Figures of a Comparison and of its analyses as Altair charts, one module per figure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..comparison import PairScores, read_scores, single_metrics
from ._agreement import agreement_scatter as agreement_scatter
from ._benchmark import benchmark_scatter as benchmark_scatter
from ._blind_spots import blind_spot_scatter as blind_spot_scatter
from ._by_label import by_label_chart as by_label_chart
from ._convergence import convergence_scatter as convergence_scatter
from ._dimension import dimension_bars as dimension_bars
from ._dose import dose_chart as dose_chart
from ._factors import factor_bars as factor_bars
from ._figure import DESCRIPTIVE as DESCRIPTIVE
from ._figure import NOT_SIGNIFICANT as NOT_SIGNIFICANT
from ._figure import SIGNIFICANT as SIGNIFICANT
from ._figure import Figure as Figure
from ._figure import printable as printable
from ._figure import specification as specification
from ._heat_map import heat_map as heat_map
from ._history import emergence_curves as emergence_curves
from ._imbalance import IMBALANCE as IMBALANCE
from ._imbalance import imbalance_plane as imbalance_plane
from ._imbalance import information_plane as information_plane
from ._intervals import collapse_chart as collapse_chart
from ._intervals import probe_chart as probe_chart
from ._intervals import selection_chart as selection_chart
from ._intervals import shift_chart as shift_chart
from ._labels import shorten_name as shorten_name
from ._labels import sides as sides
from ._layer_atlas import layer_curves as layer_curves
from ._layer_atlas import layer_map as layer_map
from ._map import map_chart as map_chart
from ._order import Clustering as Clustering
from ._order import cluster_models as cluster_models
from ._order import order_models as order_models
from ._perturbed import perturbed_chart as perturbed_chart
from ._quadrants import quadrant_scatter as quadrant_scatter
from ._regimes import regime_scatter as regime_scatter
from ._save import chart_file as chart_file
from ._save import figure_tables as figure_tables
from ._save import save_charts as save_charts
from ._save import vega_lite_version as vega_lite_version
from ._scales import scale_curves as scale_curves
from ._specifications import specification_curve as specification_curve
from ._tree import tree_chart as tree_chart
from ._trend import trend_chart as trend_chart
from .palette import ABOVE_STEPS as ABOVE_STEPS
from .palette import BELOW_STEPS as BELOW_STEPS
from .palette import DARK as DARK
from .palette import INK as INK
from .palette import MUTED as MUTED
from .palette import PAPER as PAPER
from .palette import RULE as RULE
from .palette import category_colours as category_colours
from .palette import config as config
from .palette import contrast as contrast
from .palette import modality_scale as modality_scale
from .palette import score_ramps as score_ramps

if TYPE_CHECKING:
    import xarray as xr


# Fewest pairs of a scatter plot of pairs.
MIN_PAIRS = 10


def all_figures(
    comparison: xr.Dataset,
    analyses: Mapping[str, Figure] | None = None,
    scores: Mapping[str, PairScores] | None = None,
) -> dict[str, Any]:
    """Return all figures that the Comparison has data for, and those of its analyses, by file name.

    Args:
        comparison: the Comparison.
        analyses: figures of its analyses, by name.
        scores: its scores, if they were read already.
    """
    scores = read_scores(comparison) if scores is None else scores
    order = order_models(comparison, scores)
    charts: dict[str, Any] = {
        f"heat_map_{metric}": heat_map(comparison, metric, scores=scores, order=order) for metric in scores
    }
    return charts | plain_figures(comparison, scores) | {name: each.chart for name, each in (analyses or {}).items()}


def plain_figures(comparison: xr.Dataset, scores: Mapping[str, PairScores]) -> dict[str, Any]:
    """Return the figures of a Comparison alone, without heat maps: dimensions, and plots of at least 10 pairs."""
    charts: dict[str, Any] = {metric: dimension_bars(comparison, metric) for metric in dimensions(comparison)}
    m = comparison.sizes["model"]
    if m * (m - 1) // 2 >= MIN_PAIRS:
        axes = agreement_axes(scores)
        if axes is not None:
            charts["agreement"] = agreement_scatter(comparison, *axes, scores=scores)
        if IMBALANCE in scores:
            charts["imbalance"] = imbalance_plane(comparison, scores=scores)
    return charts


def dimensions(comparison: xr.Dataset) -> list[str]:
    """Return the names of the intrinsic-dimension metrics of a Comparison."""
    return [metric for metric in single_metrics(comparison) if metric.startswith("intrinsic_dimension")]


def agreement_axes(scores: Mapping[str, PairScores]) -> tuple[str, str] | None:
    """Return a global and a local metric to plot against each other, None where there is no such pair.

    CKA and CKNNA where both are in the Comparison; else the first metric without neighbours and the first with them.
    """
    global_metrics = [name for name, score in scores.items() if score.k is None]
    local_metrics = sorted(
        (name for name, score in scores.items() if score.k is not None), key=lambda name: name != "cknna"
    )
    return (global_metrics[0], local_metrics[0]) if global_metrics and local_metrics else None


def save_figures(
    comparison: xr.Dataset, folder: str | os.PathLike[str], analyses: Mapping[str, Figure] | None = None
) -> list[Path]:
    """Write every figure as SVG and PDF at journal column width and as PNG at twice the size, and its data as CSV."""
    return save_charts(comparison, all_figures(comparison, analyses), folder)
