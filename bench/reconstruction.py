"""`python -m bench.reconstruction`: how much of one potential's features the features of another reconstruct.

Global and local reconstruction errors (GFRE, LFRE) between interatomic potentials, of features per structure by the
cumulants 1 to m of the features of its atoms, or of the features of atoms. Maps are fitted to half of the formulas and
tested on the other half, so that states of one material are never on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

OF_MATERIALS = ("chgnet-0.3.0", "chgnet-0.2.0", "chgnet-r2scan", "sevennet-0", "dpa3-mptrj", "dpa3-openlam")
MODELS = {
    "qm9": (*OF_MATERIALS, "ani-1x", "ani-1ccx", "ani-2xt", "aimnet2"),
    "mptrj": OF_MATERIALS,
}
# Fine-tuned model -> the model that it was fine-tuned from.
PARENTS = {"chgnet-r2scan": "chgnet-0.3.0", "ani-1ccx": "ani-1x"}
ORDERS = (1, 2, 3, 4)
METRICS = {"gfre": "reconstruction_error", "lfre": "reconstruction_error_local"}


def interleaved(labels: Sequence[str], seed: int) -> np.ndarray:
    """Return an order of rows in which even places have one half of the groups and odd places the other half.

    Args:
        labels: n groups; each goes to the half that has fewer rows at its turn, in random order.
        seed: of the random order.

    The rows that one half has more than the other are left out. Comparisons fit maps to every second row.
    """
    names, codes = np.unique(labels, return_inverse=True)
    halves: tuple[list[int], list[int]] = ([], [])
    for group in np.random.default_rng(seed).permutation(len(names)):
        min(halves, key=len).extend(np.flatnonzero(codes == group).tolist())
    size = min(map(len, halves))
    return np.stack([half[:size] for half in halves], 1).ravel()


def blocks(cumulants: np.ndarray, orders: int = len(ORDERS)) -> list[np.ndarray]:
    """Divide rows of cumulants 1 to 4 by order, each scaled to total variance 1; those without variance stay 0."""
    parts = np.split(np.asarray(cumulants, np.float64), orders, axis=1)
    centred = [part - part.mean(0) for part in parts]
    totals = [float((part**2).sum(1).mean()) for part in centred]
    return [
        (part / (total**0.5 if total > 0 else 1)).astype(np.float32)
        for part, total in zip(centred, totals, strict=True)
    ]


def compact(x: np.ndarray, width: int | None = None) -> np.ndarray:
    """Rotate rows [n, d] into n columns, the last of them 0: errors do not change, and all models have one shape.

    With ``width``, at least the d of every model, into as many columns if these are fewer.
    """
    points = np.asarray(x, np.float64) - np.mean(x, 0, dtype=np.float64)
    left, values, _ = np.linalg.svd(points, full_matrices=False)
    scores = (left * values).astype(np.float32)
    return np.pad(scores, ((0, 0), (0, min(len(x), width or len(x)) - scores.shape[1])))


def between(rows: Mapping[str, np.ndarray], orders: Sequence[np.ndarray], k: int) -> dict[str, Any]:
    """Return the mean and the standard deviation over splits, [from][to] in the order of the models, of both errors."""
    from hyle.engine import compare

    found: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    widest = max(x.shape[1] for x in rows.values())
    same_shape = {name: compact(x, widest) for name, x in rows.items()}
    for order in orders:
        comparison = compare({name: x[order] for name, x in same_shape.items()}, metrics=list(METRICS.values()), k=k)
        for name, metric in METRICS.items():
            found[name].append(np.asarray(comparison[metric].values))
    return {
        name: {"mean": np.mean(values, 0).tolist(), "sd": np.std(values, 0).tolist()} for name, values in found.items()
    }


def added(parts: Sequence[np.ndarray], orders: Sequence[np.ndarray]) -> list[float]:
    """Return the global error of reconstructing each cumulant from all lower ones of the same model."""
    from hyle.engine import reconstruction_error

    known = [compact(np.concatenate(parts[:m], 1)) for m in range(1, len(parts))]
    pairs = list(zip(known, map(compact, parts[1:]), strict=True))
    return [float(np.mean([reconstruction_error(x[order], y[order]) for order in orders])) for x, y in pairs]


def up_to(m: int) -> str:
    """Name the cumulants 1 to m."""
    return f"1 to {m}" if m > 1 else "1"


def off_diagonal(matrix: Any) -> float:
    """Average a square matrix without its diagonal."""
    values = np.asarray(matrix)
    return float(values[~np.eye(len(values), dtype=bool)].mean())


def measure(dataset: str, models: Sequence[str], n: int, splits: int, k: int, per: str | None) -> dict[str, Any]:
    """Embed samples with all models, or read what is stored, and compare the rows that all have."""
    from hyle.cli.jobs import embed_with_progress
    from hyle.cli.options import default_store
    from hyle.zoo import Store, load_dataset

    data, store = load_dataset(dataset, n=n), Store(default_store())
    pooling = None if per else f"cumulants({len(ORDERS)})"
    stored = [embed_with_progress(name, data, store, pooling=pooling, per=per)[0] for name in models]
    ids = sorted(set.intersection(*(set(each.ids) for each in stored)))
    rows, labels = {}, {}
    for each in stored:
        position = {id_: row for row, id_ in enumerate(each.ids)}
        rows[each.name] = np.asarray(each.embedding, np.float32)[[position[id_] for id_ in ids]]
        labels |= dict(zip(each.ids, each.groups["formula"], strict=True))
    orders = [interleaved([labels[id_] for id_ in ids], seed) for seed in range(splits)]
    orders = [order[: min(map(len, orders))] for order in orders]
    facts = {"dataset": dataset, "n": len(ids), "used": len(orders[0]), "models": list(rows), "k": k, "splits": splits}
    facts |= {"formulas": len({labels[id_] for id_ in ids}), "per": per or "structure"}
    if per:
        return facts | {"orders": {"1": between(rows, orders, k)}}
    parts = {name: blocks(x) for name, x in rows.items()}
    by_order = {}
    for m in ORDERS:
        by_order[str(m)] = between({name: np.concatenate(p[:m], 1) for name, p in parts.items()}, orders, k)
        click.echo(f"{dataset}, cumulants 1 to {m}: GFRE {off_diagonal(by_order[str(m)]['gfre']['mean']):.2f}")
    return facts | {"orders": by_order, "added": {name: added(p, orders) for name, p in parts.items()}}


def tables(result: Mapping[str, Any]) -> list[str]:
    """Return the tables of one data set as Markdown."""
    names, orders = result["models"], result["orders"]
    rows = "atoms" if result["per"] == "atom" else "structures"
    lines = [f"## {result['dataset']}, per {result['per']}", ""]
    lines += [
        f"{result['n']:,} {rows} of {result['formulas']} formulas; {result['used'] // 2:,} to fit the maps and as many "
        f"of other formulas to test them; {result['splits']} random splits; k = {result['k']} neighbours for LFRE.",
        "",
    ]
    for name in METRICS:
        first = orders["1"][name]
        title = "from" if rows == "atoms" else "from (mean over atoms)"
        cells = [
            [a, *(f"{mean:.2f} ± {sd:.2f}" if a != b else "" for b, mean, sd in zip(names, means, sds, strict=True))]
            for a, means, sds in zip(names, first["mean"], first["sd"], strict=True)
        ]
        lines += [f"### {name.upper()}", "", *rows_of([f"{title} \\ to", *names], cells), ""]
    cells = [
        [up_to(int(m)), *(f"{off_diagonal(each[name]['mean']):.2f}" for name in METRICS)] for m, each in orders.items()
    ]
    lines += ["### Mean over all pairs of models", "", *rows_of(["cumulants", "GFRE", "LFRE"], cells), ""]
    lines += fine_tuned(names, orders)
    if "added" in result:
        head = ["model", *(f"{m} from {up_to(m - 1)}" for m in ORDERS[1:])]
        cells = [[name, *(f"{value:.2f}" for value in values)] for name, values in result["added"].items()]
        lines += ["### GFRE of a cumulant from the lower ones of the same model", "", *rows_of(head, cells), ""]
    return lines


def fine_tuned(names: Sequence[str], orders: Mapping[str, Any]) -> list[str]:
    """Return the table of fine-tuned models and their parents, beside the other pairs of models."""
    at = {name: i for i, name in enumerate(names)}
    found = [(child, parent) for child, parent in PARENTS.items() if {child, parent} <= at.keys()]
    first = orders["1"]
    cells = []
    for child, parent in found:
        i, j = at[child], at[parent]
        others = [o for name, o in at.items() if o not in (i, j)]
        for name in METRICS:
            mean = np.asarray(first[name]["mean"])
            to_others = f"{mean[i, others].mean():.2f}" if others else ""
            cells.append([child, name.upper(), f"{mean[j, i]:.2f}", f"{mean[i, j]:.2f}", to_others])
    head = ["fine-tuned", "error", "from its parent", "to its parent", "to the other models"]
    return ["### Fine-tuned models", "", *rows_of(head, cells), ""] if cells else []


def write_results(results: Sequence[Mapping[str, Any]], folder: Path = FOLDER) -> None:
    """Write all measurements as JSON and their tables as Markdown; those of atoms to files of their own."""
    info = machine()
    name = "reconstruction" if results[0]["per"] == "structure" else f"reconstruction_{results[0]['per']}"
    (folder / f"{name}.json").write_text(json.dumps({"results": results, "machine": info}, indent=1) + "\n")
    caption = (
        "Errors of linear maps between the features of interatomic potentials: 0 if the second model is a linear "
        "function of the first, 1 if the first says nothing about it. ± is the standard deviation over splits."
    )
    lines = ["# Reconstruction errors", "", caption, "", *(line for each in results for line in tables(each))]
    lines.append(f"{info['cpu']}, {info['cores']} cores, {info['date']}, commit {info['commit']}.")
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n")
    click.echo(f"wrote {folder / f'{name}.json'} and {folder / f'{name}.md'}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--dataset", "datasets", multiple=True, type=click.Choice(list(MODELS)), help="Only this; may be repeated."
)
@click.option("--model", "models", multiple=True, help="Only these models; may be repeated.")
@click.option("-n", type=click.IntRange(20), default=300, help="Number of samples of each data set.")
@click.option("--splits", type=click.IntRange(1), default=3, help="Number of random splits of the formulas.")
@click.option("-k", type=click.IntRange(2), default=25, help="Number of neighbours of the local maps.")
@click.option("--per", type=click.Choice(["atom"]), help="Compare the rows of atoms instead of cumulants.")
@click.option("--write/--no-write", default=True, help="Write the results to bench/results.")
def main(
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    n: int,
    splits: int,
    k: int,
    per: str | None,
    write: bool,
) -> None:
    """Measure reconstruction errors between the potentials that run here."""
    results = []
    for dataset in datasets or MODELS:
        names = [name for name in MODELS[dataset] if not models or name in models]
        results.append(measure(dataset, names, n, splits, k, per))
        click.echo("\n".join(tables(results[-1])))
        if write:
            write_results(results)


if __name__ == "__main__":
    main()
