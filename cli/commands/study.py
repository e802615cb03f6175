"""The study of Edamadaka et al. (2025), on the models and data that can be had here."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path

import click

from hyle.zoo import InputError, Store, find_card

from ..console import print_table, say
from ..options import json_option, print_json, split, store_option
from ..study import SETS, StudySet, study, write_page


@click.command()
@click.option("--sets", help=f"Of {', '.join(plan.dataset for plan in SETS)}, these alone. [default: all]")
@click.option("--models", help="Of the models of the plan, these alone, comma-separated. [default: all]")
@click.option("-n", "--samples", type=click.IntRange(40), help="Samples of each set. [default: 1,000, or all it has]")
@click.option("--permutations", type=click.IntRange(19), default=200, show_default=True, help="Behind p-values.")
@click.option("--intervals", type=click.IntRange(5), default=20, show_default=True, help="Parts left out in turn.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hyle-study"),
    show_default=True,
    help="Folder for the page.",
)
@store_option
@json_option
def command(
    sets: str | None,
    models: str | None,
    samples: int | None,
    permutations: int,
    intervals: int,
    output: Path,
    store_path: Path,
    as_json: bool,
) -> None:
    """Repeat the study of Edamadaka et al. (2025) on models that run from packages, and say which findings hold.

    Molecules, crystals in and out of distribution, and proteins. It takes an hour or more; interrupted, it continues
    where it stopped.

    \b
    hyle study -o study
    hyle study --sets mptrj,mpf-tp -n 300        crystals alone
    """
    start = time.monotonic()
    plans = chosen_sets(split(sets), split(models), samples)
    found, panels = study(plans, Store(store_path), permutations=permutations, jackknife_groups=intervals)
    path = write_page(found, panels, output)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            ("finding", "claim", "verdict"), [(str(row + 1), one.claim, one.verdict) for row, one in enumerate(found)]
        )
    say(f"done in {time.monotonic() - start:.0f} s: read {path}")


def chosen_sets(sets: list[str] | None, models: list[str] | None, samples: int | None) -> list[StudySet]:
    """Return the plans of the named data sets, or of all, with these models and so many samples."""
    known = [plan.dataset for plan in SETS]
    if wrong := set(sets or ()) - set(known):
        raise InputError(f"--sets {', '.join(sorted(wrong))}: the study has {', '.join(known)}")
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
