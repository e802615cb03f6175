"""Write the report of a Comparison, with its tables and, on request, its figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyle.zoo import output_errors

from ..analyses import run_default_analyses

if TYPE_CHECKING:
    import xarray as xr

# The files of a report and of a history, the main one first, and what is written beside them.
REPORT_FILES, REPORT_OTHERS = ("report.html", "comparison.nc", "comparison.csv"), ("figures",)
HISTORY_FILES, HISTORY_OTHERS = ("history.html",), ("history.svg", "history.png")


def write_all(
    comparison: xr.Dataset, folder: Path, found: Mapping[str, Any] | None = None, *, figures: bool = False
) -> Path:
    """Write the report and the tables of a Comparison.

    Args:
        comparison: of at least two models.
        folder: gets ``report.html``, ``comparison.nc`` and ``comparison.csv``.
        found: results of its analyses, as `hyle.cli.analyses.run_analyses` returns them; default those that need
            nothing but the Comparison.
        figures: whether the folder also gets ``figures/*``: SVG and PDF at a journal's column width, PNG, and the data
            as CSV.

    Returns:
        The path of the HTML file.

    Raises:
        OutputError: a file cannot be written.
    """
    from hyle.engine import save_comparison

    from .. import analyses
    from ..comparison import write_csv
    from ..report import write_report

    results = run_default_analyses(comparison) if found is None else found
    make_folder(folder)
    save_comparison(comparison, folder / "comparison.nc")
    write_csv(comparison, folder / "comparison.csv")
    if figures:
        from ..figures import save_figures

        save_figures(comparison, folder / "figures", analyses.figures(results))
    return write_report(comparison, folder / "report.html", results)


def headline(comparison: xr.Dataset) -> str:
    """Return the sentence at the head of the report: the result for all pairs, and the strongest control."""
    from ..report import answer

    return answer(comparison).headline


def report_data(comparison: xr.Dataset, folder: Path, *, figures: bool = False) -> dict[str, Any]:
    """Return what `write_all` has written as plain data: the headline, and the path of each file."""
    files = dict(zip(("report", "comparison", "scores"), (str(folder / name) for name in REPORT_FILES), strict=True))
    if figures:
        files["figures"] = str(folder / "figures")
    return {"headline": headline(comparison), "files": files}


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
    from ..figures import emergence_curves, specification, vega_lite_version
    from ..report import render_history

    spec, vega_lite = specification(emergence_curves(history)), vega_lite_version()
    write_atomically(folder / "history.svg", vl_convert.vegalite_to_svg(spec, vl_version=vega_lite).encode())
    write_atomically(folder / "history.png", vl_convert.vegalite_to_png(spec, vl_version=vega_lite, scale=2))
    return write_atomically(folder / "history.html", render_history(history, spec).encode())
