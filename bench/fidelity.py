"""`python -m bench.fidelity`: compare the rows and energies of adapters with those of the models' own libraries.

The library runs one sample at a time, as its documentation shows; the adapter runs batches. Each model runs in a
separate process, because some libraries change global settings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import click
import numpy as np

from .measure import ROOT
from .references import references, supported
from .worker import RESULT_PREFIX

ROWS = 1e-4  # relative to the norm of the row
ENERGIES = 1e-4  # eV per atom


def compare(name: str, n: int) -> dict[str, Any]:
    """Compare one model with its library on n samples of each of its data sets.

    Returns:
        ``n``, the number of samples; ``rows``, the largest difference relative to the norm of the library's row;
        ``energies``, the largest difference in eV per atom, or None; and ``worst``, the ids of both samples.
    """
    from hyle.zoo import load, load_dataset

    model = load(name)
    case = references(model.card.adapter)
    assert case is not None
    prepare, datasets = case
    samples = []
    for dataset in datasets:
        data = load_dataset(dataset)
        samples += supported(model.adapter, iter(list(data)[:n]))
    embedded = model.embed(samples)
    got, energies = np.asarray(embedded.embedding, np.float64), embedded.energies
    call = prepare(model.adapter)
    rows, gaps = np.zeros(len(samples)), np.full(len(samples), np.nan)
    for i, sample in enumerate(samples):
        row, energy = call(sample)
        rows[i] = np.linalg.norm(got[i] - row) / np.linalg.norm(row)
        if energies is not None and energy is not None:
            gaps[i] = abs(energies[i] - energy) / len(sample.atoms)  # type: ignore[arg-type]
    return {
        "model": name,
        "datasets": datasets,
        "n": len(samples),
        "rows": float(rows.max()),
        "energies": None if np.isnan(gaps).all() else float(np.nanmax(gaps)),
        "worst": [samples[int(np.nan_to_num(values).argmax())].id for values in (rows, gaps)],
        "beyond": int(((rows > ROWS) | (gaps > ENERGIES)).sum()),
    }


def names() -> list[str]:
    """Return the models whose adapter has a reference, and whose weights are in a package."""
    from hyle.zoo import list_models

    cards = [card for card in list_models() if not card.reason and (card.weights is None or not card.weights.remote)]
    return [card.name for card in cards if references(card.adapter)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1)
@click.option("-n", type=click.IntRange(1), default=50, show_default=True, help="Samples of each data set.")
@click.option("--one", hidden=True)
def main(models: tuple[str, ...], n: int, one: str | None) -> None:
    """Compare MODELS, by default all whose library is installed, with their libraries.

    Exits with code 1 if a row differs by more than 1e-4 or an energy by more than 1e-4 eV per atom.
    """
    if one is not None:
        print(RESULT_PREFIX + json.dumps(compare(one, n)), flush=True)
        return
    unknown = sorted(set(models) - set(names()))
    if unknown:
        raise click.UsageError(f"no reference for {', '.join(unknown)}; there is one for {', '.join(names())}")
    failed = 0
    for name in models or names():
        command = [sys.executable, "-m", "bench.fidelity", "--one", name, "-n", str(n)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT_PREFIX)]
        if not lines:
            reason = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
            missing = "ModuleNotFoundError" in reason or "MissingPackageError" in reason
            failed += not missing
            click.echo(f"{name:24} {'not compared' if missing else 'FAILED'}: {reason[:160]}")
            continue
        row = json.loads(lines[-1].removeprefix(RESULT_PREFIX))
        failed += row["beyond"] > 0
        energies = "-" if row["energies"] is None else f"{row['energies']:.1e} eV/atom"
        verdict = "" if not row["beyond"] else f"  {row['beyond']} BEYOND; worst {' '.join(row['worst'])}"
        click.echo(f"{name:24} n {row['n']:4}  rows {row['rows']:.1e}  energies {energies}{verdict}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
