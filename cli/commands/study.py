"""`hyle study`: repeat the study of Edamadaka et al. (2025) on models and data that are available here."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from hyle.zoo import InputError, Store, find_card, output_errors

from ..console import print_table, say
from ..options import LocalPath, json_option, print_json, split, store_option
from ..outputs import check_folder, replace_option
from ..study import SETS, StudySet, judged_data, study, write_page


@click.command(short_help="Repeat the study arXiv:2512.03750.")
@click.option("--sets", help=f"Data sets, comma-separated: {', '.join(plan.dataset for plan in SETS)}. [default: all]")
@click.option("--models", help="Models of the study to use, comma-separated. [default: all]")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(40),
    help="Largest number of samples of a data set. [default: 500, or 300 for mpf-tp, random-tp, drugs and peptides; "
    "all if a set has fewer]",
)
@click.option(
    "--permutations",
    type=click.IntRange(19),
    default=200,
    show_default=True,
    help="Number of permutations of the samples, for p-values.",
)
@click.option(
    "--intervals",
    type=click.IntRange(5),
    default=20,
    show_default=True,
    help="Number of groups of a delete-a-group jackknife, for 95 % intervals.",
)
@click.option(
    "-o",
    "--output",
    type=LocalPath(file_okay=False, path_type=Path),
    default=Path("hyle-study"),
    show_default=True,
    help="Folder for the results.",
)
@replace_option
@store_option
@json_option
def command(
    sets: str | None,
    models: str | None,
    samples: int | None,
    permutations: int,
    intervals: int,
    output: Path,
    replace_output: bool,
    store_path: Path,
    as_json: bool,
) -> None:
    """Repeat the study of Edamadaka et al. (2025, arXiv:2512.03750), finding by finding.

    The models are 48 of those whose weights are in Python packages. The samples are molecules, crystals and proteins,
    in and out of distribution. Each claim gets a verdict by registered rules: it is supported, not supported, or
    inconclusive, with the power of its tests.

    This takes an hour or more. An interrupted run continues where it stopped.

    \b
    Examples:
      hyle study -o study
      hyle study --sets mptrj,mpf-tp -n 300        only crystals
    """
    start = time.monotonic()
    plans = chosen_sets(split(sets), split(models), samples)
    names = [plan.dataset for plan in plans]
    written = ["findings.json", "specifications.csv", "perturbed.svg", *(f"{name}.nc" for name in names)]
    check_folder(output, written, [*names, "specifications", "README.md"], replace=replace_output)
    outcome = study(plans, Store(store_path), permutations=permutations, jackknife_groups=intervals)
    with output_errors(output):
        path = write_page(outcome, output)
    if as_json:
        print_json([judged_data(one) for one in outcome.judged])
    else:
        rows = [(str(row), one.claim.claim, one.verdict.verdict) for row, one in enumerate(outcome.judged, 1)]
        print_table(("claim", "", "verdict"), rows)
    say(f"done in {time.monotonic() - start:.0f} s: read {path}")


def chosen_sets(sets: list[str] | None, models: list[str] | None, samples: int | None) -> list[StudySet]:
    """Return the plans of the study for the values of the options.

    Args:
        sets: names of data sets; None for all.
        models: names of models; None for all of each data set.
        samples: number of samples of each data set; None for those of the plan.

    Raises:
        InputError: an unknown data set or model, or fewer than two models on a data set.
    """
    known = [plan.dataset for plan in SETS]
    if unknown := set(sets or ()) - set(known):
        raise InputError(f"--sets {', '.join(sorted(unknown))}: the study has {', '.join(known)}")
    for name in models or ():
        find_card(name)
    plans = [plan for plan in SETS if sets is None or plan.dataset in sets]
    if samples is not None:
        plans = [replace(plan, n=min(samples, plan.n)) for plan in plans]
    if models is not None:
        plans = [replace(plan, models=[name for name in plan.models if name in models]) for plan in plans]
    for plan in plans:
        if len(plan.models) < 2:
            raise InputError(f"--models leaves {len(plan.models)} of the models on {plan.dataset}: name at least two")
    return plans
