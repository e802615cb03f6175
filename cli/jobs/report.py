"""Write the report of a Comparison, with its figures and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analyses import run_default_analyses

if TYPE_CHECKING:
    import xarray as xr


def write_all(comparison: xr.Dataset, folder: Path, found: Mapping[str, Any] | None = None) -> Path:
    """Write everything that people take away from a Comparison.

    Args:
        comparison: of at least two models.
        folder: gets ``report.html``, ``comparison.nc``, ``comparison.csv`` and ``figures/*``: SVG and PDF at a
            journal's column width, PNG, and the data as CSV.
        found: what its analyses found; default what they find in the Comparison alone.

    Returns:
        The path of the HTML file.
    """
    from hyle.engine import save_comparison

    from .. import analyses
    from ..comparison import write_csv
    from ..figures import save_figures
    from ..report import write_report

    found = run_default_analyses(comparison) if found is None else found
    folder.mkdir(parents=True, exist_ok=True)
    save_comparison(comparison, folder / "comparison.nc")
    write_csv(comparison, folder / "comparison.csv")
    save_figures(comparison, folder / "figures", analyses.figures(found))
    return write_report(comparison, folder / "report.html", found)


def write_history(history: xr.Dataset, folder: Path) -> Path:
    """Write the emergence curves of a run: ``history.html``, one file that opens without a network, .svg and .png.

    Args:
        history: as `hyle.engine.load_history` gives it.
        folder: gets the files.

    Returns:
        The path of the HTML file.
    """
    import vl_convert

    from ..atomic import write_atomically
    from ..figures import emergence_curves, vega_lite_version

    chart = emergence_curves(history)
    spec, version = chart.to_dict(), vega_lite_version()
    write_atomically(folder / "history.svg", vl_convert.vegalite_to_svg(spec, vl_version=version).encode())
    write_atomically(folder / "history.png", vl_convert.vegalite_to_png(spec, vl_version=version, scale=2))
    page = vl_convert.vegalite_to_html(spec, vl_version=version, bundle=True)
    return write_atomically(folder / "history.html", page.encode())
