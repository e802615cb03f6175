"""`python -m bench.distill`: what the alignment with a teacher is worth to a student of molecules.

Few labels: a student trained on a label of 100 molecules of QM9, with the alignment to a teacher over all others as a
second loss, beside the same student without. The two share samples, labelled batches, first parameters and steps; what
is reported is their difference, over seeds that also draw the samples anew. The one without is judged twice: by its
last step, and by its best step on the very samples that judge it, which no one could know.

It writes bench/results/distill.json and, from it, docs/distillation.md. The fast student of the second part is made by
`hyle distill`, whose result.json is given by --result.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .results import FOLDER, machine
from .text import rows_of

if TYPE_CHECKING:
    from hyle.zoo import Dataset, Representation

DOCS = Path(__file__).parents[1] / "docs" / "distillation.md"
TEACHER, STUDENT, LABELS = "aimnet2", "fingerprint-mlp", ("gap", "alpha", "mu")
SHOWN, STEPS, BATCH, EVERY = 100, 300, 128, 50
LOSSES = {"cosine": 1.0}


def few_labels(data: Dataset, teacher: Representation, label: str, seed: int, weight: float) -> dict[str, Any]:
    """Train the student twice, with and without the teacher, and read both on the samples held out."""
    from flax import nnx

    from hyle.cli.jobs.distill import parts
    from hyle.engine.training import Settings, distill, in_batches
    from hyle.zoo.students import find_student, split_params

    drawn, place = parts(data.samples, seed), {id_: row for row, id_ in enumerate(teacher.ids)}
    samples = [*drawn.train, *drawn.validation, *drawn.test]
    rows = np.asarray(teacher.embedding, np.float32)[[place[sample.id] for sample in samples]]
    values = np.array([sample.labels[label] for sample in samples])
    held = np.arange(len(samples)) >= len(samples) - len(drawn.test)
    shown = np.where(held | (np.arange(len(samples)) < SHOWN), values, np.nan)
    network = find_student(STUDENT)(rows.shape[1], rngs=nnx.Rngs(seed))
    apply, params = split_params(network)
    inputs = network.featurise(samples)
    found: dict[str, Any] = {"seed": seed, "label": label, "train": int((~held).sum()), "test": int(held.sum())}
    for arm, losses in (("with", LOSSES), ("without", {})):
        settings = Settings(
            losses=losses,
            label_weight=weight,
            steps=STEPS,
            batch_size=BATCH,
            # The aligned one is measured at its end alone, so that no step of it is chosen by what judges it.
            every=STEPS if losses else EVERY,
            patience=0,
            seed=seed,
        )
        run = distill(apply, params, inputs, {TEACHER: rows}, held_out=held, labels=shown, settings=settings)
        history = run.history.rows
        seen = in_batches(lambda x, of=run.params: apply(of, x), inputs, BATCH)
        found[arm] = history[STEPS]["label_mae"]
        found[f"{arm}_ridge"] = _ridge(seen, values, held)
        found[f"{arm}_cka"] = history[STEPS][f"cka/{TEACHER}"]
        found[f"{arm}_best_step"] = min(row["label_mae"] for row in history.values())
    # What the teacher itself and a fingerprint say from the same labels, and what no model at all does.
    counts = np.log1p(np.asarray(inputs["counts"], np.float64))
    median = float(np.abs(values[held] - np.median(values[:SHOWN])).mean())
    more = {"teacher_ridge": _ridge(rows, values, held), "fingerprint_ridge": _ridge(counts, values, held)}
    return {**found, **more, "median": median}


def _ridge(rows: Any, values: np.ndarray, held: np.ndarray) -> float:
    """Mean absolute error held out of a ridge regression on the labels that are shown."""
    from hyle.engine.analysis.probe import fit

    said = fit("ridge", np.asarray(rows[:SHOWN], np.float64), values[:SHOWN]).predict(rows[held])
    return float(np.abs(said - values[held]).mean())


def interval(differences: Any) -> dict[str, float]:
    """Return the mean and its 95 % interval by Student's t over seeds."""
    from scipy import stats

    values = np.asarray(differences, float)
    n, mean = len(values), float(values.mean())
    half = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5) if n > 1 else float("nan")
    return {"mean": mean, "low": mean - half, "high": mean + half, "seeds": n}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gather the seeds of each label: errors as they are, and the paired differences relative to the one without."""
    rows = []
    for label in dict.fromkeys(run["label"] for run in runs):
        mine = [run for run in runs if run["label"] == label]
        row: dict[str, Any] = {"label": label, "unit": mine[0]["unit"]}
        row |= {
            name: interval([run[name] for run in mine])
            for name in ("with", "without", "without_best_step", "teacher_ridge", "median", "with_cka", "without_cka")
        }
        for other in ("without", "without_best_step"):
            row[f"change_from_{other}"] = interval([run["with"] / run[other] - 1 for run in mine])
        rows.append(row)
    return rows


def markdown(result: dict[str, Any]) -> str:
    """Write the page from the results."""
    few, speed = result["few_labels"], result.get("speed")
    student, teacher = few["student"], few["teacher"]

    def shown(one: dict[str, float], digits: int = 3) -> str:
        half = one["high"] - one["mean"]
        return f"{one['mean']:.{digits}g}" + (f" ± {half:.{max(1, digits - 1)}g}" if half == half else "")

    def percent(one: dict[str, float]) -> str:
        ends = f" ({100 * one['low']:+.0f} to {100 * one['high']:+.0f} %)" if one["low"] == one["low"] else ""
        return f"{100 * one['mean']:+.0f} %{ends}"

    table = [
        (
            f"{row['label']} / {row['unit']}",
            shown(row["with"]),
            shown(row["without"]),
            shown(row["without_best_step"]),
            percent(row["change_from_without"]),
            percent(row["change_from_without_best_step"]),
            shown(row["teacher_ridge"]),
            shown(row["median"]),
        )
        for row in few["summary"]
    ]
    head = ("label", "with", "without", "without, best step", "change", "change from best step", "teacher", "median")
    seeds = few["summary"][0]["with"]["seeds"]
    told = [row for row in few["summary"] if row["change_from_without_best_step"]["high"] < 0]
    verdict = (
        f"The error falls, by an interval that excludes 0 even against the best step of the student without, for "
        f"{len(told)} of {len(few['summary'])} labels"
        + (f" ({', '.join(row['label'] for row in told)})." if told else ".")
    )
    cka = [row["with_cka"]["mean"] for row in few["summary"]]
    lines = [
        "# What distillation is worth",
        "",
        "Written by `python -m bench.distill` from [`bench/results/distill.json`](../bench/results/distill.json).",
        "",
        "## Few labels",
        "",
        f"`{student}` on {few['samples']:,} molecules of QM9, {few['shown']} of which show their label; with "
        f"the alignment to `{teacher}` over all that are trained on as a second loss, and without. Mean absolute "
        f"error on a fifth held out, over {seeds} seeds, each with its own draw of samples and labels; ± is half of a "
        "95 % interval. Both have the same samples, labelled batches, first parameters and steps. *Best step* is "
        "chosen on the samples that judge it, which favours the student without. *Teacher* is a ridge regression on "
        "the teacher's own rows from as many labels. All draws are of the same molecules and overlap, which makes the "
        "intervals somewhat too narrow.",
        "",
        *rows_of(head, table),
        "",
        f"{verdict} Held-out CKA with the teacher is {min(cka):.2f} to {max(cka):.2f} with the second loss.",
    ]
    if speed is not None:
        lines += ["", "## A fast student", "", *_speed(speed)]
    if result.get("tried"):
        lines += ["", "## What was tried", "", *(f"- {line}" for line in result["tried"])]
    return "\n".join(lines) + "\n"


def processor_rates(names: list[str], n: int) -> dict[str, Any]:
    """Time models by the processor, which what others do on the machine slows little: samples per CPU second."""
    import time

    import torch

    from hyle.cli.jobs.distill import parts
    from hyle.zoo import load, load_dataset

    torch.set_num_threads(1)
    samples = parts(load_dataset("qm9", n=n).samples, 0).test[:128]
    found: dict[str, Any] = {"samples": len(samples), "unit": "samples per second of the processor"}
    for name in names:
        model, seconds = load(name), []
        for _ in range(3):  # the first compiles
            start = time.process_time()
            model.run(samples)
            seconds.append(time.process_time() - start)
        found[name] = len(samples) / min(seconds)
    return {**found, "ratio": {name: found[names[0]] / found[name] for name in names[1:]}}


def _speed(found: dict[str, Any]) -> list[str]:
    name, (teacher,) = found["name"], found["teachers"]
    speed = found["speed"]
    table = [
        (one["metric"], f"{one['value']:.3f}", f"{one['chance']:.3f}", f"{one['p']:.2g}", f"{one['calibrated']:.3f}")
        for one in found["alignment"]
    ]
    return [
        f"`{found['student']}` distilled from `{teacher}` on {found['samples']['train']:,} molecules by `hyle distill`."
        f" It embeds {speed[name]:,.0f} samples per second of the processor, its teacher {speed[teacher]:,.1f}: "
        f"**{speed['ratio'][teacher]:.0f} times as fast**, from atoms to rows, one training, with "
        f"{found['parameters'][name]:,} parameters beside {found['parameters'][teacher]:,}. On "
        f"{found['samples']['test']:,} molecules that it never saw:",
        "",
        *rows_of(("metric", "alignment", "chance", "p", "calibrated"), table),
    ]


@click.command(context_settings={"show_default": True})
@click.option("-n", default=4000, help="Molecules, which the store must have of the teacher.")
@click.option("--seeds", default=5, help="Of the few labels.")
@click.option("--label-weight", default=1.0, help="Of the label beside the alignment.")
@click.option("--result", type=click.Path(exists=True, path_type=Path), help="result.json of the fast student.")
@click.option("--page", is_flag=True, help="Write the page anew, and measure nothing.")
@click.option("--store", "store_path", envvar="HYLE_STORE", type=click.Path(path_type=Path), required=True)
def main(n: int, seeds: int, label_weight: float, result: Path | None, page: bool, store_path: Path) -> None:
    """Measure, and write bench/results/distill.json and docs/distillation.md."""
    from hyle.cli.jobs.sources import find_representations
    from hyle.zoo import Store, load_dataset

    path = FOLDER / "distill.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if not page:
        data = load_dataset("qm9", n=n)
        (teacher,) = find_representations([TEACHER], Store(store_path), dataset=f"{data.name}-{data.version}")
        few: dict[str, Any] = {"teacher": TEACHER, "student": STUDENT, "samples": n, "shown": SHOWN, "steps": STEPS}
        few |= {"losses": LOSSES, "label_weight": label_weight, "batch_size": BATCH, "runs": []}
        for seed in range(seeds):
            for label in LABELS:
                run = few_labels(data, teacher, label, seed, label_weight)
                few["runs"].append({**run, "unit": data.units[label]})
                click.echo(json.dumps(few["runs"][-1]))
                # After each, so that a run that is stopped is not lost.
                few["summary"] = summary(few["runs"])
                found |= {"few_labels": few, "machine": machine()}
                path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    if result is not None:
        fast = json.loads(result.read_text("utf-8"))
        fast["speed"] = processor_rates([fast["name"], *fast["teachers"]], n)
        found["speed"] = fast
        path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    DOCS.write_text(markdown(found), "utf-8")
    click.echo(f"wrote {path} and {DOCS}")


if __name__ == "__main__":
    main()
