"""`hyle analyse`: draw conclusions from a Comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..analyses import ANALYSES, AnalysisOptions, findings, question_options, run_analyses
from ..jobs import analyses_data, analysis_names
from ..options import LocalPath, SectionedCommand, json_option, print_json


@click.command(cls=SectionedCommand, short_help="Draw conclusions from a comparison.")
@click.argument("comparison", type=LocalPath(dir_okay=False, path_type=Path))
@click.option("--only", help="Names of analyses, comma-separated. [default: all whose inputs are given]")
@question_options
@json_option
def command(comparison: Path, only: str | None, asked: AnalysisOptions, as_json: bool) -> None:
    """Draw conclusions from a comparison of models, with their uncertainties.

    COMPARISON is the file comparison.nc of `hyle run`, or a .nc file of `hyle compare -o`. An analysis whose inputs are
    missing is skipped.

    \b
    Analyses that need only the comparison:
      factors      what explains the similarity: modality, family, ...?
      tree         which models belong together?
      dimension    do the intrinsic dimensions lie in a narrow band?
      collapse     which models carry little information?
      scale        what changes with the size of the models?
      layers       at which depth do models agree? (MODEL@all)
    With embeddings, from the store or --embeddings:
      map          a map of the samples for each model
    With --label, a property of the samples, and embeddings:
      probes       how well do the embeddings predict it?
      selection    which model to choose, given few labelled samples?
    With energies in the comparison, or with --label:
      convergence  are better models more similar to the best model?
    With energies in the comparison, --errors or --classes:
      blind_spots  do similar models make the same errors?
    With --against, a comparison on other samples:
      regimes      how do the scores change?
      shift        how different are the other samples?
      dose         does agreement change with the distance from the first set?
      sample_collapse  on which of them do models lose information?

    \b
    Examples:
      hyle run -o report && hyle analyse report/comparison.nc
      hyle analyse mptrj.nc --against random-tp.nc
      hyle analyse report/comparison.nc --label gap --only probes,selection
    """
    from hyle.engine import load_comparison

    names = analysis_names(only)
    question = asked.question(load_comparison(comparison), comparison)
    results = run_analyses(question, names)
    if as_json:
        print_json(analyses_data(question.metric, results))
    else:
        _print_analyses(question.metric, results)


def _print_analyses(metric: str, results: Mapping[str, Any]) -> None:
    """Print the results, with n, interval and p-value, and then the sentences that they support."""
    click.echo(f"By {metric}.\n")
    for name, result in results.items():
        ANALYSES[name].print_result(result)
        click.echo()
    for line in findings(results):
        click.echo(f"- {line}")
