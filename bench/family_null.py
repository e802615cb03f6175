"""`python -m bench.family_null`: error rates and power of every test and interval over models.

In each set the models of a family share an effect, and there is no other effect (error rate) or a planted one (power).
All procedures run at nominal 5 %. The rate with every model as its own family shows what ignoring families would give.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import click
import numpy as np

from .family_panels import FAMILY_SHARE, NOISE, PANELS, PROCEDURES, Draw, Procedure
from .results import FOLDER, machine
from .text import rows_of

RESULTS = FOLDER / "family_null.json"


def rates(
    procedure: Procedure,
    effect: float,
    sizes: tuple[int, ...],
    noise: str,
    sets: int,
    *,
    permutations: int,
    known: bool = True,
) -> list[float | None]:
    """Return, for each outcome of a procedure, the share of sets in which it rejects; None where no set gives one."""
    # One seed per set, so that every procedure and both kinds of families see the same draws.
    found = [procedure(Draw(sizes, noise, seed, known=known), effect, permutations) for seed in range(sets)]
    given = [[one for one in outcome if one is not None] for outcome in zip(*found, strict=True)]
    return [float(np.mean(outcome)) if outcome else None for outcome in given]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--sets", type=click.IntRange(10), default=1000, help="Number of sets for error rates.")
@click.option("--power-sets", type=click.IntRange(10), default=200, help="Number of sets for power and models alone.")
@click.option("--permutations", type=click.IntRange(19), default=499)
@click.option("--procedure", "only", multiple=True, type=click.Choice(list(PROCEDURES)), help="Measure only these.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results; those of others are kept.")
def main(sets: int, power_sets: int, permutations: int, only: tuple[str, ...], write: bool) -> None:
    """Measure error rates and power of the tests and intervals over models, by simulation."""
    for name in only or PROCEDURES:
        procedure, outcomes, effect = PROCEDURES[name]
        rows = []
        for panel, sizes in PANELS.items():
            for noise in NOISE:
                case = functools.partial(rates, procedure, sizes=sizes, noise=noise, permutations=permutations)
                null = case(effect=0.0, sets=sets)
                alone = case(effect=0.0, sets=power_sets, known=False)
                power = case(effect=effect, sets=power_sets)
                for outcome, *shares in zip(outcomes, null, alone, power, strict=True):
                    row = {"procedure": outcome, "panel": panel, "noise": noise, "effect": effect}
                    row |= dict(zip(("rate", "models_alone", "power"), shares, strict=True))
                    rows.append(row | {"sets": sets, "power_sets": power_sets, "permutations": permutations})
                    shown = [_shown(share) for share in shares]
                    click.echo(f"{outcome}; {panel}; {noise}: {shown[0]}, models alone {shown[1]}, power {shown[2]}")
        if write:
            save(rows)


def save(rows: list[dict[str, Any]]) -> None:
    """Write the results, and keep those of procedures that were not measured."""
    measured = {row["procedure"] for row in rows}
    earlier = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    names = [outcome for _, outcomes, _ in PROCEDURES.values() for outcome in outcomes]
    kept = [row for row in earlier if row["procedure"] in names and row["procedure"] not in measured]
    rows = sorted([*kept, *rows], key=lambda row: names.index(row["procedure"]))
    facts = {"family_share": FAMILY_SHARE, "rows": rows, "machine": machine()}
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(table(facts))
    click.echo(f"wrote {RESULTS} and {RESULTS.with_suffix('.md')}")


def table(facts: Mapping[str, Any]) -> str:
    """Return the results as Markdown: error rates, those of models alone, and power."""
    rows, head = facts["rows"], ["procedure", *(f"{panel}, {noise}" for panel in PANELS for noise in NOISE)]
    names = list(dict.fromkeys(row["procedure"] for row in rows))

    def cells(key: str) -> list[list[str]]:
        return [[name, *(_shown(row[key]) for row in rows if row["procedure"] == name)] for name in names]

    def span(key: str) -> str:
        ends = dict.fromkeys(f"{end(row[key] for row in rows):,}" for end in (min, max))
        return " to ".join(ends)

    info = facts["machine"]
    error = 100 * (0.05 * 0.95 / min(row["sets"] for row in rows)) ** 0.5
    return "\n".join(
        [
            "# Tests and intervals over models",
            "",
            f"Error rates at nominal 5 % in {span('sets')} simulated panels with no effect but that of the family, "
            f"which makes up {facts['family_share']:.0%} of the variance of a value. The standard error of a rate of "
            f"5 % is at most {error:.1f} %. A dash is an inconclusive panel: six families with two labels cannot "
            "give p = 5 %, and convergence has only five without that of the best model. For the quadrants the rate "
            "is the share of wrong ones among those that are reported, at a stated probability of at least 80 %.",
            "",
            *rows_of(head, cells("rate")),
            "",
            f"The same where every model counts as a family of its own, in {span('power_sets')} panels:",
            "",
            *rows_of(head, cells("models_alone")),
            "",
            f"Power for the effects in `bench/family_panels.py`, in {span('power_sets')} panels; for the "
            "quadrants the share of models for which one is reported:",
            "",
            *rows_of(head, cells("power")),
            "",
            f"{span('permutations')} permutations of the families, all of them for up to seven. {info['cpu']}, "
            f"{info['cores']} cores, {info['date']}, commit {info['commit']}.",
            "",
        ]
    )


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
