"""`hyle report`: write the report of a Comparison."""

from __future__ import annotations

from pathlib import Path

import click

from ..analyses import AnalysisOptions, question_options, run_analyses
from ..console import say
from ..jobs import HISTORY_FILES, HISTORY_OTHERS, REPORT_FILES, REPORT_OTHERS, report_data, write_all, write_history
from ..options import LocalPath, SectionedCommand, figures_option, json_option, print_json, report_folder_option
from ..outputs import check_folder, replace_option


@click.command(cls=SectionedCommand, short_help="Write the HTML report of a comparison.")
@click.argument("comparison", type=LocalPath(dir_okay=False, path_type=Path))
@report_folder_option
@replace_option
@figures_option
@question_options
@json_option
def command(
    comparison: Path, output: Path, replace_output: bool, figures: bool, asked: AnalysisOptions, as_json: bool
) -> None:
    """Write an HTML report of a comparison, with its tables.

    COMPARISON is the file comparison.nc of `hyle run`, or a .nc file of `hyle compare -o`. The report contains every
    analysis of `hyle analyse` whose inputs are given: embeddings in the store or --embeddings add maps, --against a
    second set of samples, --label probes and model selection.

    If the file is the history of a training run, written by `hyle distill` or hyle.engine.AlignmentMonitor, its
    training curves are drawn instead.

    \b
    Examples:
      hyle compare a.npz b.npz -o ab.nc && hyle report ab.nc
      hyle report mptrj.nc --against random-tp.nc -o two-sets
      hyle report report/comparison.nc --figures     also PDF, SVG, PNG and CSV
      hyle report history.nc
    """
    from hyle.engine import load_comparison, load_history

    history = load_history(comparison)
    if history is not None:
        target = check_folder(output, HISTORY_FILES, HISTORY_OTHERS, replace=replace_output, source=comparison)
        path = write_history(history, output)
        say(target.written(path))
        if as_json:
            others = {Path(name).suffix[1:]: str(output / name) for name in HISTORY_OTHERS}
            print_json({"files": {"history": str(path), **others}})
        return
    data = load_comparison(comparison)
    target = check_folder(output, REPORT_FILES, REPORT_OTHERS, replace=replace_output, source=comparison)
    say(target.written(write_all(data, output, run_analyses(asked.question(data, comparison)), figures=figures)))
    if as_json:
        print_json(report_data(data, output, figures=figures))
