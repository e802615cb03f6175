"""Write the report of a Comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..analyses import AnalysisOptions, question_options, run_analyses
from ..console import say
from ..jobs import write_all, write_history

if TYPE_CHECKING:
    pass


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
def command(comparison: Path, output: Path, asked: AnalysisOptions) -> None:
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
    say(f"wrote {write_all(data, output, run_analyses(asked.question(data, comparison)))}")
