"""`python -m bench.pair_null`: measure how often pairs of models are found aligned, on noise and on planted truth.

Panels are drawn anew for each set: all models independent, or some of them functions of shared latents. Each panel is
compared with a fixed number of permutations, and with as many as hyle chooses (``permutations="auto"``).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

METRICS = ("cka", "mutual_knn", "cknna")
MODELS, ALPHA = 8, 0.05
# Number of models that share latents, which give so many aligned pairs of 28.
ALIGNED = {"no pair aligned": 0, "1 pair aligned": 2, "6 pairs aligned": 4, "all pairs aligned": 8}
PERMUTATIONS: tuple[int | str, ...] = (200, "auto")


def panel(n: int, aligned: int, seed: int) -> dict[str, np.ndarray]:
    """Draw models of n samples and 6 columns; the first ``aligned`` are noisy functions of two shared latents."""
    generator = np.random.default_rng([seed, aligned])
    shared = generator.normal(size=(n, 2))
    return {
        f"m{at}": shared @ generator.normal(size=(2, 6)) * (at < aligned) + generator.normal(size=(n, 6))
        for at in range(MODELS)
    }


def simulate(n: int, sets: int, report: Callable[[int], None]) -> list[dict[str, Any]]:
    """Return the error rates and the power of each panel, number of permutations and metric."""
    from hyle.engine import ResolutionWarning, compare

    found: dict[tuple[str, int | str, str], list[tuple[float, ...]]] = {}
    for seed in range(sets):
        for name, aligned in ALIGNED.items():
            rows = panel(n, aligned, seed)
            for count in PERMUTATIONS:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ResolutionWarning)
                    comparison = compare(rows, metrics=METRICS, k=10, permutations=count, seed=seed)
                for metric in METRICS:
                    p, q = (comparison[f"{metric}_{kind}"].values for kind in ("p", "q"))
                    drawn = comparison.attrs["permutations"]
                    found.setdefault((name, count, metric), []).append((*errors(p, q, aligned), drawn))
        report(seed + 1)
    return [
        {"panel": name, "permutations": count, "metric": metric, **summary(np.array(values))}
        for (name, count, metric), values in found.items()
    ]


def errors(p: np.ndarray, q: np.ndarray, aligned: int) -> tuple[float, float, float]:
    """Return the share of unrelated pairs with p <= alpha, the false discovery proportion, and the power."""
    first, second = np.triu_indices(len(p), 1)
    related = (first < aligned) & (second < aligned)
    single, discovered = p[first, second] <= ALPHA, q[first, second] <= ALPHA
    return (
        float(single[~related].mean()) if (~related).any() else np.nan,
        float((discovered & ~related).sum() / max(discovered.sum(), 1)),
        float(discovered[related].mean()) if related.any() else np.nan,
    )


def summary(values: np.ndarray) -> dict[str, Any]:
    """Return the means over sets of `errors` and the mean number of permutations."""
    single, proportion, power, drawn = (float(mean) for mean in values.mean(0))
    return {"single": single, "false_discoveries": proportion, "power": power, "drawn": drawn}


def write_results(rows: list[Mapping[str, Any]], n: int, sets: int) -> None:
    """Write the table to bench/results."""
    info = machine()
    facts = {"n": n, "sets": sets, "models": MODELS, "alpha": ALPHA, "measurements": rows, "machine": info}
    (FOLDER / "pair_null.json").write_text(json.dumps(facts, indent=1) + "\n")
    head = ("panel", "permutations", "drawn", "metric", "p <= 0.05, unrelated", "false discoveries", "power")
    cells = [
        [
            row["panel"],
            str(row["permutations"]),
            f"{row['drawn']:.0f}",
            row["metric"],
            *("" if np.isnan(row[key]) else f"{row[key]:.3f}" for key in ("single", "false_discoveries", "power")),
        ]
        for row in rows
    ]
    caption = (
        f"{sets:,} panels of {MODELS} models of {n} samples: the share of unrelated pairs with p <= {ALPHA}; the mean "
        f"share of false ones among the pairs with q <= {ALPHA}; and the share of aligned pairs that are found. The q "
        "of CKNNA, which is not symmetric, are adjusted for both directions of each pair."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    text = ["# Error rates of pairs", "", caption, "", *rows_of(head, cells), "", source, ""]
    (FOLDER / "pair_null.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'pair_null.json'} and {FOLDER / 'pair_null.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(20), default=60, help="Number of samples of each set.")
@click.option("--sets", type=click.IntRange(2), default=1000, help="Number of sets.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(n: int, sets: int, write: bool) -> None:
    """Measure how often pairs are found aligned that are not, and that are."""

    def report(done: int) -> None:
        if done % 50 == 0:
            click.echo(f"{done} of {sets} sets")

    rows = simulate(n, sets, report)
    for row in rows:
        rates = "p <= 0.05 {single:.3f}, false {false_discoveries:.3f}, found {power:.3f}".format(**row)
        click.echo("{panel}, {permutations}, {metric}: ".format(**row) + rates)
    if write:
        write_results(rows, n, sets)


if __name__ == "__main__":
    main()
