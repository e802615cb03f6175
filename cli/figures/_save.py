"""Figures as files, at journal column width."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_atomically
from ..comparison import long_table
from ._figure import chart_table, specification

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# Width of one and of two columns in millimetres, and points per millimetre.
ONE, TWO, POINT = 89.0, 183.0, 72 / 25.4
# The widest chart, in pixels, for one column: the letters of a wider one would be below 5 points.
_WIDEST = 560


def save_charts(comparison: xr.Dataset, charts: Mapping[str, Any], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every chart into `folder` as SVG and PDF of one (89 mm) or two (183 mm) columns, as PNG, and as CSV.

    Requires no network and no browser. Returns the paths.
    """
    tables = figure_tables(comparison, charts)
    paths = []
    for name, chart in charts.items():
        for suffix in (".svg", ".pdf", ".png"):
            paths.append(write_atomically(Path(folder) / f"{name}{suffix}", chart_file(chart, suffix)))
        paths.append(write_atomically(Path(folder) / f"{name}.csv", tables[name].to_csv(index=False).encode()))
    return paths


def chart_file(chart: Any, suffix: str) -> bytes:
    """Return a chart as .svg or .pdf of one (89 mm) or two (183 mm) columns, or as .png."""
    import vl_convert

    spec = specification(chart)
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, vl_version=vega_lite_version(), scale=2)
    svg = vl_convert.vegalite_to_svg(spec, vl_version=vega_lite_version())
    return sized(svg, "mm").encode() if suffix == ".svg" else vl_convert.svg_to_pdf(sized(svg, "pt"))


def sized(svg: str, unit: str) -> str:
    """Return an SVG in pixels, resized to column width: in ``mm``, or for ``pt`` in points without a unit."""

    def column(match: re.Match[str]) -> str:
        width, height = float(match[1]), float(match[2])
        target = ONE if width <= _WIDEST else TWO
        suffix = "mm" if unit == "mm" else ""
        factor = 1 if unit == "mm" else POINT
        return f'width="{target * factor:.2f}{suffix}" height="{target * factor * height / width:.2f}{suffix}"'

    return re.sub(r'width="([\d.]+)" height="([\d.]+)"', column, svg, count=1)


def figure_tables(
    comparison: xr.Dataset, charts: Mapping[str, Any], long: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """Return the data of each chart: for a metric the rows of the long table, else the data of the specification.

    Args:
        comparison: the Comparison.
        charts: charts, or their specifications, by name.
        long: its long table, if it was made already.
    """
    rows = (long_table(comparison) if long is None else long).dropna(axis=1, how="all")
    metrics = set(rows["metric"])
    tables = {}
    for name, chart in charts.items():
        metric = name.removeprefix("heat_map_")
        table = (
            rows[rows["metric"] == metric]
            if metric in metrics
            else chart_table(chart if isinstance(chart, dict) else specification(chart))
        )
        single = "other" in table and (table["other"] == "").all()
        tables[name] = table.drop(columns=["other"]) if single else table
    return tables


def vega_lite_version() -> str:
    """Return the Vega-Lite version that Altair writes, as vl-convert names it."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
