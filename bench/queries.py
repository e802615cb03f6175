"""`python -m bench.queries`: measure the errors, intervals and time of comparisons of some samples with all.

The samples stay the same, and the queries are drawn anew in each trial. The truth of a metric is its value with all
samples as queries.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of, seconds

# One entry of each metric is summarised: of a pair metric the first model with the second, else the first model.
PAIR, MODEL = {"model": "a", "other": "b"}, {"model": "a"}


def panel(n: int) -> dict[str, np.ndarray]:
    """Draw n samples of six shared latents, as three models see them: bent, linear, with more noise; [n, 64] each."""
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(n, 6))
    found = {}
    for name, noise in (("a", 0.1), ("b", 0.1), ("c", 0.5)):
        signal = shared @ generator.normal(size=(6, 64)) / 6**0.5
        signal = np.tanh(signal) if name == "a" else signal
        found[name] = (signal + noise * generator.normal(size=signal.shape)).astype(np.float32)
    return found


def simulate(
    metrics: list[str], n: int, queries: int, trials: int, report: Callable[[int], None]
) -> tuple[dict[str, float], dict[str, dict[str, np.ndarray]], dict[str, float]]:
    """Return the exact value of each metric; value, error and interval ends, [trials] each; and CPU seconds."""
    from hyle.engine import compare

    given = panel(n)

    def of(comparison: Any, name: str) -> float:
        return float(comparison[name].sel(PAIR if "other" in comparison[name].dims else MODEL))

    compare(given, metrics=metrics, queries=queries)  # what is compiled is not counted
    start = time.process_time()
    exact = compare(given, metrics=metrics)
    spent = {"all": time.process_time() - start}
    found: dict[str, dict[str, list[float]]] = {name: {"": [], "_se": [], "_low": [], "_high": []} for name in metrics}
    start = time.process_time()
    for seed in range(trials):
        comparison = compare(given, metrics=metrics, queries=queries, seed=seed)
        for name, values in found.items():
            for suffix, numbers in values.items():
                numbers.append(of(comparison, name + suffix))
        report(seed + 1)
    spent["queries"] = (time.process_time() - start) / trials
    trialled = {name: {suffix: np.array(v) for suffix, v in values.items()} for name, values in found.items()}
    return {name: of(exact, name) for name in metrics}, trialled, spent


def summary(metric: str, exact: float, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the root mean square error over the trials, the mean standard error and the coverage."""
    error = float(np.sqrt(np.square(values[""] - exact).mean()))
    return {
        "metric": metric,
        "exact": exact,
        "mean": float(values[""].mean()),
        "rms_error": error,
        "se": float(values["_se"].mean()),
        "ratio": float(values["_se"].mean() / error),
        "coverage": float(((values["_low"] <= exact) & (exact <= values["_high"])).mean()),
    }


def write_results(rows: list[dict[str, Any]], n: int, queries: int, trials: int, spent: dict[str, float]) -> None:
    """Write the summaries of all metrics to bench/results."""
    info = machine()
    facts = {"n": n, "queries": queries, "trials": trials, "cpu_seconds": spent, "measurements": rows, "machine": info}
    (FOLDER / "queries.json").write_text(json.dumps(facts, indent=1) + "\n")
    head = ("metric", "all samples", "mean of queries", "rms error", "mean se / rms error", "coverage")
    shown = {"exact": ".4g", "mean": ".4g", "rms_error": ".2g", "ratio": ".2f", "coverage": ".3f"}
    cells = [[row["metric"], *(format(row[name], digits) for name, digits in shown.items())] for row in rows]
    caption = (
        f"{queries:,} of {n:,} planted samples drawn as queries and compared with all: errors as estimates of the "
        f"scores of all samples, and how often 95 % intervals contain these, in {trials} draws. The error of a "
        f"coverage of 0.95 is {(0.95 * 0.05 / trials) ** 0.5:.3f}."
    )
    all_, some = (seconds({"seconds": spent[name]}) for name in ("all", "queries"))
    times = (
        f"CPU time of 3 models of 64 columns, all of these metrics together: {all_} with all samples, {some} with "
        f"{queries:,} queries."
    )
    limits = (
        "The debiased and the biased CKNNA also sum over pairs of queries that are neighbours of each other, of which "
        "there are few: their errors are larger than those of the overlaps of neighbours."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    text = ["# Sampled queries", "", caption, "", *rows_of(head, cells), "", times, "", limits, "", source, ""]
    (FOLDER / "queries.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'queries.json'} and {FOLDER / 'queries.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(100), default=20_000, help="Number of samples.")
@click.option("--queries", type=click.IntRange(40), default=1_000, help="Number of queries of each trial.")
@click.option("--trials", type=click.IntRange(2), default=160, help="Number of trials.")
@click.option("--metric", "metrics", multiple=True, help="Measure only these; may be repeated.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(n: int, queries: int, trials: int, metrics: tuple[str, ...], write: bool) -> None:
    """Measure the errors, intervals and time of all metrics that queries can estimate."""
    from hyle.engine import list_metrics

    names = list(metrics or (name for name, metric in list_metrics().items() if metric.queries == "sampled"))

    def report(done: int) -> None:
        if done % 10 == 0:
            click.echo(f"{done} of {trials} trials")

    exact, values, spent = simulate(names, n, queries, trials, report)
    rows = [summary(name, exact[name], values[name]) for name in names]
    for row in rows:
        click.echo(
            "{metric}  {exact:.4g}, rms error {rms_error:.2g}, mean se {se:.2g}, coverage {coverage:.3f}".format(**row)
        )
    click.echo(f"CPU time: {spent['all']:.1f} s with all samples, {spent['queries']:.2f} s with {queries:,} queries")
    if write and not metrics:
        write_results(rows, n, queries, trials, spent)


if __name__ == "__main__":
    main()
