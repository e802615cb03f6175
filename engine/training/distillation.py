"""Distillation: train a student to match its teachers' representations, with checkpoints and early stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from .labels import rows_of
from .objective import initial_heads, objective, read
from .settings import Select, Settings
from .training_data import TrainingData, checked_data, run_fingerprints

# Steps between two calls of ``progress``, each of which waits for the device.
PROGRESS_EVERY_STEPS = 10


class Distilled(NamedTuple):
    """Result of a distillation.

    Args:
        params: of the student, as `Settings.select` says.
        predict: function from student rows [b, d] to labels [b] in the units of the labels; None without labels.
        history: of all measurements.
        step: number of training steps of these parameters.
        stopped: why training ended.
        select: what the parameters were selected by.
        labels: numbers of labels that were trained on, and of validation samples.
    """

    params: Any
    predict: Callable[[Any], np.ndarray] | None
    history: History
    step: int
    stopped: str
    select: Select
    labels: tuple[int, int]


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
        labels: [n], NaN where not known. Those of validation samples are not trained on, but select the parameters
            unless `Settings.select` says otherwise, so that their error of the kept parameters is too small: measure it
            on further samples.
        ids: n names of the samples, for messages; default their row numbers.
        settings: default `Settings()`.
        folder: for checkpoints; training continues from the last one there, with another number of steps or patience
            if they have changed: the learning rate then follows the new schedule from there on. Default: no
            checkpoints.
        callback: see `History`.
        progress: called every few steps with the number of steps done and the last ``loss`` and ``alignment``.

    ``apply`` may come from any library, such as ``lambda p, x: model.apply({"params": p}, x)`` for a Flax Linen module,
    and for an Equinox module ``lambda p, x: jax.vmap(eqx.combine(p, static))(x)`` with
    ``p, static = eqx.partition(model, eqx.is_inexact_array)``.

    Raises:
        ValueError: lengths differ, too few samples or labels, nothing to learn from, inputs, teachers or labels that
            are not finite or all identical (before training starts), or a loss that is not finite.
        OtherRunError: a ValueError: the folder has checkpoints of a run with other data or settings.
        ModuleNotFoundError: Optax is not installed; the message says how to install it.
    """
    settings = settings or Settings()
    optimiser = _optimiser(settings)
    data = checked_data(inputs, teachers, held_out, labels, settings, ids)
    trainer = _Trainer(apply, optimiser, data, settings)
    run = trainer.start(params, callback)
    select = settings.selected_by(labelled=data.labels is not None)
    with Checkpoints(folder, run_fingerprints(settings, data, params)) as checkpoints:
        run = checkpoints.last(run)
        if run.step > settings.steps:
            raise InputError(
                f"{run.step} steps are done already: use {run.step} steps or more, or start again in another folder"
            )
        if not run.history.rows:
            run = run.measured(0, trainer.evaluate(run.params), float("nan"), select)
        reported_step, losses = run.step, []
        while run.step < settings.steps and not run.stale(settings.patience):
            run, loss = trainer.step(run)
            losses.append(loss)
            if run.step % settings.eval_every == 0 or run.step == settings.steps:
                mean_loss = float(np.mean([float(value) for value in losses]))
                if not np.isfinite(mean_loss):
                    raise InputError(f"the loss is not finite by step {run.step}: lower the learning rate")
                run = run.measured(run.step, trainer.evaluate(run.params), mean_loss, select)
                checkpoints.save(run)
                losses = []
            is_due = run.step >= reported_step + PROGRESS_EVERY_STEPS or run.step == settings.steps
            if progress is not None and is_due:
                reported_step = run.step
                progress(run.step, {"loss": float(loss), "alignment": run.alignment})
    what = "error of the label" if select == "label" else "alignment"
    stopped = f"the validation {what} stopped improving" if run.step < settings.steps else "all steps are done"
    labelled = (0, 0) if data.labels is None else data.labels.counts(data.val_idx)
    params, predict = run.best["student"], trainer.predictor(run.best)
    return Distilled(params, predict, run.history, run.best_step, stopped, select, labelled)


class _Trainer:
    """The training step and the evaluation of one distillation, both compiled once.

    Args:
        apply: pure function (params, inputs of b samples) -> rows [b, d].
        optimiser: an Optax transformation.
        data: checked data.
        settings: of the distillation.
    """

    def __init__(
        self, apply: Callable[[Any, Any], jax.Array], optimiser: Any, data: TrainingData, settings: Settings
    ) -> None:
        self._apply, self._optimiser, self._data, self._settings = apply, optimiser, data, settings
        references = {name: teacher[data.val_idx] for name, teacher in data.arrays["teachers"].items()}
        self._monitor = AlignmentMonitor(references, every=settings.eval_every)
        self._gradients = jax.value_and_grad(partial(objective, apply, settings))
        self._update = jax.jit(self._updated)
        self._embed = jax.jit(apply)

    def start(self, params: Any, callback: Callback | None) -> Run:
        """Build the state of a new run from the initial parameters of the student."""
        inputs, teachers = self._data.arrays["inputs"], self._data.arrays["teachers"]
        width = jax.eval_shape(self._apply, params, rows_of(inputs, self._data.train_idx[:2])).shape[1]
        train_params = {"student": params, **initial_heads(width, teachers, self._settings)}
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
            predicted = read(train_params["readout"], embedding)
            values["label_mae"] = self._data.labels.error(predicted, self._data.val_idx)
        return values

    def predictor(self, train_params: Any) -> Callable[[Any], np.ndarray] | None:
        """Build a function from student rows [b, d] to labels [b] in their units; None without labels."""
        labels = self._data.labels
        if labels is None:
            return None
        return lambda rows: labels.restored(read(train_params["readout"], jnp.asarray(rows)))

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
        raise MissingPackageError("distillation needs Optax and Flax: pip install optax flax") from error
    warmup_steps = max(1, settings.steps // 20)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup_steps, settings.steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))


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
