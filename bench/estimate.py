"""`python -m bench.estimate`: compare the estimated work and memory of comparisons with what they take.

Each comparison runs in this process, after a small one of the same kind that compiles what does not depend on the size.
"""

from __future__ import annotations

import json
import time
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of
from .worker import peak_of

PAIRS = ["cka", "mutual_knn", "cknna"]
# Samples, models, columns, metrics, options.
CASES: tuple[tuple[int, int, int, list[str], dict[str, Any]], ...] = (
    (8_000, 4, 128, PAIRS, {}),
    (16_000, 4, 128, PAIRS, {}),
    (32_000, 4, 128, PAIRS, {}),
    (64_000, 4, 128, PAIRS, {"queries": 2_000}),
    (8_000, 4, 128, [*PAIRS, "cka_rbf", "distance_correlation", "information_imbalance"], {}),
    (8_000, 4, 128, PAIRS, {"permutations": 200}),
    (8_000, 4, 128, PAIRS, {"jackknife_groups": 5}),
    (4_000, 12, 384, PAIRS, {}),
    (8_000, 4, 128, ["distance_correlation"], {}),
    (8_000, 4, 128, ["cka_rbf"], {}),
    (4_000, 12, 384, ["cka_rbf"], {"permutations": 200}),
)
# All atoms of the study's crystals, in seven models.
LARGE: tuple[tuple[int, int, int, list[str], dict[str, Any]], ...] = (
    (282_847, 7, 128, PAIRS, {"queries": 20_000}),
    (282_847, 7, 128, PAIRS, {}),
)


def measure(n: int, m: int, d: int, metrics: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """Return the estimated and the measured CPU seconds and MiB of one comparison of planted models."""
    from hyle.engine import compare, estimate

    generator = np.random.default_rng(0)
    shared = generator.normal(size=(n, 8)).astype(np.float32)
    models = {
        f"m{at}": np.tanh(shared @ generator.normal(size=(8, d)).astype(np.float32))
        + 0.3 * generator.normal(size=(n, d)).astype(np.float32)
        for at in range(m)
    }
    compare({name: rows[:2500] for name, rows in models.items()}, metrics=metrics, **options)
    expected = estimate(n, [d] * m, metrics, **options)
    start = time.process_time()
    peak = peak_of(lambda: compare(models, metrics=metrics, **options))
    seconds = time.process_time() - start
    again = estimate(n, [d] * m, metrics, **options)  # the processor may have become slower meanwhile
    estimated = (expected.seconds + again.seconds) / 2
    what = ", ".join(metrics if len(metrics) < 4 else [f"{len(metrics)} metrics"])
    extra = "".join(f"; {name} {value:,}" for name, value in options.items()).replace("_", " ")
    return {
        "case": f"{m} models of {n:,} x {d}, {what}{extra}",
        "estimated": estimated,
        "measured": seconds,
        "ratio": seconds / estimated,
        "estimated_memory": expected.memory / 2**20,
        "measured_memory": float("nan") if peak is None else peak / 2**20,
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--large", is_flag=True, help="7 models of 282,847 samples instead, which takes an hour.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(large: bool, write: bool) -> None:
    """Compare the estimated CPU time and memory of comparisons with what they take."""
    rows = []
    for case in LARGE if large else CASES:
        rows.append(measure(*case))
        click.echo(
            "{case}: estimated {estimated:.1f} s and {estimated_memory:,.0f} MiB, measured {measured:.1f} s and "
            "{measured_memory:,.0f} MiB, ratio of the times {ratio:.2f}".format(**rows[-1])
        )
    if not write:
        return
    write_results(rows, machine(), "estimate_large" if large else "estimate")


def write_results(rows: list[dict[str, Any]], info: dict[str, Any], name: str) -> None:
    """Write rows of `measure` to bench/results."""
    (FOLDER / f"{name}.json").write_text(json.dumps({"measurements": rows, "machine": info}, indent=1) + "\n")
    head = (
        "comparison",
        "estimated, CPU s",
        "measured, CPU s",
        "measured / estimated",
        "estimated, MiB beyond the inputs",
        "measured",
    )
    cells = [
        [
            row["case"],
            *(format(row[key], ".1f") for key in ("estimated", "measured")),
            f"{row['ratio']:.2f}",
            *(format(row[key], ",.0f") for key in ("estimated_memory", "measured_memory")),
        ]
        for row in rows
    ]
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    caption = (
        "What `hyle.engine.estimate` and `hyle compare --dry-run` say, and what comparisons of planted models take."
    )
    text = ["# Estimated and measured work", "", caption, "", *rows_of(head, cells), "", source, ""]
    (FOLDER / f"{name}.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / name}.json and .md")


if __name__ == "__main__":
    main()
