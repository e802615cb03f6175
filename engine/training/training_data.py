"""The data of a distillation: checked, split, and with fingerprints for its checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from ..base import InputError
from .labels import Labels, check_finite, check_varies
from .settings import Settings


class TrainingData(NamedTuple):
    """Checked data of a distillation.

    Args:
        arrays: trees of arrays [n, ...]: ``inputs``, ``teachers`` and, for the cosine loss, ``standardised`` teachers.
        labels: standardised labels; None without labels.
        is_validation: bool [n].
        train_idx: rows to train on.
        val_idx: rows to measure on.
    """

    arrays: dict[str, Any]
    labels: Labels | None
    is_validation: np.ndarray
    train_idx: np.ndarray
    val_idx: np.ndarray


def checked_data(
    inputs: Any,
    teachers: Mapping[str, Any],
    held_out: Any,
    labels: Any,
    settings: Settings,
    ids: Sequence[object] | None,
) -> TrainingData:
    """Check the data of a distillation, split it and standardise what needs it.

    Raises:
        ValueError: lengths differ, too few samples or labels, rows that are not finite or all identical, or neither a
            loss nor labels.
    """
    is_validation, n = np.asarray(held_out, bool), len(held_out)
    with np.errstate(over="ignore"):  # beyond float32: the check below reports it
        rows = {name: np.asarray(teacher, np.float32) for name, teacher in teachers.items()}
    lengths = {name: len(teacher) for name, teacher in rows.items()}
    for name, length in [*lengths.items(), ("inputs", len(jax.tree.leaves(inputs)[0]))]:
        if length != n:
            raise InputError(f"{name} has {length} rows for {n} samples")
    for name, teacher in rows.items():
        check_finite(name, teacher, ids)
    for leaf in jax.tree.leaves(inputs):
        check_finite("inputs of the student", leaf, ids)
    if not rows:
        raise InputError("there is no teacher: give at least one, which is measured even without an alignment loss")
    train_idx, val_idx = np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
    if len(train_idx) < 4 or len(val_idx) < 12:
        raise InputError(
            f"{len(train_idx)} samples to train on and {len(val_idx)} held out: at least 4 and 12 are needed"
        )
    for name, teacher in rows.items():
        check_varies(name, teacher[train_idx], "samples to train on")
        check_varies(name, teacher[val_idx], "validation samples")
    target = Labels.of(labels, train_idx, ids)
    if target is not None and settings.selected_by(labelled=True) == "label":
        target.check_selects(val_idx)
    if target is None and not settings.losses:
        raise InputError("there is nothing to learn: neither a loss nor labels were given")
    arrays = {"inputs": inputs, "teachers": rows}
    if "cosine" in settings.losses:
        # The cosine loss compares coordinates: without standardisation the largest columns would dominate it.
        arrays["standardised"] = {name: _standardised(teacher, train_idx) for name, teacher in rows.items()}
    return TrainingData(arrays, target, is_validation, train_idx, val_idx)


def run_fingerprints(settings: Settings, data: TrainingData, params: Any) -> dict[str, str]:
    """Compute hashes of what determines a run, by name: each setting, the data, and the initial parameters.

    ``steps`` and ``patience`` are left out, so that a run may be continued with others.
    """
    labelled = data.labels is not None
    values = {**asdict(settings), "select": settings.selected_by(labelled=labelled)}
    marks = {name: json.dumps(value, sort_keys=True) for name, value in values.items()}
    marks = {name: mark for name, mark in marks.items() if name not in ("steps", "patience")}
    for name, tree in {
        "inputs of the student": data.arrays["inputs"],
        "rows of the teachers": [data.arrays["teachers"], data.is_validation],
        "labels": None if data.labels is None else data.labels.values,
        "initial parameters": params,
    }.items():
        digest = hashlib.sha256()
        for leaf in jax.tree.leaves(tree):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        marks[name] = digest.hexdigest()[:16]
    return marks


def _standardised(teacher: np.ndarray, train_idx: np.ndarray) -> np.ndarray:
    mean, scale = teacher[train_idx].mean(0), teacher[train_idx].std(0)
    return (teacher - mean) / np.where(scale > 0, scale, 1)
