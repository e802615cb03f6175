"""Write the report of a Comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .._console import say

if TYPE_CHECKING:
    import xarray as xr


def write_all(comparison: xr.Dataset, folder: Path) -> Path:
    """Write everything that people take away from a Comparison.

    Args:
        comparison: of at least two models.
        folder: gets ``report.html``, ``comparison.nc``, ``comparison.csv`` and ``figures/*.svg, *.png``.

    Returns:
        The path of the HTML file.
    """
    from hyle.engine import save_comparison

    from ..figures import save_figures
    from ..report import write_report
    from ..tables import write_csv

    folder.mkdir(parents=True, exist_ok=True)
    save_comparison(comparison, folder / "comparison.nc")
    write_csv(comparison, folder / "comparison.csv")
    save_figures(comparison, folder / "figures")
    return write_report(comparison, folder / "report.html")


def write_history(history: xr.Dataset, folder: Path) -> Path:
    """Write the emergence curves of a run: ``history.html``, one file that opens without a network, .svg and .png.

    Args:
        history: as `hyle.engine.load_history` gives it.
        folder: gets the files.

    Returns:
        The path of the HTML file.
    """
    import vl_convert

    from ..figures import emergence_curves, save_chart, vega_lite_version
    from ..tables import write_atomically

    chart = emergence_curves(history)
    save_chart(chart, folder / "history")
    page = vl_convert.vegalite_to_html(chart.to_dict(), vl_version=vega_lite_version(), bundle=True)
    return write_atomically(folder / "history.html", page.encode())


@click.command()
@click.argument("comparison", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hyle-report"),
    show_default=True,
    help="Folder for the report.",
)
def command(comparison: Path, output: Path) -> None:
    """Write the report of COMPARISON, a .nc file that `hyle compare -o` or `hyle run` wrote.

    Of the history of a training run, which `hyle distill` and hyle.engine.AlignmentProbe write, draw its curves.

    \b
    hyle compare a.npz b.npz -o ab.nc && hyle report ab.nc
    hyle report history.nc
    """
    from hyle.engine import load_comparison, load_history

    history = load_history(comparison)
    if history is not None:
        say(f"wrote {write_history(history, output)}")
        return
    say(f"wrote {write_all(load_comparison(comparison), output)}")
