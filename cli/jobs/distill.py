"""Train a student towards a teacher, and register it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import (
    Dataset,
    InputError,
    ModelCard,
    Representation,
    Sample,
    list_datasets,
    list_models,
    register,
    registered_dir,
)

if TYPE_CHECKING:
    from hyle.engine.training import Distilled, Settings


# Shares of the samples: to judge the student at the end, and to stop by; the second of so many at most.
TEST, VALIDATION, MAX_VALIDATION = 0.2, 0.1, 512


MIN_SAMPLES = 100


@dataclass(frozen=True)
class Split:
    """The samples of a distillation; those of one string or sequence are all in one part.

    Args:
        train: to train on.
        validation: to stop by.
        test: to judge by, which training never sees.
        dropped: id -> why the student cannot read that sample.
    """

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]
    dropped: Mapping[str, str]


def train_val_test_split(samples: Sequence[Sample], seed: int) -> Split:
    """Draw the three parts."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.smiles or sample.selfies or sample.sequence or sample.id, []).append(sample)
    order = np.random.default_rng(seed).permutation(len(groups))
    drawn = [sample for place in order for sample in list(groups.values())[place]]
    test = round(TEST * len(drawn))
    stop = test + min(round(VALIDATION * len(drawn)), MAX_VALIDATION)
    return Split(drawn[stop:], drawn[test:stop], drawn[:test], {})


def drop_unsupported(drawn: Split, unsupported: Callable[[Sample], str | None]) -> Split:
    """Leave out what the student cannot read, and say why."""
    every = (*drawn.train, *drawn.validation, *drawn.test)
    dropped = {sample.id: reason for sample in every if (reason := unsupported(sample)) is not None}

    def kept(part: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in part if sample.id not in dropped]

    return Split(kept(drawn.train), kept(drawn.validation), kept(drawn.test), dropped)


def distill(
    teachers: Sequence[Representation],
    dataset: Dataset,
    name: str,
    *,
    student: str,
    settings: Settings,
    width: int | None = None,
    label: str | None = None,
    label_samples: int | None = None,
    folder: Path | None = None,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> tuple[ModelCard, Split, Distilled]:
    """Train a student on the rows of its teachers and register it.

    Args:
        teachers: of samples of the data set, joined by id.
        dataset: the samples, with the view that the student reads.
        name: how the new model is called.
        student: see `hyle.zoo.students.find_student`.
        settings: how to train.
        width: of the student's rows; default that of the widest teacher, 512 at most.
        label: of the data set, to learn as well.
        label_samples: how many of the samples trained on may show theirs; default all.
        folder: for checkpoints; default none are kept.
        progress: see `hyle.engine.training.distill`.

    Returns:
        The card of the new model, the parts of the samples, and what training gave.

    Raises:
        ValueError: too few samples in common, no such view, label, student or loss.
    """
    from flax import nnx
    from safetensors.numpy import save_file

    from hyle.engine import save_history
    from hyle.engine.training import distill
    from hyle.zoo.students import find_student, split_params

    made = find_student(student)
    if made.view not in dataset.views:
        raise InputError(f"{student} reads {made.view}, which {dataset.name} does not have: choose another --student")
    if label is not None and label not in dataset.units and not any(label in s.labels for s in dataset):
        has = ", ".join(dataset.units) or "none"
        raise InputError(f"{dataset.name} has no label {label!r}; it has: {has}")
    tables = [{id_: row for row, id_ in enumerate(teacher.ids)} for teacher in teachers]
    common = [sample for sample in dataset if all(sample.id in table for table in tables)]
    if len(common) < MIN_SAMPLES:
        raise InputError(
            f"{len(common)} samples have rows of {', '.join(t.name for t in teachers)}, and {MIN_SAMPLES} are needed: "
            "embed the same samples first, by hyle embed with the same --dataset, -n and --seed"
        )
    drawn = train_val_test_split(common, settings.seed)
    options = made.fit(drawn.train)
    width = width or min(512, max(int(teacher.embedding.shape[1]) for teacher in teachers))
    network = made(width, rngs=nnx.Rngs(settings.seed), **options)
    drawn = drop_unsupported(drawn, network.unsupported)
    seen = [*drawn.train, *drawn.validation]
    rows = {
        teacher.name: np.asarray(teacher.embedding, np.float32)[[table[sample.id] for sample in seen]]
        for teacher, table in zip(teachers, tables, strict=True)
    }
    labels = None
    if label is not None:
        labels = np.array([sample.labels.get(label, np.nan) for sample in seen], np.float64)
        if label_samples is not None:
            labels[label_samples : len(drawn.train)] = np.nan
    apply, params = split_params(network)
    found = distill(
        apply,
        params,
        network.featurise(seen),
        rows,
        held_out=np.arange(len(seen)) >= len(drawn.train),
        labels=labels,
        settings=settings,
        folder=folder,
        progress=progress,
    )
    card = _card(name, made, student, width, options, teachers, dataset, len(drawn.train), found)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "params.safetensors"
        save_file({key: np.asarray(value) for key, value in found.params.items()}, path)
        card = register(card, {"params": path})
    save_history(found.history, registered_dir() / name / "history.nc")
    return card, drawn, found


def _card(
    name: str,
    made: Any,
    student: str,
    width: int,
    options: Mapping[str, Any],
    teachers: Sequence[Representation],
    dataset: Dataset,
    n: int,
    found: Distilled,
) -> ModelCard:
    cards = {card.name: card for card in list_models()}
    known = [cards[str(t.recipe["model"])] for t in teachers if t.recipe.get("model") in cards]
    names = ", ".join(teacher.name for teacher in teachers)
    builtin = [info.known_as for info in list_datasets() if info.name == dataset.name and info.known_as]
    return ModelCard(
        name=name,
        # A student and its teacher are not independent.
        family=known[0].family if known else name,
        modality=made.modality,
        view=made.view,
        architecture=made.architecture,
        parameters=sum(int(np.size(value)) for value in found.params.values()),
        dim=width,
        training_data=f"{n:,} samples of {dataset.name} as {names} {'see' if len(teachers) > 1 else 'sees'} them",
        trained_on=builtin,
        licence="not stated; that of its teachers and its data may bind it",
        citation="; ".join(dict.fromkeys(card.citation for card in known)),
        adapter="hyle.zoo.adapters.student:Student",
        layers=("rows",),
        pooling="none",
        batch_size=256,
        domains=(dataset.domain,),
        notes=f"Distilled from {names} by hyle distill; step {found.step}.",
        options={"student": student, "width": width, "options": dict(options)},
        requirements=("flax>=0.12",),
        torch=False,
    )
