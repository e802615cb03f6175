"""`python -m bench.first_number`: measure how much CPU time a new process takes until it shows its first result.

Each command is a separate process. Its CPU seconds, of the user and of the system, are divided by those of a process
that only imports JAX, xarray and pandas, in the same run: the ratio depends little on the machine and on its load.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

# The process that all others are compared with.
BASELINE = ("python", "-c", "import jax, xarray, pandas")
# Widths of the models of a panel.
WIDTHS = (16, 32, 48, 64, 100, 128, 200, 256, 300, 384, 512, 640, 24, 80, 160)
FIRST_COMPARE = """
import numpy as np
from hyle.engine import compare
x = np.random.default_rng(0).normal(size=(100, 32))
compare({"a": x[:, :8], "b": x}, k=10)
"""


@dataclass(frozen=True)
class Case:
    """One command.

    Args:
        name: as the table shows it.
        command: its words; the first is ``hyle`` or ``python``.
        target: the largest ratio that is acceptable.
        cold: whether the cache of compiled programs is empty.
    """

    name: str
    command: tuple[str, ...]
    target: float
    cold: bool = False


def cases() -> list[Case]:
    """Return all commands; they run in a folder that `write_inputs` has filled."""
    two = ("hyle", "compare", "a.npz", "b.npz", "-k", "10")
    stored = ("hyle", "compare", "--store", "store")
    return [
        Case("compare two files of 100 samples", two, 1.5),
        Case("the same, nothing compiled before", two, 2.5, cold=True),
        Case("compare 12 stored models of 500 samples", stored, 3),
        Case("the same, nothing compiled before", stored, 5, cold=True),
        Case("the first compare() of 100 samples in Python", ("python", "-c", FIRST_COMPARE), 1.5),
        Case("hyle --help", ("hyle", "--help"), 0.4),
        Case("hyle --version", ("hyle", "--version"), 0.4),
        Case("hyle models", ("hyle", "models"), 0.4),
        Case("hyle metrics", ("hyle", "metrics"), 0.4),
        Case("report of 15 models of 500 samples", ("hyle", "report", "panel.nc", "-o", "report"), 6),
    ]


def panel(n: int, widths: Sequence[int]) -> dict[str, np.ndarray]:
    """Draw models of n samples, noisy functions of six shared latents."""
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(n, 6))
    return {
        f"m{width}": np.tanh(latent @ generator.normal(size=(6, width))) + 0.3 * generator.normal(size=(n, width))
        for width in widths
    }


def write_inputs(folder: Path) -> None:
    """Write two files of 100 samples, a store of 12 models, and the comparison of 15."""
    from hyle.engine import compare, save_comparison
    from hyle.zoo import Representation
    from hyle.zoo.store import Store

    generator = np.random.default_rng(0)
    for name, width in (("a", 8), ("b", 32)):
        np.savez(folder / f"{name}.npz", ids=[f"s{row}" for row in range(100)], x=generator.random((100, width)))
    store, models, ids = Store(folder / "store"), panel(500, WIDTHS), [f"s{row}" for row in range(500)]
    for name in list(models)[:12]:
        key = store.key(model=name, weights="drawn", dataset="planted-1", layer="last", pooling="mean")
        store.save(key, Representation(name, models[name].astype(np.float32), ids))
    save_comparison(compare(models, permutations="auto"), folder / "panel.nc")


def cpu_seconds(command: Sequence[str], folder: Path, cache: Path) -> float:
    """Run a command and return its CPU seconds, of the user and of the system.

    Args:
        command: see `Case`.
        folder: the working folder.
        cache: hyle's cache folder.

    Raises:
        RuntimeError: the command fails; with the end of its errors.
    """
    words = [sys.executable, *(["-m", "hyle.cli"] if command[0] == "hyle" else []), *command[1:]]
    # Python compiles each module once and keeps the result, unless it is told not to.
    ignored = ("HYLE_", "JAX_COMPILATION", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ignored)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words,
        cwd=folder,
        env={**kept, "HYLE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(repeats: int, wanted: Sequence[Case], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one row per case: the fewest CPU seconds of several runs, and their ratio to the baseline."""
    warm = folder / "cache"
    baseline = min(cpu_seconds(BASELINE, folder, warm) for _ in range(repeats + 1))
    yield {"name": "import jax, xarray, pandas", "seconds": baseline, "ratio": 1.0, "target": None}
    for case in wanted:
        caches = [folder / f"cold-{case.name}-{run}" if case.cold else warm for run in range(repeats)]
        try:
            if not case.cold:
                cpu_seconds(case.command, folder, warm)  # fills the caches
            seconds = min(cpu_seconds(case.command, folder, cache) for cache in caches)
        except RuntimeError as error:
            # The other commands are measured all the same; `main` ends with an error.
            yield {"name": case.name, "seconds": None, "ratio": None, "target": case.target, "error": str(error)}
        else:
            yield {"name": case.name, "seconds": seconds, "ratio": seconds / baseline, "target": case.target}


def shown(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of the table."""
    target = row["target"]
    if row["seconds"] is None:
        return [row["name"], "failed", "", f"{target:g}", "no"]
    met = "" if target is None else "yes" if row["ratio"] <= target else "no"
    return [row["name"], f"{row['seconds']:.2f} s", f"{row['ratio']:.2f}", "" if target is None else f"{target:g}", met]


def write_results(rows: list[dict[str, Any]], repeats: int) -> None:
    """Write the measurements to bench/results."""
    info = machine()
    # Without tracebacks, which name folders of this machine.
    kept = [{name: value for name, value in row.items() if name != "error"} for row in rows]
    facts = {"repeats": repeats, "measurements": kept, "machine": info}
    (FOLDER / "first_number.json").write_text(json.dumps(facts, indent=1) + "\n")
    caption = (
        f"CPU seconds (user and system) of new processes, the fewest of {repeats} runs, and their ratio to a process "
        "that only imports JAX, xarray and pandas. Other work on the machine makes all of them slower, but changes the "
        "ratios little."
    )
    head = ("process", "CPU time", "ratio", "target", "met")
    source = f"{info['cpu']}, {info['cores']} cores, load {info['load']:.1f}, {info['date']}, commit {info['commit']}."
    text = ["# CPU time until the first result", "", caption, "", *rows_of(head, map(shown, rows)), "", source, ""]
    (FOLDER / "first_number.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'first_number.json'} and {FOLDER / 'first_number.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--repeats", type=click.IntRange(1), default=3, help="Number of runs of each process.")
@click.option("--only", default="", help="Measure only the commands that contain this text.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results; never with --only.")
def main(repeats: int, only: str, write: bool) -> None:
    """Measure the CPU time of new processes until their first result."""
    wanted = [case for case in cases() if only in " ".join([case.name, *case.command])]
    if not wanted:
        raise click.UsageError(f"no command contains {only!r}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder))
        for row in measure(repeats, wanted, Path(folder)):
            rows.append(row)
            click.echo("{:50} {:>8} {:>7} {:>7} {:>4}".format(*shown(row)))
    if write and not only:
        write_results(rows, repeats)
    errors = [row["error"] for row in rows if "error" in row]
    if errors:
        raise click.ClickException("\n".join(errors))


if __name__ == "__main__":
    main()
