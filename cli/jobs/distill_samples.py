"""The samples of a distillation: teachers that have rows of them, the split, what a student reads, and labels."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hyle.zoo import Dataset, InputError, Representation, Sample, Store, find_dataset, shorten

from ..console import SilentProgress
from ..options import FileSelection, TeacherSelection
from .sources import find_representations

if TYPE_CHECKING:
    from hyle.engine.training import Settings

# Fractions of the samples in the test and the validation set, and the smallest and largest size of the latter.
TEST, VALIDATION, MIN_VALIDATION, MAX_VALIDATION = 0.2, 0.1, 12, 512
MIN_SAMPLES = 100
# Of few labels, the fraction that belongs to validation samples where the label selects the parameters.
SELECTING = 0.2


@dataclass(frozen=True)
class Split:
    """The samples of a distillation; samples of the same string or sequence are in the same set.

    Args:
        train: samples to train on.
        validation: samples that select the parameters, and for early stopping.
        test: samples for the evaluation, which training never uses.
        dropped: id -> why the student cannot read that sample.
    """

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]
    dropped: Mapping[str, str]


def train_val_test_split(samples: Sequence[Sample], seed: int) -> Split:
    """Split samples at random into training, validation and test set."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.smiles or sample.selfies or sample.sequence or sample.id, []).append(sample)
    order = np.random.default_rng(seed).permutation(len(groups))
    shuffled = [sample for group in order for sample in list(groups.values())[group]]
    test = round(TEST * len(shuffled))
    stop = test + min(max(round(VALIDATION * len(shuffled)), MIN_VALIDATION), MAX_VALIDATION)
    return Split(shuffled[stop:], shuffled[test:stop], shuffled[:test], {})


def drop_unsupported(split: Split, unsupported: Callable[[Sample], str | None]) -> Split:
    """Drop the samples that the student cannot read, and keep the reasons."""
    samples = (*split.train, *split.validation, *split.test)
    dropped = {sample.id: reason for sample in samples if (reason := unsupported(sample)) is not None}

    def supported(part: Sequence[Sample]) -> list[Sample]:
        return [sample for sample in part if sample.id not in dropped]

    return Split(supported(split.train), supported(split.validation), supported(split.test), dropped)


def find_teachers(
    teachers: Sequence[str],
    dataset: Dataset,
    store: Store,
    selection: TeacherSelection | None = None,
    files: FileSelection | None = None,
) -> list[Representation]:
    """Return the representations of the teachers; of a stored model those of exactly these samples, if there are any.

    Args:
        teachers: files of embeddings or stored models, see `find_representations`.
        dataset: the samples.
        store: where models are looked up.
        selection: the layer and pooling, where a teacher has several.
        files: how files are read.

    Raises:
        InputError: a teacher that is not found, or stored more than once.
    """
    selection = selection or TeacherSelection()
    exact = f"{dataset.name}-{dataset.version}"
    stored = {entry.key.dataset for entry in store.list()}
    return find_representations(
        teachers,
        store,
        dataset=exact if exact in stored else dataset.name,
        layer=selection.layer,
        pooling=selection.pooling,
        files=files,
        command=shlex.join(["hyle", "distill", *teachers]),
    )


def check_draw(teachers: Sequence[str], dataset: str, n: int, seed: int, store: Store) -> None:
    """Check that the draw of a built-in data set is the one that the teachers were embedded with, before a download.

    Args:
        teachers: files of embeddings or stored models.
        dataset: name of a built-in data set.
        n: number of samples of the draw.
        seed: seed of the draw.
        store: where models are looked up.

    Raises:
        InputError: a teacher is stored for other seeds only, and hardly any sample would match.
    """
    info = find_dataset(dataset)
    for teacher in teachers:
        model = teacher.partition("@")[0]
        entries = [
            entry for entry in store.list() if entry.key.model == model and entry.recipe.get("dataset") == dataset
        ]
        seeds = {
            int(found[1]): entry.n
            for entry in entries
            if (found := re.search(r"\bseed (\d+)\b", str(entry.recipe.get("dataset_source", ""))))
        }
        if not seeds or seed in seeds or len(seeds) < len({entry.key.dataset for entry in entries}):
            continue
        common = round(max(seeds.values()) * n / info.total)
        if common < MIN_SAMPLES:
            others = ", ".join(f"--seed {other}" for other in sorted(seeds)[:5])
            raise InputError(
                f"{model} was embedded with {others} of {dataset}, and --seed {seed} draws about {common} of the same "
                f"samples: use {others}, or embed its samples first: hyle embed {model} --dataset {dataset} -n {n} "
                f"--seed {seed}"
            )


def check_supported(split: Split, student: str, total: int, progress: SilentProgress) -> None:
    """Check that the student reads enough samples, and report those that it cannot read.

    Raises:
        InputError: too few are left; says why.
    """
    if not split.dropped:
        return
    reasons = Counter(split.dropped.values()).most_common(3)
    why = "; ".join(f"{shorten(reason, 150)} ({count})" for reason, count in reasons)
    text = f"{student} cannot read {len(split.dropped)} of {total} samples: {why}"
    left = total - len(split.dropped)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    if left < MIN_SAMPLES or min(map(len, parts.values())) < MIN_VALIDATION:
        raise InputError(
            f"{text}; {left} are left, and {MIN_SAMPLES} are needed: choose another --student, hyle distill --help "
            "lists them"
        )
    progress.say(f"warning: {text}")


def known_labels(label: str, limit: int | None, split: Split, settings: Settings) -> np.ndarray:
    """Return the labels [n] of the training and then the validation samples, NaN where unknown or beyond the limit.

    Raises:
        InputError: the limit leaves too few to train on.
    """
    from hyle.engine.training import MIN_SELECT

    parts = [
        np.array([sample.labels.get(label, np.nan) for sample in samples], np.float64)
        for samples in (split.train, split.validation)
    ]
    if limit is not None:
        selects = settings.selected_by(labelled=True) == "label"
        selecting = max(MIN_SELECT, round(SELECTING * limit)) if selects else 0
        if limit - selecting < 2:
            raise InputError(
                f"of {limit} labels {selecting} select the parameters, and at least 2 are needed to train on: use "
                f"{MIN_SELECT + 2} labels or more, or --select last"
            )
        for values, most in zip(parts, (limit - selecting, selecting if selects else len(parts[1])), strict=True):
            values[np.flatnonzero(~np.isnan(values))[most:]] = np.nan
    return np.concatenate(parts)
