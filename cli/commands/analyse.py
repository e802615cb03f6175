"""Draw conclusions from a Comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hyle.zoo import InputError, did_you_mean

from ..analyses import ANALYSES, AnalysisOptions, findings, question_options, run_analyses
from ..options import json_option, print_json, split


def chosen(words: str | None) -> list[str] | None:
    """Return the analyses of a comma-separated list, None for all.

    Raises:
        ValueError: an unknown analysis; names the closest.
    """
    names = split(words)
    for name in names or ():
        if name not in ANALYSES:
            close = did_you_mean(name, list(ANALYSES))
            raise InputError(f"no analysis is called {name!r}{close} (there are: {', '.join(ANALYSES)})")
    return names


def print_analyses(metric: str, found: Mapping[str, Any]) -> None:
    """Print the answers, with n, interval and p, and at last the sentences that they carry."""
    click.echo(f"By {metric}.\n")
    for name, one in found.items():
        ANALYSES[name].show(one)
        click.echo()
    for line in findings(found):
        click.echo(f"- {line}")


def as_data(metric: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers for programs, None for an analysis that lacked what it needs."""
    plain = {name: ANALYSES[name].plain(found[name]) if name in found else None for name in ANALYSES}
    plain["factors"] = plain["factors"] or []
    return {"metric": metric, **plain, "changes": plain["regimes"], "findings": findings(found)}


@click.command()
@click.argument("comparison", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--only", help=f"Comma-separated analyses. [default: all of {', '.join(ANALYSES)}]")
@question_options
@json_option
def command(comparison: Path, only: str | None, asked: AnalysisOptions, as_json: bool) -> None:
    """Say what follows from COMPARISON, a .nc file of `hyle compare -o` or `hyle run`.

    Do better models lie closer to the best one, what explains who is alike, which models belong together, do their
    dimensions lie in a narrow band, which hold little, what grows with size? With --against: what changes on other
    samples, and how far these have shifted. With --label: what embeddings know of it, and which to choose by few
    labels. Of energies, with --errors or --classes: do aligned models err alike?

    \b
    hyle run -o report && hyle analyse report/comparison.nc
    hyle analyse mptrj.nc --against random-tp.nc
    hyle analyse report/comparison.nc --label gap --few 50 --only probes,selection
    """
    from hyle.engine import load_comparison

    names = chosen(only)
    question = asked.question(load_comparison(comparison), comparison)
    found = run_analyses(question, names)
    if as_json:
        print_json(as_data(question.metric, found))
    else:
        print_analyses(question.metric, found)
