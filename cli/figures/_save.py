"""Figures as files, at the width of a journal's column."""

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

# Millimetres of one and of two columns, and points in a millimetre; a wider chart would have letters below 5 points.
ONE, TWO, POINT = 89.0, 183.0, 72 / 25.4
_WIDEST = 560


def save_charts(comparison: xr.Dataset, charts: Mapping[str, Any], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every chart into `folder` as SVG and PDF of one column's width (89 mm) or two (183 mm), as PNG, and as CSV.

    It needs no network and no browser. Returns the paths.
    """
    import vl_convert

    tables = figure_tables(comparison, charts)
    paths = []
    for name, chart in charts.items():
        spec = specification(chart)
        svg = vl_convert.vegalite_to_svg(spec, vl_version=vega_lite_version())
        png = vl_convert.vegalite_to_png(spec, vl_version=vega_lite_version(), scale=2)
        for suffix, content in (
            ("svg", sized(svg, "mm").encode()),
            ("pdf", vl_convert.svg_to_pdf(sized(svg, "pt"))),
            ("png", png),
            ("csv", tables[name].to_csv(index=False).encode()),
        ):
            paths.append(write_atomically(Path(folder) / f"{name}.{suffix}", content))
    return paths


def sized(svg: str, unit: str) -> str:
    """Return an SVG drawn in pixels at a column's width: in ``mm``, or in points without a unit for ``pt``."""

    def column(found: re.Match[str]) -> str:
        width, height = float(found[1]), float(found[2])
        wide = ONE if width <= _WIDEST else TWO
        said = "mm" if unit == "mm" else ""
        factor = 1 if unit == "mm" else POINT
        return f'width="{wide * factor:.2f}{said}" height="{wide * factor * height / width:.2f}{said}"'

    return re.sub(r'width="([\d.]+)" height="([\d.]+)"', column, svg, count=1)


def figure_tables(comparison: xr.Dataset, charts: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the data of each chart: of a metric its rows of the long table, with all that belongs to them."""
    rows = long_table(comparison).dropna(axis=1, how="all")
    metrics = set(rows["metric"])
    found = {}
    for name, chart in charts.items():
        metric = name.removeprefix("heat_map_")
        own = rows[rows["metric"] == metric] if metric in metrics else chart_table(specification(chart))
        found[name] = own.drop(columns=["other"]) if "other" in own and (own["other"] == "").all() else own
    return found


def vega_lite_version() -> str:
    """Return the Vega-Lite version that Altair writes, as vl-convert names it."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
