"""`python -m bench.null`: measure the cost of permutations relative to the comparison that they calibrate.

Each metric is measured alone on the same panel, alternately without and with permutations; compilation is excluded.
"""

from __future__ import annotations

import json
from typing import Any

import click
import numpy as np

from .inputs import models
from .results import FOLDER, machine
from .text import rows_of
from .worker import Clock

METRICS = ("cka", "mutual_knn", "jaccard_knn", "cknna", "information_imbalance", "cka_rbf", "distance_correlation")


def measure(metric: str, panel: dict[str, np.ndarray], permutations: int, rounds: int) -> dict[str, Any]:
    """Time the comparison of all pairs by one metric, without and with permutations; return the best time of each."""
    from hyle.engine import compare

    clocks: dict[int, list[Clock]] = {0: [], permutations: []}
    for round_ in range(rounds + 1):
        for count, measured in clocks.items():
            with Clock() as clock:
                compare(panel, metrics=[metric], permutations=count)
            if round_:  # the first round compiles
                measured.append(clock)
    without, both = (min(clock.wall for clock in measured) for measured in clocks.values())
    load = max(clock.background_load or 0.0 for measured in clocks.values() for clock in measured)
    return {"metric": metric, "seconds": without, "with": both, "ratio": (both - without) / without, "others": load}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(64), default=4000, help="Number of samples.")
@click.option("-m", type=click.IntRange(2), default=16, help="Number of models, with 256 to 1,024 columns.")
@click.option("--permutations", type=click.IntRange(1), default=200)
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option(
    "--metric", "metrics", multiple=True, type=click.Choice(METRICS), help="Measure only these; may be repeated."
)
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(n: int, m: int, permutations: int, rounds: int, metrics: tuple[str, ...], write: bool) -> None:
    """Measure the cost of permutations relative to the comparison itself."""
    widths = tuple(int(width) for width in np.linspace(256, 1024, m))
    panel = {f"model {i:02d}": array for i, array in enumerate(models(n, widths))}
    rows = []
    for metric in metrics or METRICS:
        rows.append(measure(metric, panel, permutations, rounds))
        line = "{metric}  {seconds:.2f} s, with permutations {with:.2f} s: they cost {ratio:.2f} comparisons"
        click.echo(line.format(**rows[-1]))
    if write and not metrics:
        info = machine()
        facts = {"n": n, "models": m, "permutations": permutations, "measurements": rows, "machine": info}
        (FOLDER / "null.json").write_text(json.dumps(facts, indent=1) + "\n")
        head = ("metric", "comparison, s", f"with K = {permutations}, s", "permutations / comparison")
        cells = [[row["metric"], *(f"{row[name]:.2f}" for name in ("seconds", "with", "ratio"))] for row in rows]
        caption = f"All pairs of {m} models of {n:,} samples and 256 to 1,024 columns; best of {rounds} runs."
        source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
        text = "\n".join(["# Cost of permutations", "", caption, "", *rows_of(head, cells), "", source, ""])
        (FOLDER / "null.md").write_text(text)
        click.echo(f"wrote {FOLDER / 'null.json'} and {FOLDER / 'null.md'}")


if __name__ == "__main__":
    main()
