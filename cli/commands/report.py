"""Write the report of a Comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._console import say
from ..analyses import Asked, answer, answer_alone, question_options

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
    from ..figures import save_figures
    from ..report import write_report
    from ..tables import write_csv

    found = answer_alone(comparison) if found is None else found
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

    from ..figures import emergence_curves, vega_lite_version
    from ..tables import write_atomically

    chart = emergence_curves(history)
    spec, version = chart.to_dict(), vega_lite_version()
    write_atomically(folder / "history.svg", vl_convert.vegalite_to_svg(spec, vl_version=version).encode())
    write_atomically(folder / "history.png", vl_convert.vegalite_to_png(spec, vl_version=version, scale=2))
    page = vl_convert.vegalite_to_html(spec, vl_version=version, bundle=True)
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
@question_options
def command(comparison: Path, output: Path, asked: Asked) -> None:
    """Write the report of COMPARISON, a .nc file that `hyle compare -o` or `hyle run` wrote.

    What is at hand decides what it shows: embeddings in the store give maps, --against a second set of samples,
    --label probes and the choice of a model, see hyle analyse. Of the history of a training run, which `hyle distill`
    and hyle.engine.AlignmentProbe write, it draws the curves.

    \b
    hyle compare a.npz b.npz -o ab.nc && hyle report ab.nc
    hyle report mptrj.nc --against random-tp.nc -o two-sets
    hyle report history.nc
    """
    from hyle.engine import load_comparison, load_history

    history = load_history(comparison)
    if history is not None:
        say(f"wrote {write_history(history, output)}")
        return
    data = load_comparison(comparison)
    say(f"wrote {write_all(data, output, answer(asked.question(data, comparison)))}")
