"""`python -m bench.node_null`: measure how often models of atoms are found aligned beyond the elements.

Atoms are drawn in structures of ten random compositions. Both models know the element of each atom. Each also has an
effect of the structure, which all its atoms share, and one of the structure on each element; those of different models
are independent unless the panel says otherwise. Atoms of one structure are hence not independent. Permutations exchange
atoms of one element freely, or keep those of one structure together (``permute="blocks"``) and search neighbours in
other structures (``neighbours_outside=``), as `hyle compare --per atom` does.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

METRICS = ("cka", "mutual_knn")
WIDTH, ALPHA, PERMUTATIONS = 6, 0.05, 99
# Smallest and largest number of atoms of each element in a structure.
SIZES = {"of 9 atoms": (3, 3), "of 0 to 18 atoms": (0, 6), "of 12 to 36 atoms": (4, 12)}
# Size of what both models share: nothing, what a structure has in common, or what each atom has.
SHARED = {"nothing beyond elements": (0.0, 0.0), "structures": (0.7, 0.0), "atoms": (0.0, 0.7)}
PERMUTE = {"freely": "within", "structures together": "blocks"}
ELEMENTS = 3
# Different compositions, as of molecules: only structures of about the same composition are exchanged.
COMPOSITIONS = 10


def atoms(sizes: tuple[int, int], structures: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the structure and the element of each atom."""
    compositions = generator.integers(sizes[0], sizes[1] + 1, (COMPOSITIONS, ELEMENTS))
    counts = compositions[generator.integers(COMPOSITIONS, size=structures)]
    element = np.repeat(np.tile(np.arange(ELEMENTS), structures), counts.ravel())
    return np.repeat(np.arange(structures), counts.sum(1)), element


def models(
    structure: np.ndarray, element: np.ndarray, shared: tuple[float, float], generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw two models of atoms, [atoms, 6] each."""
    structures, n = int(structure.max()) + 1, len(structure)
    common, own = generator.normal(size=(structures, 2)), generator.normal(size=(n, 2))
    latent = shared[0] * common[structure] + shared[1] * own
    rows = {}
    for name in "ab":
        of_element = 3 * generator.normal(size=(ELEMENTS, WIDTH))
        of_structure = generator.normal(size=(structures, WIDTH))
        of_both = generator.normal(size=(structures, ELEMENTS, WIDTH))
        noise = 0.5 * generator.normal(size=(n, WIDTH))
        private = of_element[element] + of_structure[structure] + of_both[structure, element] + noise
        rows[name] = private + 2 * latent @ generator.normal(size=(2, WIDTH))
    return rows


def simulate(structures: int, sets: int, report: Callable[[int], None]) -> list[dict[str, Any]]:
    """Return the share of sets with p <= alpha, for each size, shared part, kind of permutation and metric."""
    from hyle.engine import compare

    found: dict[tuple[str, str, str, str], list[bool]] = {}
    for seed in range(sets):
        for at, (size, limits) in enumerate(SIZES.items()):
            for what, (name, shared) in enumerate(SHARED.items()):
                generator = np.random.default_rng([seed, at, what])
                structure, element = atoms(limits, structures, generator)
                rows = models(structure, element, shared, generator)
                # Free exchanges are for the error rate alone: a test without one has no power to speak of.
                for words, permute in list(PERMUTE.items())[what > 0 :]:
                    blocks = {"groups": structure, "strata": element, "neighbours_outside": structure}
                    options = blocks if permute == "blocks" else {"groups": element}
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        comparison = compare(
                            rows,
                            metrics=METRICS,
                            k=10,
                            permutations=PERMUTATIONS,
                            permute=permute,
                            seed=seed,
                            **options,
                        )
                    for metric in METRICS:
                        p = float(comparison[f"{metric}_p"].values[0, 1])
                        found.setdefault((size, name, words, metric), []).append(p <= ALPHA)
        report(seed + 1)
    names = ("sizes", "shared", "exchanged", "metric")
    return [{**dict(zip(names, key, strict=True)), "rate": float(np.mean(hits))} for key, hits in found.items()]


def write_results(rows: list[dict[str, Any]], structures: int, sets: int) -> None:
    """Write the table to bench/results."""
    info = machine()
    facts = {"structures": structures, "sets": sets, "alpha": ALPHA, "permutations": PERMUTATIONS}
    (FOLDER / "node_null.json").write_text(
        json.dumps({**facts, "measurements": rows, "machine": info}, indent=1) + "\n"
    )
    rates: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        rates.setdefault((row["sizes"], row["shared"], row["exchanged"]), {})[row["metric"]] = row["rate"]
    cells = [[*key, *(f"{rate[metric]:.3f}" for metric in METRICS)] for key, rate in rates.items()]
    caption = (
        f"The share of {sets:,} pairs of models with p <= {ALPHA}, from {PERMUTATIONS} permutations of the atoms of "
        f"{structures} structures of {COMPOSITIONS} compositions within their element: the error rate in rows with "
        f"nothing beyond elements, the power in the others. The standard error of a rate of 0.05 is "
        f"{np.sqrt(0.05 * 0.95 / sets):.3f}."
    )
    source = f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}."
    table: list[str] = rows_of(("structures", "shared by both models", "atoms exchanged", *METRICS), cells)
    text = ["# Error rates of models of atoms", "", caption, "", *table, "", source, ""]
    (FOLDER / "node_null.md").write_text("\n".join(text))
    click.echo(f"wrote {FOLDER / 'node_null.json'} and {FOLDER / 'node_null.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--structures", type=click.IntRange(10), default=30, help="Number of structures of each set.")
@click.option("--sets", type=click.IntRange(2), default=200, help="Number of sets.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(structures: int, sets: int, write: bool) -> None:
    """Measure how often models of atoms are found aligned beyond the elements, when they are not and when they are."""

    def report(done: int) -> None:
        if done % 20 == 0:
            click.echo(f"{done} of {sets} sets")

    rows = simulate(structures, sets, report)
    for row in rows:
        click.echo("{sizes}, {shared}, {exchanged}, {metric}: {rate:.3f}".format(**row))
    if write:
        write_results(rows, structures, sets)


if __name__ == "__main__":
    main()
