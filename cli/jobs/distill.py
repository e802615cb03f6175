"""Train a student to match its teachers' representations, and register it as a model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import (
    ROW_NUMBERS,
    Dataset,
    InputError,
    ModelCard,
    Representation,
    Sample,
    check_name,
    list_datasets,
    list_models,
    output_errors,
    register,
    registered,
    registered_dir,
    shorten,
)

from ..atomic import write_atomically
from ..console import SILENT, SilentProgress, has_terminal
from ..interrupts import INTERRUPTS
from ..options import json_text
from .distill_samples import (
    MIN_SAMPLES,
    Split,
    check_supported,
    drop_unsupported,
    known_labels,
    train_val_test_split,
)

if TYPE_CHECKING:
    from hyle.engine.training import Distilled, Settings

# Options whose names differ from those of the settings.
OPTION_OF = {
    "losses": "--loss",
    "seed": "--training-seed",
    **{name: f"--{name.replace('_', '-')}" for name in ("batch_size", "learning_rate", "eval_every", "select")},
}


def student_name(teachers: Sequence[str]) -> str:
    """Return the default name of a student: ``student-of-`` and the names of its teachers."""
    return "student-of-" + "-".join(Path(teacher).stem.replace("@", "-") for teacher in teachers)


def checkpoint_folder(name: str) -> Path:
    """Return the folder of the checkpoints of an unfinished training."""
    return registered_dir() / f".{name}.training"


def check_student_name(name: str, *, replace: bool = False) -> None:
    """Check the name of a new student before anything is computed.

    Args:
        name: the name.
        replace: whether a registered model of this name may be replaced; the training of that name may always continue.

    Raises:
        InputError: the name is invalid or taken.
    """
    check_name(name)
    if name in registered() and not replace and not checkpoint_folder(name).exists():
        raise InputError(f"there is a model {name} already: choose another --name, or replace it with --replace")


def distill(
    teachers: Sequence[Representation],
    dataset: Dataset,
    name: str,
    *,
    student: str | None = None,
    settings: Settings,
    width: int | None = None,
    label: str | None = None,
    label_samples: int | None = None,
    folder: Path | None = None,
    progress: SilentProgress = SILENT,
) -> tuple[ModelCard, Split, Distilled]:
    """Train a student on the rows of its teachers and register it.

    Args:
        teachers: representations of samples of the data set, matched by id.
        dataset: the samples, with the view that the student reads.
        name: the name of the new model.
        student: see `hyle.zoo.students.find_student`; default ``smiles-transformer``, or ``atoms-invariant`` for
            samples without SMILES.
        settings: how to train.
        width: of the student's rows; default that of the widest teacher, 512 at most.
        label: a label of the data set to learn as well.
        label_samples: number of labels to use; default all. Where the label selects the parameters, a fifth of them are
            labels of validation samples, so that a student of few labels is not selected by many.
        folder: for checkpoints, from which an interrupted training continues; default no checkpoints.
        progress: shows a progress bar with the loss and the alignment, or without a terminal one line for each
            evaluation; default nothing.

    Returns:
        The card of the new model, the split of the samples, and the result of the training.

    Raises:
        InputError: too few common samples or labels, rows or labels that are not finite or all identical, no such view,
            label, student or loss, or checkpoints of a run with other data or settings.
        OutputError: the checkpoints or the model cannot be written.
    """
    from flax import nnx
    from safetensors.numpy import save_file

    from hyle.engine import check_counting, save_history
    from hyle.engine.training import OtherRunError, check_finite, distill
    from hyle.zoo.students import find_student, split_params

    student = student or ("smiles-transformer" if "smiles" in dataset.views else "atoms-invariant")
    student_class = find_student(student)
    if student_class.view not in dataset.views:
        raise InputError(
            f"{student} reads {student_class.view}, which {dataset.name} does not have: choose another --student"
        )
    if label is not None and label not in dataset.units and not any(label in s.labels for s in dataset):
        present = dict.fromkeys([*dataset.units, *(name for s in dataset for name in s.labels)])
        raise InputError(f"{dataset.name} has no label {label!r}; it has: {', '.join(present) or 'none'}")
    name_of_samples = f"the samples of {dataset.name}"
    numbered = [teacher.name for teacher in teachers if teacher.row_numbers]
    numbered += [name_of_samples] if dataset.ids_from == ROW_NUMBERS else []
    for note in check_counting({name_of_samples: dataset.ids, **{each.name: each.ids for each in teachers}}, numbered):
        progress.say(f"warning: {note}")
    tables = [{id_: row for row, id_ in enumerate(teacher.ids)} for teacher in teachers]
    common = [sample for sample in dataset if all(sample.id in table for table in tables)]
    if len(common) < MIN_SAMPLES:
        raise InputError(
            f"{len(common)} samples have rows of {', '.join(t.name for t in teachers)}, and {MIN_SAMPLES} are needed: "
            "embed the same samples first, by hyle embed with the same --dataset, -n and --seed, or give files with "
            f"their ids (samples: {', '.join(repr(shorten(i)) for i in dataset.ids[:3])}; {teachers[0].name}: "
            f"{', '.join(repr(shorten(i)) for i in teachers[0].ids[:3])})"
        )
    for teacher, table in zip(teachers, tables, strict=True):
        # The test set as well, which is compared with the student after training.
        check_finite(teacher.name, _rows_of(teacher, table, common), [sample.id for sample in common])
    split = train_val_test_split(common, settings.seed)
    options = student_class.fit(split.train)
    width = width or min(512, max(int(teacher.embedding.shape[1]) for teacher in teachers))
    network = student_class(width, rngs=nnx.Rngs(settings.seed), **options)
    split = drop_unsupported(split, network.unsupported)
    check_supported(split, student, len(common), progress)
    samples = [*split.train, *split.validation]
    rows = {teacher.name: _rows_of(teacher, table, samples) for teacher, table in zip(teachers, tables, strict=True)}
    labels = None
    if label is not None:
        labels = known_labels(label, label_samples, split, settings)
        known = int(np.isfinite([sample.labels.get(label, np.nan) for sample in samples]).sum())
        if known < len(samples):
            progress.say(f"warning: {len(samples) - known} of {len(samples)} samples have no finite {shorten(label)}")
    apply, params = split_params(network)
    shown = has_terminal()

    def report(step: int, values: Mapping[str, float]) -> None:
        if not shown:  # no progress bar is shown, and a log shall show that training goes on
            progress.say(f"{name}: {_measurement(step, settings.steps, values, rows)}")

    if folder is not None:
        INTERRUPTS.kept = "the same command continues from the last checkpoint"
    try:
        with progress.bar(name, settings.steps) as update:
            distilled = distill(
                apply,
                params,
                network.featurise(samples),
                rows,
                held_out=np.arange(len(samples)) >= len(split.train),
                labels=labels,
                ids=[sample.id for sample in samples],
                settings=settings,
                folder=folder,
                callback=report,
                progress=lambda step, values: update(
                    step, f"loss {values['loss']:.3f}  alignment {values['alignment']:.3f}"
                ),
            )
    except OtherRunError as error:
        raise InputError(
            f"the unfinished training of {name} had other data or settings "
            f"({', '.join(OPTION_OF.get(part, part) for part in error.differs)}): to start again: --restart; to keep "
            "it: another --name"
        ) from error
    card = _card(name, student_class, student, width, options, teachers, dataset, len(split.train), distilled)
    with tempfile.TemporaryDirectory() as scratch, output_errors(registered_dir() / name):
        path = Path(scratch) / "params.safetensors"
        save_file({key: np.asarray(value) for key, value in distilled.params.items()}, path)
        card = register(card, {"params": path})
    save_history(distilled.history, registered_dir() / name / "history.nc")
    return card, split, distilled


def _measurement(step: int, steps: int, values: Mapping[str, float], teachers: Mapping[str, Any]) -> str:
    """Format one evaluation for a log."""
    loss = f"loss {values['loss']:.3f}, " if np.isfinite(values["loss"]) else ""
    alignment = np.mean([values[f"cka/{name}"] for name in teachers])
    label = f", error of the label {values['label_mae']:.4g}" if "label_mae" in values else ""
    return f"step {step} of {steps}: {loss}alignment {alignment:.3f}{label}"


def _rows_of(teacher: Representation, table: Mapping[str, int], samples: Sequence[Sample]) -> np.ndarray:
    """Return the rows [n, d] of a teacher for the given samples, in float32."""
    with np.errstate(over="ignore"):  # beyond float32: infinite, which is an error before training starts
        return np.asarray(teacher.embedding, np.float32)[[table[sample.id] for sample in samples]]


def save_result(name: str, result: Mapping[str, Any]) -> Path:
    """Store the evaluation of a student next to its weights, and delete its checkpoints.

    Until then, the same command continues an interrupted distillation.
    """
    path = write_atomically(registered_dir() / name / "result.json", json_text(result).encode())
    shutil.rmtree(checkpoint_folder(name), ignore_errors=True)
    return path


def _card(
    name: str,
    student_class: Any,
    student: str,
    width: int,
    options: Mapping[str, Any],
    teachers: Sequence[Representation],
    dataset: Dataset,
    n: int,
    distilled: Distilled,
) -> ModelCard:
    cards = {card.name: card for card in list_models()}
    teacher_cards = [cards[str(t.recipe["model"])] for t in teachers if t.recipe.get("model") in cards]
    names = ", ".join(teacher.name for teacher in teachers)
    builtin = [info.known_as for info in list_datasets() if info.name == dataset.name and info.known_as]
    return ModelCard(
        name=name,
        # A student and its teacher are not independent.
        family=teacher_cards[0].family if teacher_cards else name,
        modality=student_class.modality,
        view=student_class.view,
        architecture=student_class.architecture,
        parameters=sum(int(np.size(value)) for value in distilled.params.values()),
        dim=width,
        training_data=f"{n:,} samples of {dataset.name}, embedded by {names}",
        trained_on=builtin,
        licence="not stated; that of its teachers and its data may apply",
        citation="; ".join(dict.fromkeys(card.citation for card in teacher_cards)),
        adapter="hyle.zoo.adapters.student:Student",
        layers=("rows",),
        pooling="none",
        batch_size=256,
        domains=(dataset.domain,),
        notes=f"Distilled from {names} by hyle distill; step {distilled.step}.",
        options={"student": student, "width": width, "options": dict(options)},
        requirements=("flax>=0.12",),
        torch=False,
    )
