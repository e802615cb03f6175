"""Draw conclusions from a Comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._console import print_table, say
from .._options import json_option, print_json
from ..tables import number, read_scores

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Change


def analyse(comparison: xr.Dataset, metric: str, *, top: int = 1, reference: str | None = None) -> dict[str, Any]:
    """Answer what a Comparison can: convergence, what explains who is alike, and the tree of its models.

    Args:
        comparison: as `hyle.cli.commands.compare.compare` gives it.
        metric: a pair metric of it.
        top: best models that alignment is averaged over.
        reference: a model to take for the best.

    Returns:
        ``convergence``, with and without the reference's own family, None without energy errors; ``factors``; ``tree``,
        None for fewer than three models.
    """
    from hyle.engine.analysis import convergence, factors, tree

    found: dict[str, Any] = {"metric": metric, "convergence": None, "tree": None}
    errors = comparison["energy_mae"].values if "energy_mae" in comparison else None
    if errors is not None and (errors == errors).sum() > 1:
        options = {"top": top, "reference": reference}
        found["convergence"] = {
            name: convergence(comparison, metric, other_families=other, **options)  # type: ignore[arg-type]
            for name, other in (("all", False), ("other_families", True))
        }
    elif reference is not None:
        raise ValueError("no two models have energy errors, so that there is no convergence to a reference")
    found["factors"] = factors(comparison, metric)
    if comparison.sizes["model"] >= 3:
        try:
            found["tree"] = tree(comparison, metric)
        except ImportError as error:
            say(str(error))
    return found


def print_analysis(found: dict[str, Any]) -> None:
    """Print the answers, with n, interval and p, and no claim that they do not carry."""
    metric = found["metric"]
    click.echo(f"By {metric}.\n")
    runs = dict(found["convergence"] or {})
    if runs and runs["all"].models == runs["other_families"].models:
        del runs["other_families"]
    for name, one in runs.items():
        who = "models" if name == "all" else "models of other families"
        click.echo(f"Alignment to {', '.join(one.reference)}, the best by energy: {one.n} {who}")
        rows = list(
            zip(one.models, (number(e, 4) for e in one.error), (number(a, 4) for a in one.alignment), strict=True)
        )
        print_table(("model", "energy error / eV", metric), rows, right=("energy error / eV", metric), keys=1)
        if one.correlation == one.correlation:
            interval = f"{number(one.low, 2)} to {number(one.high, 2)}"
            told = "" if one.p <= 0.05 else "; not told from chance"
            click.echo(f"rank correlation {number(one.correlation, 2)}, 95 % {interval}, p = {one.p:.2g}{told}\n")
        else:
            click.echo("too few models for a correlation\n")
    if found["factors"]:
        click.echo("What explains who is alike, each fact alone (PERMANOVA)")
        lines = [
            (f.name, f.groups, f.n, f"{100 * f.share:.0f} %", f"{100 * f.by_chance:.0f} %", f"{f.p:.2g}")
            for f in found["factors"]
        ]
        headings = ("fact", "values", "models", "share", "by chance", "p")
        print_table(headings, lines, right=headings[1:], keys=1)
    if found["tree"] is not None:
        click.echo("Neighbour joining of the models' profiles; numbers are the support of a branch in per cent")
        click.echo(found["tree"].drawn())
        click.echo(found["tree"].newick)


def print_changes(changes: Sequence[Change]) -> None:
    """Print what becomes of each metric on other samples."""
    click.echo(f"From the first to the second comparison, {changes[0].models} models; as alignment beyond chance")
    headings = ("metric", "first", "second", "95 % of the change", "pairs rising", "rank correlation of pairs")
    lines = []
    for one in changes:
        interval = f"{number(one.low, 3)} to {number(one.high, 3)}"
        known = number(one.correlation, 2) if one.correlation == one.correlation else "–"
        lines.append((one.metric, number(one.inside, 3), number(one.outside, 3), interval, f"{one.rising:.0%}", known))
    print_table(headings, lines, right=headings[1:], keys=1)


@click.command()
@click.argument("comparison", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--metric", help="A pair metric of the comparison. [default: cknna, else its first]")
@click.option("--top", type=click.IntRange(1), default=1, show_default=True, help="Best models to average over.")
@click.option("--reference", help="The model that alignment is to. [default: that of least energy error]")
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A second comparison of the same models, such as out of distribution: what changes?",
)
@json_option
def command(
    comparison: Path, metric: str | None, top: int, reference: str | None, against: Path | None, as_json: bool
) -> None:
    """Say what follows from COMPARISON, a .nc file of `hyle compare -o` or `hyle run`.

    Do better models lie closer to the best one, what explains who is alike, and which models belong together.

    \b
    hyle run -o report && hyle analyse report/comparison.nc
    hyle analyse mptrj.nc --against random-tp.nc
    """
    from hyle.engine import load_comparison
    from hyle.engine.analysis import regimes

    data = load_comparison(comparison)
    scores = read_scores(data)
    if not scores:
        raise ValueError(f"{comparison} has no pair metric: make it by hyle compare --metrics cknna")
    changes = None if against is None else regimes(data, load_comparison(against))
    found = analyse(
        data, metric or ("cknna" if "cknna" in scores else next(iter(scores))), top=top, reference=reference
    )
    if as_json:
        plain = {key: value for key, value in found.items() if key == "metric"}
        runs = found["convergence"]
        plain["convergence"] = runs and {name: dataclasses.asdict(one) for name, one in runs.items()}
        plain["factors"] = [dataclasses.asdict(one) for one in found["factors"]]
        plain["tree"] = found["tree"] and {"newick": found["tree"].newick, "distances": found["tree"].distances}
        plain["changes"] = changes and [dataclasses.asdict(one) for one in changes]
        print_json(plain)
    else:
        print_analysis(found)
        if changes is not None:
            print_changes(changes)
