"""`python -m bench.label_selection`: which unlabelled samples are worth a label, on learning curves of labelled data.

For each data set and seed, whole groups of samples are held out for testing. From the others, the pool, each strategy
chooses samples to label; ridge regressions on the embeddings of each model are fitted to their labels alone, and tested
on the held-out groups. All strategies but `uncertainty` choose without labels.

random                        at random
farthest                      the farthest from those chosen before, in the joint space of the models
disagreement                  on which models agree least, compared with samples like them
diverse disagreement          as `hyle contested --select`: the farthest ones among the most contested
uncertainty                   from the smallest budget on, chosen at random: those for which the predictions of the
                              ridge regressions on different models differ most
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

MOLECULAR = ("nagl-1.0.0", "rxnmapper", "chemnet")


class Task(NamedTuple):
    """A data set with a label and the models that choose and predict.

    Args:
        label: of the data set.
        models: whose embeddings are cheap.
        groups: kind of the groups that are held out as a whole.
        per_atom: whether the label is divided by the number of atoms.
        n: number of samples.
    """

    label: str
    models: tuple[str, ...]
    groups: str
    per_atom: bool
    n: int | None


TASKS: Mapping[str, Task] = {
    "freesolv": Task("hydration_free_energy", (*MOLECULAR, "admet-ai-cls"), "scaffold", False, None),
    "solubility": Task("log_solubility", (*MOLECULAR, "admet-ai-cls"), "scaffold", False, None),
    "qm9": Task("gap", (*MOLECULAR, "aimnet2"), "scaffold", False, 1000),
    "mptrj": Task(
        "energy",
        ("chgnet-0.3.0", "composition", "megnet-formation-energy", "cgcnn-formation-energy"),
        "elements",
        True,
        300,
    ),
}
BUDGETS = (20, 35, 60, 100, 160)
TEST_SHARE = 0.3
# As `hyle contested --select`: for each sample that is chosen, from the most contested one on.
CANDIDATES = 5
K = 25
# A pool is cut to a multiple of this, since each size compiles anew.
ROUND = 50
# Random choices for each split, over which the error of `random` is averaged.
DRAWS = 5


class Data(NamedTuple):
    """The samples of a task: matrices [n, d] of each model, labels [n], groups int [n], unit of the label."""

    rows: Mapping[str, np.ndarray]
    label: np.ndarray
    groups: np.ndarray
    unit: str


def load(name: str, task: Task, folder: Path) -> Data:
    """Embed the samples of a task, and keep those that all models have."""
    from hyle.cli.jobs import embed
    from hyle.zoo import Store, load_dataset

    data = load_dataset(name, n=task.n) if task.n else load_dataset(name)
    found = [embed(model, data, Store(folder))[0] for model in task.models]
    common = set.intersection(*(set(each.ids) for each in found)) & {s.id for s in data if task.label in s.labels}
    samples = [sample for sample in data if sample.id in common]
    rows = {}
    for model, each in zip(task.models, found, strict=True):
        place = {id_: i for i, id_ in enumerate(each.ids)}
        rows[model] = np.asarray(each.embedding, np.float64)[[place[sample.id] for sample in samples]]
    size = [len(sample.atoms) if task.per_atom and sample.atoms is not None else 1 for sample in samples]
    label = np.array([sample.labels[task.label] for sample in samples]) / size
    codes = np.unique([data.groups[task.groups][sample.id] for sample in samples], return_inverse=True)[1]
    return Data(rows, label, codes, data.units.get(task.label, "") + (" per atom" if task.per_atom else ""))


def split(groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the pool and of the test, between which no group is divided; both in random order."""
    generator = np.random.default_rng([seed, len(groups)])
    sizes = np.bincount(groups)
    order = generator.permutation(len(sizes))
    held_out = order[: int(np.searchsorted(np.cumsum(sizes[order]), TEST_SHARE * len(groups))) + 1]
    rows = generator.permutation(len(groups))
    test = np.isin(groups[rows], held_out)
    return rows[~test], rows[test]


class Pool(NamedTuple):
    """Samples to choose from: rows [n, d] of each model, labels [n], and the rows from the most contested one on."""

    rows: list[np.ndarray]
    label: np.ndarray
    contested: np.ndarray


def pool_of(data: Data, rows: np.ndarray) -> Pool:
    """Return the samples of these rows, of which a multiple of `ROUND` is kept."""
    from hyle.engine.analysis import sample_agreement

    rows = rows[: len(rows) // ROUND * ROUND]
    own = [x[rows] for x in data.rows.values()]
    found = sample_agreement(own, k=min(K, len(rows) // 4))
    return Pool(own, data.label[rows], np.lexsort((found.agreement, found.deviation)))


# A strategy returns the chosen rows for each budget; it may look only at labels of rows that it has chosen.
Strategy = Callable[[Pool, tuple[int, ...]], list[np.ndarray]]


def at_random(pool: Pool, budgets: tuple[int, ...]) -> list[np.ndarray]:
    """Choose the first rows: the pool is in random order."""
    return [np.arange(budget) for budget in budgets]


def farthest(pool: Pool, budgets: tuple[int, ...]) -> list[np.ndarray]:
    """Choose rows that are far from each other, from the first row on."""
    from hyle.engine.analysis import farthest_samples

    order = farthest_samples(pool.rows, max(budgets))
    return [order[:budget] for budget in budgets]


def disagreement(pool: Pool, budgets: tuple[int, ...]) -> list[np.ndarray]:
    """Choose the most contested rows."""
    return [pool.contested[:budget] for budget in budgets]


def diverse(pool: Pool, budgets: tuple[int, ...]) -> list[np.ndarray]:
    """Choose rows that are far from each other among the most contested ones."""
    from hyle.engine.analysis import farthest_samples

    return [farthest_samples(pool.rows, budget, candidates=pool.contested[: CANDIDATES * budget]) for budget in budgets]


def uncertainty(pool: Pool, budgets: tuple[int, ...]) -> list[np.ndarray]:
    """Choose rows for which the predictions from different models differ most, after random ones."""
    from hyle.engine.analysis.ridge import fit_ridge

    chosen = [np.arange(budgets[0])]
    for budget in budgets[1:]:
        known = chosen[-1]
        spread = np.stack([fit_ridge(x[known], pool.label[known]).predict(x) for x in pool.rows]).var(0)
        spread[known] = -np.inf
        chosen.append(np.concatenate([known, np.argsort(-spread, kind="stable")[: budget - len(known)]]))
    return chosen


STRATEGIES: Mapping[str, Strategy] = {
    "random": at_random,
    "farthest": farthest,
    "disagreement": disagreement,
    "diverse disagreement": diverse,
    "uncertainty": uncertainty,
}


def errors(data: Data, seed: int, budgets: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return strategy -> [2, budgets], the absolute test error: its mean, and that of the worst tenth of the samples.

    Both are means over the models.
    """
    from hyle.engine.analysis.ridge import fit_ridge

    chosen, test = split(data.groups, seed)
    pool, truth = pool_of(data, chosen), data.label[test]
    tests = [x[test] for x in data.rows.values()]
    worst = max(1, len(truth) // 10)

    def error(rows: np.ndarray) -> np.ndarray:
        label, found = pool.label[rows], []
        for x, new in zip(pool.rows, tests, strict=True):
            # No prediction beyond the known labels: a few extrapolations would outweigh all other errors.
            predicted = np.clip(fit_ridge(x[rows], label).predict(new), label.min(), label.max())
            each = np.sort(np.abs(predicted - truth))
            found.append((each.mean(), each[-worst:].mean()))
        return np.mean(found, axis=0)

    found = {name: np.stack([error(rows) for rows in choose(pool, budgets)], 1) for name, choose in STRATEGIES.items()}
    generator = np.random.default_rng([seed, 1])
    orders = [generator.permutation(len(pool.label)) for _ in range(DRAWS - 1)]
    more = [np.stack([error(order[:budget]) for budget in budgets], 1) for order in orders]
    found["random"] = np.mean([found["random"], *more], axis=0)
    return found


def interval(values: Any, share: float = TEST_SHARE) -> dict[str, float]:
    """Estimate a mean over seeds with a 95 % interval, wider by the overlap of their samples.

    The splits share samples: the variance has the correction of Nadeau & Bengio (2003), Machine Learning 52, 239.
    """
    from scipy import stats

    x = np.asarray(values, float)
    n, mean = len(x), float(x.mean())
    se = float(x.std(ddof=1)) * (1 / n + share / (1 - share)) ** 0.5 if n > 1 else float("nan")
    half = float(stats.t.ppf(0.975, n - 1)) * se if n > 1 else float("nan")
    return {"mean": mean, "se": se, "low": mean - half, "high": mean + half}


def ratio(logarithms: Any) -> dict[str, float]:
    """Return the relative change of which these are the logarithms of the ratios, with its interval."""
    found = interval(logarithms)
    return {key: float(np.expm1(found[key])) for key in ("mean", "low", "high")}


def measure(data: Data, seeds: int, budgets: tuple[int, ...]) -> dict[str, Any]:
    """Return the learning curve of each strategy, and its change of the errors relative to random, over all seeds."""
    runs = [errors(data, seed, budgets) for seed in range(seeds)]
    values = {name: np.stack([run[name] for run in runs]) for name in STRATEGIES}
    # At the smallest budget, `uncertainty` is random.
    logs = {name: np.log(value[:, :, 1:]).mean(2) for name, value in values.items()}
    return {
        "samples": len(data.label),
        "groups": len(np.unique(data.groups)),
        "unit": data.unit,
        "mae": {name: [interval(column) for column in value[:, 0].T] for name, value in values.items()},
        "worst": {name: [interval(column) for column in value[:, 1].T] for name, value in values.items()},
        "change": {name: ratio((log - logs["random"])[:, 0]) for name, log in logs.items() if name != "random"},
        "change_worst": {name: ratio((log - logs["random"])[:, 1]) for name, log in logs.items() if name != "random"},
    }


def overall(results: Mapping[str, Any], key: str = "change") -> str:
    """Return the mean change of each strategy over the data sets, which are too few for an interval."""
    parts = []
    for name in list(STRATEGIES)[1:]:
        mean = float(np.mean([found[key][name]["mean"] for found in results.values()]))
        parts.append(f"{name} {100 * mean:+.1f} %".replace("-", "−"))
    return ", ".join(parts)


def conclusion(results: Mapping[str, Any]) -> str:
    """Return which strategies are better or worse than random, and by how much on average."""
    sentences = []
    for key, what in (("change", "mean error"), ("change_worst", "mean error of the worst tenth")):
        sides: dict[str, list[str]] = {"better": [], "worse": []}
        for name in list(STRATEGIES)[1:]:
            for data, found in results.items():
                one = found[key][name]
                if one["high"] < 0 or one["low"] > 0:
                    sides["better" if one["high"] < 0 else "worse"].append(f"{name} on {data}")
        shown = "; ".join(f"{side}: {', '.join(names) or 'none'}" for side, names in sides.items())
        sentences.append(f"By the {what}, compared with random choice: {shown}. Mean change: {overall(results, key)}.")
    return " ".join(sentences)


def markdown(results: Mapping[str, Any], budgets: tuple[int, ...], seeds: int) -> str:
    """Return the page of the results."""
    from hyle.zoo import GROUP_KINDS

    lines = ["# Which samples to label", "", conclusion(results), ""]
    lines += [
        f"Mean absolute error, with its standard error, on held-out groups over {seeds} random splits, of ridge "
        "regressions on each of the models, by the number of labelled samples. Change: of the error relative to random "
        f"choice with the same number of labels, geometric mean over {', '.join(map(str, budgets[1:]))} labels, with "
        "its 95 % interval, which allows for the overlap of the splits but not for the number of comparisons; the same "
        "for the mean error of the tenth of the test samples with the largest errors. All strategies but uncertainty "
        "choose without labels.",
        "",
    ]
    for name, found in results.items():
        task = TASKS[name]
        lines += [f"## {name}: {task.label.replace('_', ' ')} / {found['unit']}", ""]
        lines += [
            f"{found['samples']:,} samples; models {', '.join(task.models)}; test samples have no "
            f"{GROUP_KINDS[task.groups][0]} in common with the samples that are chosen from.",
            "",
        ]
        rows = []
        for strategy, curve in found["mae"].items():
            cells = [f"{one['mean']:.3g} ± {one['se']:.1g}" for one in curve]
            rows.append([strategy, *cells, *(_change(found[key].get(strategy)) for key in ("change", "change_worst"))])
        lines += [
            *rows_of(["strategy", *(f"{budget} labels" for budget in budgets), "change", "change, worst tenth"], rows),
            "",
        ]
    return "\n".join(lines)


def _change(change: Mapping[str, float] | None) -> str:
    """Return "−3.1 % (−5.0 % to −1.2 %)"."""
    if change is None:
        return ""
    mean, low, high = (f"{100 * change[key]:+.1f} %".replace("-", "−") for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


@click.command(context_settings={"show_default": True})
@click.option("--seeds", default=20, type=click.IntRange(2), help="Number of random splits.")
@click.option("--only", multiple=True, type=click.Choice(list(TASKS)), help="Measure only these data sets.")
@click.option(
    "--store", "folder", type=click.Path(path_type=Path), help="Store of embeddings; default: a temporary one."
)
def main(seeds: int, only: tuple[str, ...], folder: Path | None) -> None:
    """Measure, and write bench/results/label_selection.json and .md."""
    path = FOLDER / "label_selection.json"
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, task in TASKS.items():
            if only and name not in only:
                continue
            start = time.process_time()
            results[name] = measure(load(name, task, folder or Path(temporary)), seeds, BUDGETS)
            results[name]["cpu_seconds"] = time.process_time() - start
            click.echo(f"{name}: {results[name]['cpu_seconds']:.0f} s", err=True)
    content = {"machine": machine(), "seeds": seeds, "budgets": BUDGETS, "data": results}
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    path.with_suffix(".md").write_text(markdown(results, BUDGETS, seeds), "utf-8")
    click.echo(conclusion(results))


if __name__ == "__main__":
    main()
