"""Figures of a Comparison as Altair charts; each figure is one file, listed in `all_figures`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..tables import read_scores, single_metrics, write_atomically
from ._agreement import agreement_scatter as agreement_scatter
from ._dimension import dimension_bars as dimension_bars
from ._energy import energy_scatter as energy_scatter
from ._heat_map import heat_map as heat_map
from ._history import emergence_curves as emergence_curves
from ._order import order_models as order_models

if TYPE_CHECKING:
    import altair as alt
    import xarray as xr


def all_figures(comparison: xr.Dataset) -> dict[str, alt.LayerChart]:
    """Return every figure that the Comparison has data for, by file name."""
    scores = read_scores(comparison)
    charts = {f"heat_map_{metric}": heat_map(comparison, metric) for metric in scores}
    charts |= {metric: dimension_bars(comparison, metric) for metric in dimensions(comparison)}
    axes = agreement_axes(comparison)
    if axes is not None and comparison.sizes["model"] > 2:
        charts["agreement"] = agreement_scatter(comparison, *axes)
    if "energy_mae" in comparison and scores and comparison["energy_mae"].count() > 1:
        charts["energy"] = energy_scatter(comparison)
    return charts


def dimensions(comparison: xr.Dataset) -> list[str]:
    """Return the names of the estimates of the intrinsic dimension that a Comparison has."""
    return [metric for metric in single_metrics(comparison) if metric.startswith("intrinsic_dimension")]


def agreement_axes(comparison: xr.Dataset) -> tuple[str, str] | None:
    """Return a global and a local metric to set against each other, None when there is no such pair.

    CKA and CKNNA where they are; else the first metric without neighbours and the first with them.
    """
    scores = read_scores(comparison)
    wide = [name for name, score in scores.items() if score.k is None]
    local = sorted((name for name, score in scores.items() if score.k is not None), key=lambda name: name != "cknna")
    return (wide[0], local[0]) if wide and local else None


def save_figures(comparison: xr.Dataset, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every figure as SVG and as PNG at twice the size into `folder`; return the paths.

    It needs no network and no browser.
    """
    return [path for name, chart in all_figures(comparison).items() for path in save_chart(chart, Path(folder) / name)]


def save_chart(chart: alt.TopLevelMixin, path: Path) -> list[Path]:
    """Write one chart as ``path.svg`` and, at twice the size, ``path.png``; return the paths."""
    import vl_convert

    spec = chart.to_dict()
    svg = vl_convert.vegalite_to_svg(spec, vl_version=vega_lite_version())
    png = vl_convert.vegalite_to_png(spec, vl_version=vega_lite_version(), scale=2)
    return [
        write_atomically(path.with_suffix(".svg"), svg.encode()),
        write_atomically(path.with_suffix(".png"), png),
    ]


def vega_lite_version() -> str:
    """Return the Vega-Lite version that Altair writes, as vl-convert names it."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
