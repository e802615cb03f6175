"""Distillation: train a student to match its teachers' representations, with checkpoints and early stopping."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, MissingPackageError
from .alignment_monitor import AlignmentMonitor
from .checkpoints import Checkpoints, Run
from .history import Callback, History
from .labels import Labels, check_finite, rows_of
from .settings import LOSSES, Settings

# Steps between two calls of ``progress``, each of which waits for the device.
PROGRESS_EVERY_STEPS = 10


class Distilled(NamedTuple):
    """Result of a distillation.

    Args:
        params: of the student: those with the best validation alignment, or the last ones without an alignment loss.
        predict: function from student rows [b, d] to labels [b] in the units of the labels; None without labels.
        history: of all measurements.
        step: number of training steps of these parameters.
        stopped: why training ended.
    """

    params: Any
    predict: Callable[[Any], np.ndarray] | None
    history: History
    step: int
    stopped: str


def distill(
    apply: Callable[[Any, Any], jax.Array],
    params: Any,
    inputs: Any,
    teachers: Mapping[str, Any],
    /,
    *,
    held_out: Any,
    labels: Any = None,
    ids: Sequence[object] | None = None,
    settings: Settings | None = None,
    folder: str | Path | None = None,
    callback: Callback | None = None,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Distilled:
    """Train a student on the representations of its teachers and, if given, on labels.

    The rows of a batch depend only on the seed and the step, so that an interrupted run continues exactly as it would
    have without the interruption.

    Args:
        apply: pure function (params, inputs of b samples) -> rows [b, d].
        params: tree of floating arrays, the initial parameters of the student.
        inputs: tree of arrays [n, ...].
        teachers: name -> [n, d], row i is sample i.
        held_out: bool [n], validation samples, which are only measured and never trained on; at least 12, and 1,000
            are enough.
        labels: [n], NaN where not known; those of validation samples are only used to measure the error.
        ids: n names of the samples, for messages; default their row numbers.
        settings: default `Settings()`.
        folder: for checkpoints; training continues from the last one there. Default: no checkpoints.
        callback: see `History`.
        progress: called every few steps with the number of steps done and the last ``loss`` and ``alignment``.

    Raises:
        ValueError: lengths differ, too few samples, nothing to learn from, inputs, teachers or labels that are not
            finite (before training starts), a loss that is not finite, or a folder with another run.
        ModuleNotFoundError: Optax is not installed; the message says how to install it.
    """
    settings = settings or Settings()
    optimiser = _optimiser(settings)
    data = _checked_data(inputs, teachers, held_out, labels, settings, ids)
    trainer = _Trainer(apply, optimiser, data, settings)
    run = trainer.start(params, callback)
    is_aligned = bool(settings.losses)
    fingerprint = run_fingerprint(settings, data.arrays, data.is_validation, data.labels, params)
    with Checkpoints(folder, fingerprint) as checkpoints:
        run = checkpoints.last(run)
        if not run.history.rows:
            run = run.measured(0, trainer.evaluate(run.params), float("nan"), is_aligned)
        reported_step, losses = run.step, []
        while run.step < settings.steps and not run.stale(settings.patience):
            run, loss = trainer.step(run)
            losses.append(loss)
            if run.step % settings.eval_every == 0 or run.step == settings.steps:
                mean_loss = float(np.mean([float(value) for value in losses]))
                if not np.isfinite(mean_loss):
                    raise InputError(f"the loss is not finite by step {run.step}: lower the learning rate")
                run = run.measured(run.step, trainer.evaluate(run.params), mean_loss, is_aligned)
                checkpoints.save(run)
                losses = []
            is_due = run.step >= reported_step + PROGRESS_EVERY_STEPS or run.step == settings.steps
            if progress is not None and is_due:
                reported_step = run.step
                progress(run.step, {"loss": float(loss), "alignment": run.alignment})
    best, step = (run.best, run.best_step) if is_aligned else (run.params, run.step)
    stopped = "the validation alignment stopped improving" if run.step < settings.steps else "all steps are done"
    return Distilled(best["student"], trainer.predictor(best), run.history, step, stopped)


class _Data(NamedTuple):
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


def _checked_data(
    inputs: Any,
    teachers: Mapping[str, Any],
    held_out: Any,
    labels: Any,
    settings: Settings,
    ids: Sequence[object] | None,
) -> _Data:
    """Check the data of a distillation, split it and standardise what needs it.

    Raises:
        ValueError: lengths differ, too few samples, rows that are not finite, or neither a loss nor labels.
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
    train_idx, val_idx = np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
    if len(train_idx) < 4 or len(val_idx) < 12:
        raise InputError(
            f"{len(train_idx)} samples to train on and {len(val_idx)} held out: at least 4 and 12 are needed"
        )
    target = Labels.of(labels, train_idx, ids)
    if target is None and not settings.losses:
        raise InputError("there is nothing to learn: neither a loss nor labels were given")
    arrays = {"inputs": inputs, "teachers": rows}
    if "cosine" in settings.losses:
        # The cosine loss compares coordinates: without standardisation the largest columns would dominate it.
        arrays["standardised"] = {name: _standardised(teacher, train_idx) for name, teacher in rows.items()}
    return _Data(arrays, target, is_validation, train_idx, val_idx)


class _Trainer:
    """The training step and the evaluation of one distillation, both compiled once.

    Args:
        apply: pure function (params, inputs of b samples) -> rows [b, d].
        optimiser: an Optax transformation.
        data: checked data.
        settings: of the distillation.
    """

    def __init__(self, apply: Callable[[Any, Any], jax.Array], optimiser: Any, data: _Data, settings: Settings) -> None:
        self._apply, self._optimiser, self._data, self._settings = apply, optimiser, data, settings
        references = {name: teacher[data.val_idx] for name, teacher in data.arrays["teachers"].items()}
        self._monitor = AlignmentMonitor(references, every=settings.eval_every)
        self._gradients = jax.value_and_grad(partial(_loss, apply, settings))
        self._update = jax.jit(self._updated)
        self._embed = jax.jit(apply)

    def start(self, params: Any, callback: Callback | None) -> Run:
        """Build the state of a new run from the initial parameters of the student."""
        inputs, teachers = self._data.arrays["inputs"], self._data.arrays["teachers"]
        width = jax.eval_shape(self._apply, params, rows_of(inputs, self._data.train_idx[:2])).shape[1]
        train_params = {"student": params, **_heads(width, teachers, self._settings)}
        history = History(self._monitor.attributes, callback=callback)
        return Run(train_params, self._optimiser.init(train_params), train_params, history)

    def step(self, run: Run) -> tuple[Run, jax.Array]:
        """Train on the batch of the next step, and return the new state and the loss."""
        data, settings = self._data, self._settings
        # The order of these two draws is part of the run: a checkpoint continues with the same batches.
        rng = np.random.default_rng([settings.seed, run.step])
        labelled = None if data.labels is None else data.labels.batch(rng, settings.batch_size, data.arrays["inputs"])
        batch = None
        if settings.losses:
            batch = rows_of(data.arrays, rng.permutation(data.train_idx)[: settings.batch_size])
        train_params, state, loss = self._update(run.params, run.state, batch, labelled)
        return run._replace(params=train_params, state=state, step=run.step + 1), loss

    def evaluate(self, train_params: Any) -> dict[str, Any]:
        """Measure the student on the validation samples: its alignment and, with labels, the error of its readout."""
        inputs = rows_of(self._data.arrays["inputs"], self._data.val_idx)
        rows = in_batches(lambda x: self._embed(train_params["student"], x), inputs, self._settings.batch_size)
        embedding = jnp.asarray(rows)
        values = self._monitor.measure(embedding)
        if self._data.labels is not None:
            predicted = _read(train_params["readout"], embedding)
            values["label_mae"] = self._data.labels.error(predicted, self._data.val_idx)
        return values

    def predictor(self, train_params: Any) -> Callable[[Any], np.ndarray] | None:
        """Build a function from student rows [b, d] to labels [b] in their units; None without labels."""
        labels = self._data.labels
        if labels is None:
            return None
        return lambda rows: labels.restored(_read(train_params["readout"], jnp.asarray(rows)))

    def _updated(self, train_params: Any, state: Any, batch: Any, labelled: Any) -> Any:
        import optax

        loss, gradient = self._gradients(train_params, batch, labelled)
        updates, state = self._optimiser.update(gradient, state, train_params)
        return optax.apply_updates(train_params, updates), state, loss


def _optimiser(settings: Settings) -> Any:
    """Build the optimiser: AdamW with clipped gradients, and a cosine schedule after linear warm-up.

    Raises:
        ModuleNotFoundError: Optax is not installed.
    """
    try:
        import optax
    except ModuleNotFoundError as error:
        raise MissingPackageError("distillation needs Optax and Flax: pip install 'hyle[train]'") from error
    warmup_steps = max(1, settings.steps // 20)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup_steps, settings.steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))


def _loss(apply: Any, settings: Settings, train_params: Any, batch: Any, labelled: Any) -> jax.Array:
    """Compute the weighted sum of the losses over the teachers, and of the squared error of the readout."""
    loss = jnp.zeros(())
    if settings.losses:
        student = apply(train_params["student"], batch["inputs"])
        for name, weight in settings.losses.items():
            for teacher_name, teacher in batch["standardised" if name == "cosine" else "teachers"].items():
                options = {}
                if name == "cosine":
                    options["projector"] = partial(_project, train_params["projectors"][teacher_name])
                loss += weight * LOSSES[name](student, teacher, **options)
    if labelled is not None:
        inputs, labels = labelled
        predicted = _read(train_params["readout"], apply(train_params["student"], inputs))
        loss += settings.label_weight * ((predicted - labels) ** 2).mean()
    return loss


def in_batches(call: Callable[[Any], Any], inputs: Any, size: int) -> np.ndarray:
    """Call a function on batches of rows of the same shape, so that it is compiled once, and concatenate the results.

    Args:
        call: function from inputs of ``size`` samples to rows.
        inputs: tree of arrays [n, ...]; the last batch is filled up with copies of the last sample.
        size: number of samples of a batch.
    """
    n = len(jax.tree.leaves(inputs)[0])
    batches = [np.minimum(np.arange(start, start + size), n - 1) for start in range(0, n, size)]
    return np.concatenate([np.asarray(call(rows_of(inputs, rows))) for rows in batches])[:n]


def _heads(width: int, teachers: Mapping[str, np.ndarray], settings: Settings) -> dict[str, Any]:
    """Initialise what training adds to the student: a readout of the label and, for the cosine loss, projectors."""
    rng = np.random.default_rng([settings.seed, width])
    heads: dict[str, Any] = {"readout": {"weight": np.zeros(width, np.float32), "bias": np.zeros((), np.float32)}}
    if "cosine" in settings.losses:
        heads["projectors"] = {
            name: (rng.normal(size=(width, teacher.shape[1])) / width**0.5).astype(np.float32)
            for name, teacher in teachers.items()
        }
    return heads


def _standardised(teacher: np.ndarray, train_idx: np.ndarray) -> np.ndarray:
    mean, scale = teacher[train_idx].mean(0), teacher[train_idx].std(0)
    return (teacher - mean) / np.where(scale > 0, scale, 1)


def _read(readout: Mapping[str, Any], rows: Any) -> jax.Array:
    return rows @ readout["weight"] + readout["bias"]


def _project(weight: jax.Array, rows: jax.Array) -> jax.Array:
    return rows @ weight


def run_fingerprint(
    settings: Settings, arrays: Any, is_validation: np.ndarray, target: Labels | None, params: Any
) -> str:
    """Compute a hash of everything that determines a run: settings, data, split, labels and initial parameters."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for leaf in jax.tree.leaves([arrays, is_validation, None if target is None else target.values, params]):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:16]
