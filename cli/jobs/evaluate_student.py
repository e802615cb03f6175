"""Evaluate a student against its teachers, on samples that training never used."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import Dataset, Model, ModelCard, Representation, Sample, list_models, load, state_of

from ..console import say

if TYPE_CHECKING:
    from hyle.engine.training import Distilled

    from .distill_samples import Split

METRICS = ("cka", "mutual_knn", "cknna")
PERMUTATIONS, ALPHA = 200, 0.05
# Samples by which a model is timed, and repetitions, of which the fastest counts.
TIMING_SAMPLES, TIMING_REPEATS = 128, 3


def evaluate(
    card: ModelCard,
    teachers: Sequence[Representation],
    dataset: Dataset,
    split: Split,
    distilled: Distilled,
    *,
    label: str | None = None,
) -> dict[str, Any]:
    """Compare a student with its teachers on the test samples.

    Args:
        card: the card of the student, which is registered.
        teachers: the representations of its teachers.
        dataset: the samples, whose labels are probed.
        split: the training, validation and test samples.
        distilled: the result of the training.
        label: the label that the student learned, if any.

    Returns:
        Plain data: ``alignment`` (for each teacher and metric, with chance level, p-value and calibrated score),
        ``probes`` (for each label and model), ``readout`` (the error of the label that was learned), ``speed`` in
        samples per second, ``parameters``, ``samples``, the number of ``labels``, and how training ended.
    """
    model = load(card.name)
    student_rows = np.asarray(model.embed(split.test).embedding)
    rows = {teacher.name: _rows_of(teacher, split.test) for teacher in teachers}
    embedded = {card.name: student_rows, **rows}
    cards = {one.name: one for one in list_models()}
    teacher_cards = {t.name: cards.get(str(t.recipe.get("model", ""))) for t in teachers}
    return {
        "name": card.name,
        "student": card.options["student"],
        "teachers": [teacher.name for teacher in teachers],
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "samples": {part: len(getattr(split, part)) for part in ("train", "validation", "test", "dropped")},
        "labels": None if label is None else dict(zip(("train", "validation"), distilled.labels, strict=True)),
        "step": distilled.step,
        "select": distilled.select,
        "stopped": distilled.stopped,
        "alignment": _adjusted([score for name in rows for score in _alignment(card.name, name, embedded)]),
        "probes": _probes(embedded, split.test, dataset.units),
        "readout": _readout(distilled, student_rows, split.test, label, dataset.units),
        "speed": _speed(model, teacher_cards, split.test),
        "parameters": {
            card.name: card.parameters,
            **{name: teacher.parameters for name, teacher in teacher_cards.items() if teacher},
        },
    }


def _rows_of(teacher: Representation, samples: Sequence[Sample]) -> np.ndarray:
    table = {id_: row for row, id_ in enumerate(teacher.ids)}
    return np.asarray(teacher.embedding)[[table[sample.id] for sample in samples]]


def _alignment(student: str, teacher: str, embedded: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    from hyle.engine import compare

    n = len(embedded[student])
    k = min(25, max(2, n // 5))
    both = {student: embedded[student], teacher: embedded[teacher]}
    comparison = compare(both, metrics=METRICS, k=k, permutations=PERMUTATIONS, alpha=ALPHA)
    rows = []
    for metric in METRICS:

        def value(name: str) -> float:
            return float(comparison[name].sel(model=student, other=teacher))

        facts = {part: value(f"{metric}_{part}") for part in ("chance", "p", "calibrated")}
        row = {"teacher": teacher, "metric": metric, "value": value(metric), **facts}
        row |= {"n": n, "k": None if metric == "cka" else k}
        estimator, permutations = comparison[metric].attrs["estimator"], comparison.attrs["permutations"]
        rows.append({**row, "estimator": estimator, "permutations": permutations})
    return rows


def _adjusted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adjust the p-values for the number of scores, so that one of many is not significant by chance."""
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
                result = probe(embedding, values)
            except ImportError as error:
                say(f"no probes of labels: {error}")
                return []
            rows.append({"label": label, "unit": units.get(label, ""), "model": name, **asdict(result)})
    return rows


def _readout(
    distilled: Distilled, rows: np.ndarray, samples: Sequence[Sample], label: str | None, units: Mapping[str, str]
) -> dict[str, Any] | None:
    if label is None or distilled.predict is None:
        return None
    values = np.array([sample.labels.get(label, np.nan) for sample in samples], np.float64)
    errors = np.abs(distilled.predict(rows) - values)
    errors = errors[np.isfinite(errors)]
    validation = {step: row["label_mae"] for step, row in distilled.history.rows.items()}
    return {
        "label": label,
        "unit": units.get(label, ""),
        "mae": float(errors.mean()) if len(errors) else None,
        "n": len(errors),
        "validation": {"kept": validation.get(distilled.step), "last": validation[max(validation)]},
    }


def _speed(student: Model, teachers: Mapping[str, ModelCard | None], samples: Sequence[Sample]) -> dict[str, Any]:
    """Time the whole way from samples to rows: features, network and pooling, each model with its own batch size."""
    timed = samples[:TIMING_SAMPLES]
    result: dict[str, Any] = {"samples": len(timed), "unit": "samples per second", "ratio": dict.fromkeys(teachers)}
    result[student.card.name] = _rates([student], timed)[0]
    for name, card in teachers.items():
        if card is not None and state_of(card) == "runs":
            student_rate, result[name] = _rates([student, load(card.name)], timed)
            result["ratio"][name] = student_rate / result[name]
    return result


def _rates(models: Sequence[Model], samples: Sequence[Sample]) -> list[float]:
    """Time each model in samples per second, in turns, so that other load on the machine slows all of them alike."""
    seconds: list[list[float]] = [[] for _ in models]
    for turn in range(TIMING_REPEATS + 1):
        for model, times in zip(models, seconds, strict=True):
            start = time.perf_counter()
            model.run(samples)
            if turn:  # the first run compiles
                times.append(time.perf_counter() - start)
    return [len(samples) / min(times) for times in seconds]
