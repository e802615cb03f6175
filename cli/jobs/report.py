"""Write the report of a Comparison, with its figures and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyle.zoo import output_errors

from ..analyses import run_default_analyses

if TYPE_CHECKING:
    import xarray as xr


def write_all(comparison: xr.Dataset, folder: Path, found: Mapping[str, Any] | None = None) -> Path:
    """Write the report, the figures and the tables of a Comparison.

    Args:
        comparison: of at least two models.
        folder: gets ``report.html``, ``comparison.nc``, ``comparison.csv`` and ``figures/*``: SVG and PDF at a
            journal's column width, PNG, and the data as CSV.
        found: results of its analyses, as `hyle.cli.analyses.run_analyses` returns them; default those that need
            nothing but the Comparison.

    Returns:
        The path of the HTML file.

    Raises:
        OutputError: a file cannot be written.
    """
    from hyle.engine import save_comparison

    from .. import analyses
    from ..comparison import write_csv
    from ..figures import save_figures
    from ..report import write_report

    results = run_default_analyses(comparison) if found is None else found
    make_folder(folder)
    save_comparison(comparison, folder / "comparison.nc")
    write_csv(comparison, folder / "comparison.csv")
    save_figures(comparison, folder / "figures", analyses.figures(results))
    return write_report(comparison, folder / "report.html", results)


def make_folder(folder: Path) -> None:
    """Create the folder of an output, if it is missing.

    Raises:
        OutputError: it cannot be created.
    """
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_history(history: xr.Dataset, folder: Path) -> Path:
    """Write the training curves of a run as ``history.html``, which opens without a network, ``.svg`` and ``.png``.

    Args:
        history: as `hyle.engine.load_history` returns it.
        folder: gets the files.

    Returns:
        The path of the HTML file.

    Raises:
        OutputError: a file cannot be written.
    """
    import vl_convert

    from ..atomic import write_atomically
    from ..figures import emergence_curves, vega_lite_version

    chart = emergence_curves(history)
    spec, vega_lite = chart.to_dict(), vega_lite_version()
    write_atomically(folder / "history.svg", vl_convert.vegalite_to_svg(spec, vl_version=vega_lite).encode())
    write_atomically(folder / "history.png", vl_convert.vegalite_to_png(spec, vl_version=vega_lite, scale=2))
    page = vl_convert.vegalite_to_html(spec, vl_version=vega_lite, bundle=True)
    return write_atomically(folder / "history.html", page.encode())
