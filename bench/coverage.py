"""`python -m bench.coverage`: measure how often the 95 % interval of each metric covers the truth, on planted data.

Many sets of samples are drawn from one population, for which two models are fixed. The truth of a metric is its mean
over the sets: an interval is about sets of n samples, not about an infinite one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

# An interval of 95 % covers within these bounds in 200 sets, 2 binomial standard deviations from 95 %.
BOUNDS = (0.92, 0.97)
# Local maps take minutes for each set.
SKIPPED = ("reconstruction_error_local",)


def panel(n: int, seed: int) -> dict[str, np.ndarray]:
    """Draw n samples of four shared latents, as two models see them: bent and linear, each with noise."""
    fixed, generator = np.random.default_rng(0), np.random.default_rng([seed, n])
    first, second = fixed.normal(size=(4, 8)), fixed.normal(size=(4, 6))
    shared = generator.normal(size=(n, 4))
    return {
        "a": np.tanh(shared @ first) + 0.5 * generator.normal(size=(n, 8)),
        "b": shared @ second + generator.normal(size=(n, 6)),
    }


def simulate(
    metrics: list[str], n: int, sets: int, groups: int, report: Callable[[int], None]
) -> dict[str, dict[str, np.ndarray]]:
    """Return value, standard error and interval ends of each metric, [sets] each."""
    from hyle.engine import compare

    found: dict[str, dict[str, list[float]]] = {name: {"": [], "_se": [], "_low": [], "_high": []} for name in metrics}
    for seed in range(sets):
        comparison = compare(panel(n, seed), metrics=metrics, jackknife_groups=groups)
        for name, values in found.items():
            entry = {"model": "a", "other": "b"} if "other" in comparison[name].dims else {"model": "a"}
            for suffix, numbers in values.items():
                numbers.append(float(comparison[name + suffix].sel(entry)))
        report(seed + 1)
    return {name: {suffix: np.array(v) for suffix, v in values.items()} for name, values in found.items()}


def summary(metric: str, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the coverage of the mean over sets, and the mean standard error relative to the deviation over sets."""
    value, truth = values[""], float(values[""].mean())
    covered = (values["_low"] <= truth) & (truth <= values["_high"])
    deviation = float(value.std(ddof=1))
    return {
        "metric": metric,
        "mean": truth,
        "deviation": deviation,
        "se": float(values["_se"].mean()),
        "ratio": float(values["_se"].mean() / deviation),
        "coverage": float(covered.mean()),
    }


def write_results(rows: list[dict[str, Any]], n: int, sets: int, groups: int) -> None:
    """Write the summaries of all metrics to bench/results."""
    info = machine()
    facts = {"n": n, "sets": sets, "jackknife_groups": groups, "measurements": rows, "machine": info}
    (FOLDER / "coverage.json").write_text(json.dumps(facts, indent=1) + "\n")
    head = ("metric", "mean", "deviation over sets", "mean se / deviation", "coverage")
    shown = {"mean": ".4f", "deviation": ".4f", "ratio": ".2f", "coverage": ".3f"}
    cells = [[row["metric"], *(format(row[name], digits) for name, digits in shown.items())] for row in rows]
    caption = (
        f"95 % intervals by delete-a-group jackknife, {groups} groups: how often they cover the mean over {sets} "
        f"sets of {n} planted samples. The error of a coverage of 0.95 is {(0.95 * 0.05 / sets) ** 0.5:.3f}."
    )
    limits = (
        "What depends on the nearest one or two neighbours (cycle k-NN, information imbalance, TwoNN) or on ratios of "
        "distances changes in steps where a neighbour is left out. The jackknife counts what depends on pairs of "
        "samples twice, and more for larger sets (Efron & Stein 1981): these intervals are too wide."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    text = ["# Coverage of intervals", "", caption, "", *rows_of(head, cells), "", limits, "", source, ""]
    (FOLDER / "coverage.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'coverage.json'} and {FOLDER / 'coverage.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(40), default=200, help="Number of samples of each set.")
@click.option("--sets", type=click.IntRange(2), default=200, help="Number of sets.")
@click.option("--groups", type=click.IntRange(5), default=20, help="Number of jackknife groups.")
@click.option("--metric", "metrics", multiple=True, help="Measure only these; may be repeated.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(n: int, sets: int, groups: int, metrics: tuple[str, ...], write: bool) -> None:
    """Measure the coverage of the 95 % intervals of all metrics."""
    from hyle.engine import list_metrics

    names = [name for name in metrics or list_metrics() if metrics or name not in SKIPPED]

    def report(done: int) -> None:
        if done % 10 == 0:
            click.echo(f"{done} of {sets} sets")

    rows = [summary(name, values) for name, values in simulate(names, n, sets, groups, report).items()]
    for row in rows:
        mark = "" if BOUNDS[0] <= row["coverage"] <= BOUNDS[1] else "  outside of 92 to 97 %"
        click.echo("{metric}  coverage {coverage:.3f}, mean se / deviation {ratio:.2f}".format(**row) + mark)
    if write and not metrics:
        write_results(rows, n, sets, groups)


if __name__ == "__main__":
    main()
