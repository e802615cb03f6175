"""The study of Edamadaka et al. (2025), on the models and data that can be had here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from hyle.zoo import Store, find_card, find_dataset, load_dataset

from .._console import print_table, say
from .._options import Measure, json_option, print_json, split, store_option
from ..energies import add_energy_errors
from ..samples import add_labels, add_samples
from ..study.findings import Finding, findings
from ..study.page import write_page
from ..study.plan import SETS, Panel, Panels, StudySet
from .compare import compare_with_bar
from .embed import embed_with_bar

METRICS = (
    *("cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance"),
    *("intrinsic_dimension", "intrinsic_dimension_twonn"),
)


def make_panel(plan: StudySet, store: Store, *, permutations: int = 200, intervals: int = 20) -> Panel:
    """Embed and compare one set; what the store has is not embedded again.

    Args:
        plan: which samples and models.
        store: where representations are kept.
        permutations: behind p-values.
        intervals: parts of the samples that are left out in turn.
    """
    data = load_dataset(plan.dataset, n=min(plan.n, find_dataset(plan.dataset).total), notify=say)
    say(f"{plan.dataset}: {len(data)} {data.domain}, {len(plan.models)} models and controls")
    found = [embed_with_bar(name, data, store)[0] for name in plan.models]
    # A neighbourhood of 25 is a fifth of so few samples.
    k = 25 if len(data) >= 500 else 10
    measure = Measure(metrics=METRICS, k=k, permutations=permutations, intervals=intervals)
    title = f"{len(data)} {data.domain} of {plan.dataset}: {plan.role}"
    facts = {"title": title, "domain": data.domain, "dataset_source": data.source}
    comparison = compare_with_bar(found, measure, attributes=facts)
    add_samples(comparison, found)
    add_labels(comparison, data)
    add_energy_errors(comparison, found, data)
    return Panel(plan, data, found, comparison)


def study(plans: Sequence[StudySet], store: Store, **options: int) -> tuple[list[Finding], Panels]:
    """Embed and compare every set, and try each finding of the study on them."""
    panels = {plan.dataset: make_panel(plan, store, **options) for plan in plans}
    return findings(panels), panels


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
    plans = _chosen(split(sets), split(models), samples)
    found, panels = study(plans, Store(store_path), permutations=permutations, intervals=intervals)
    path = write_page(found, panels, output)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            ("finding", "claim", "verdict"), [(str(row + 1), one.claim, one.verdict) for row, one in enumerate(found)]
        )
    say(f"done in {time.monotonic() - start:.0f} s: read {path}")


def _chosen(sets: list[str] | None, models: list[str] | None, samples: int | None) -> list[StudySet]:
    known = [plan.dataset for plan in SETS]
    if wrong := set(sets or ()) - set(known):
        raise ValueError(f"--sets {', '.join(sorted(wrong))}: the study has {', '.join(known)}")
    for name in models or ():
        find_card(name)
    plans = [plan for plan in SETS if sets is None or plan.dataset in sets]
    if samples is not None:
        plans = [replace(plan, n=min(samples, plan.n)) for plan in plans]
    if models is not None:
        plans = [replace(plan, models=[name for name in plan.models if name in models]) for plan in plans]
    for plan in plans:
        if len(plan.models) < 2:
            raise ValueError(f"--models leaves {len(plan.models)} of the models on {plan.dataset}: name at least two")
    return plans
