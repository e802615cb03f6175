"""What became of a distillation: the student beside its teachers, on samples that it never saw."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import Dataset, Model, ModelCard, Representation, Sample, list_models, load, state_of

from ..comparison import NOT_SIGNIFICANT, number
from ..console import count, print_table, say

if TYPE_CHECKING:
    from hyle.engine.training import Distilled

    from .distill import Split

METRICS = ("cka", "mutual_knn", "cknna")
PERMUTATIONS, ALPHA = 200, 0.05
# Samples by which a model is timed, and the turns, of which the best counts.
TIMING_SAMPLES, TIMING_REPEATS = 128, 3


def evaluate(
    card: ModelCard,
    teachers: Sequence[Representation],
    dataset: Dataset,
    drawn: Split,
    distilled: Distilled,
    *,
    label: str | None = None,
) -> dict[str, Any]:
    """Compare a student with its teachers on the samples held out.

    Args:
        card: of the student, which is registered.
        teachers: its teachers.
        dataset: the samples, whose labels are probed.
        drawn: the parts of the samples.
        distilled: what training gave.
        label: that the student learnt.

    Returns:
        Plain data: ``alignment`` (each teacher and metric, with chance level, p-value and calibrated score), ``probes``
        (each label and model), ``readout`` (the error of the label that was learnt), ``speed`` in samples a second,
        ``parameters``, ``samples``, and how training ended.
    """
    model = load(card.name)
    own = model.embed(drawn.test)
    rows = {teacher.name: _restricted(teacher, drawn.test) for teacher in teachers}
    embedded = {card.name: np.asarray(own.embedding), **rows}
    cards = {one.name: one for one in list_models()}
    known = {t.name: cards.get(str(t.recipe.get("model", ""))) for t in teachers}
    return {
        "name": card.name,
        "student": card.options["student"],
        "teachers": [teacher.name for teacher in teachers],
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "samples": {part: len(getattr(drawn, part)) for part in ("train", "validation", "test", "dropped")},
        "step": distilled.step,
        "stopped": distilled.stopped,
        "alignment": _adjusted([one for name in rows for one in _alignment(card.name, name, embedded)]),
        "probes": _probes(embedded, drawn.test, dataset.units),
        "readout": _readout(distilled, embedded[card.name], drawn.test, label, dataset.units),
        "speed": _speed(model, known, drawn.test),
        "parameters": {card.name: card.parameters, **{name: one.parameters for name, one in known.items() if one}},
    }


def _restricted(teacher: Representation, samples: Sequence[Sample]) -> np.ndarray:
    table = {id_: row for row, id_ in enumerate(teacher.ids)}
    return np.asarray(teacher.embedding)[[table[sample.id] for sample in samples]]


def _alignment(student: str, teacher: str, embedded: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    from hyle.engine import compare

    n = len(embedded[student])
    k = min(25, max(2, n // 5))
    both = {student: embedded[student], teacher: embedded[teacher]}
    found = compare(both, metrics=METRICS, k=k, permutations=PERMUTATIONS, alpha=ALPHA)
    rows = []
    for metric in METRICS:

        def value(name: str) -> float:
            return float(found[name].sel(model=student, other=teacher))

        facts = {part: value(f"{metric}_{part}") for part in ("chance", "p", "calibrated")}
        row = {"teacher": teacher, "metric": metric, "value": value(metric), **facts}
        row |= {"n": n, "k": None if metric == "cka" else k}
        rows.append({**row, "estimator": found[metric].attrs["estimator"], "permutations": found.attrs["permutations"]})
    return rows


def _adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adjust the p-values for the number of scores, so that one of many does not claim what chance gives."""
    from scipy.stats import false_discovery_control

    adjusted = false_discovery_control([1.0 if np.isnan(row["p"]) else row["p"] for row in rows])
    return [{**row, "q": float(q), "significant": bool(q <= ALPHA)} for row, q in zip(rows, adjusted, strict=True)]


def _probes(
    embedded: Mapping[str, np.ndarray], samples: Sequence[Sample], units: Mapping[str, str]
) -> list[dict[str, Any]]:
    from hyle.engine.analysis import probe

    rows = []
    for label in dict.fromkeys(name for sample in samples for name in sample.labels):
        values = np.array([sample.labels.get(label, np.nan) for sample in samples], np.float64)
        finite = values[np.isfinite(values)]
        if len(finite) < 50 or finite.min() == finite.max():
            continue
        for name, embedding in embedded.items():
            try:
                found = probe(embedding, values)
            except ImportError as error:
                say(f"no probes of labels: {error}")
                return []
            rows.append({"label": label, "unit": units.get(label, ""), "model": name, **asdict(found)})
    return rows


def _readout(
    distilled: Distilled, rows: np.ndarray, samples: Sequence[Sample], label: str | None, units: Mapping[str, str]
) -> dict[str, Any] | None:
    if label is None or distilled.predict is None:
        return None
    values = np.array([sample.labels.get(label, np.nan) for sample in samples], np.float64)
    missed = np.abs(distilled.predict(rows) - values)
    return {"label": label, "unit": units.get(label, ""), "mae": float(np.nanmean(missed))}


def _speed(student: Model, teachers: Mapping[str, ModelCard | None], samples: Sequence[Sample]) -> dict[str, Any]:
    """Time from samples to rows: features, network and pooling, each model in its own batches."""
    some = samples[:TIMING_SAMPLES]
    found: dict[str, Any] = {"samples": len(some), "unit": "samples per second", "ratio": dict.fromkeys(teachers)}
    found[student.card.name] = _rates([student], some)[0]
    for name, card in teachers.items():
        if card is not None and state_of(card) == "runs":
            own, found[name] = _rates([student, load(card.name)], some)
            found["ratio"][name] = own / found[name]
    return found


def _rates(models: Sequence[Model], samples: Sequence[Sample]) -> list[float]:
    """Time each model in samples per second, in turns, so that what else the machine does slows all alike."""
    seconds: list[list[float]] = [[] for _ in models]
    for turn in range(TIMING_REPEATS + 1):
        for model, times in zip(models, seconds, strict=True):
            start = time.perf_counter()
            model.run(samples)
            if turn:  # the first compiles
                times.append(time.perf_counter() - start)
    return [len(samples) / min(times) for times in seconds]


def print_card(result: Mapping[str, Any]) -> None:
    """Print what `evaluate` gives."""
    name, sizes = result["name"], result["samples"]
    click.echo(
        f"{name}, a {result['student']} trained on {sizes['train']} samples; on {sizes['test']} that it never saw:\n"
    )
    rows = [
        (
            one["teacher"],
            one["metric"] if one["k"] is None else f"{one['metric']} (k = {one['k']})",
            number(one["value"], 3) + ("" if one["significant"] else f" {NOT_SIGNIFICANT}"),
            number(one["chance"], 3),
            f"{one['q']:.2g}",
            number(one["calibrated"], 3),
        )
        for one in result["alignment"]
    ]
    headings = ("teacher", "metric", "alignment", "chance", "q", "calibrated")
    print_table(headings, rows, right=headings[2:], keys=2)
    lost = sorted({one["teacher"] for one in result["alignment"] if not one["significant"]})
    if lost:
        click.echo(
            f"{NOT_SIGNIFICANT} is not told from chance: the student has not learnt to see as {', '.join(lost)}.\n"
        )
    if result["probes"]:
        models = list(dict.fromkeys(one["model"] for one in result["probes"]))
        table: dict[str, dict[str, Any]] = {}
        for one in result["probes"]:
            table.setdefault(f"{one['label']} / {one['unit']}", {})[one["model"]] = one
        lines = [
            (
                label,
                *(f"{number(of[m]['mae'], 4)} ± {number(of[m]['se'], 4)}" for m in models),
                number(of[name]["baseline"], 4),
            )
            for label, of in table.items()
        ]
        click.echo("Mean absolute error of a ridge regression of each label on the rows")
        print_table(("label", *models, "median alone"), lines, right=(*models, "median alone"), keys=1)
    if result["readout"]:
        one = result["readout"]
        click.echo(
            f"{one['label']} as the student learnt it: mean absolute error {number(one['mae'], 4)} {one['unit']}\n"
        )
    speed, parameters = result["speed"], result["parameters"]
    lines = [
        (
            model,
            count(parameters[model]) if model in parameters else "–",
            f"{speed[model]:.0f}" if model in speed else "–",
            f"{speed['ratio'][model]:.1f}" if speed["ratio"].get(model) else "",
        )
        for model in (name, *result["teachers"])
    ]
    columns = ("model", "parameters", "samples / s", "the student is faster by")
    print_table(columns, lines, right=columns[1:], keys=1)
