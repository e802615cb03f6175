"""`python -m bench.null`: what permutations cost beside the comparison that they calibrate.

Each metric alone on the same panel, without permutations and with them, in turns; compiled beforehand.
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
    """Time the comparison of all pairs by one metric, without permutations and with them; the best of each."""
    from hyle.engine import compare

    clocks: dict[int, list[Clock]] = {0: [], permutations: []}
    for round_ in range(rounds + 1):
        for count, kept in clocks.items():
            with Clock() as clock:
                compare(panel, metrics=[metric], permutations=count)
            if round_:  # the first compiles
                kept.append(clock)
    alone, both = (min(clock.wall for clock in kept) for kept in clocks.values())
    others = max(clock.others or 0.0 for kept in clocks.values() for clock in kept)
    return {"metric": metric, "seconds": alone, "with": both, "ratio": (both - alone) / alone, "others": others}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-n", type=click.IntRange(64), default=4000, help="Samples.")
@click.option("-m", type=click.IntRange(2), default=16, help="Models, of 256 to 1,024 columns.")
@click.option("--permutations", type=click.IntRange(1), default=200)
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--metric", "metrics", multiple=True, type=click.Choice(METRICS), help="Only these; may be repeated.")
@click.option("--write/--no-write", default=True, help="Put the figures into bench/results.")
def main(n: int, m: int, permutations: int, rounds: int, metrics: tuple[str, ...], write: bool) -> None:
    """Measure what permutations cost beside the comparison itself."""
    widths = tuple(int(width) for width in np.linspace(256, 1024, m))
    panel = {f"model {i:02d}": array for i, array in enumerate(models(n, widths))}
    found = []
    for metric in metrics or METRICS:
        found.append(measure(metric, panel, permutations, rounds))
        click.echo("{metric}  {seconds:.2f} s, with permutations {with:.2f} s: {ratio:.2f} more".format(**found[-1]))
    if write and not metrics:
        about = machine()
        facts = {"n": n, "models": m, "permutations": permutations, "measurements": found, "machine": about}
        (FOLDER / "null.json").write_text(json.dumps(facts, indent=1) + "\n")
        head = ("metric", "comparison, s", f"with K = {permutations}, s", "null over comparison")
        rows = [[one["metric"], f"{one['seconds']:.2f}", f"{one['with']:.2f}", f"{one['ratio']:.2f}"] for one in found]
        told = f"All pairs of {m} models of {n:,} samples and 256 to 1,024 columns; the best of {rounds}."
        where = f"{about['cpu']}, {about['cores']} cores, {about['date']}, commit {about['commit']}."
        text = "\n".join(["# Permutations beside the comparison", "", told, "", *rows_of(head, rows), "", where, ""])
        (FOLDER / "null.md").write_text(text)
        click.echo(f"wrote {FOLDER / 'null.json'} and {FOLDER / 'null.md'}")


if __name__ == "__main__":
    main()
