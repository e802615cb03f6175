"""Train a student to see samples as its teachers do: the loop over batches, with checkpoints and early stopping."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
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
from .labels import Labels, rows_of
from .settings import LOSSES, Settings

# Steps between two calls of ``progress``, each of which waits for the device.
PROGRESS_EVERY_STEPS = 10


class Distilled(NamedTuple):
    """What training gave.

    Args:
        params: of the student, those of the best alignment held out; the last ones where nothing is aligned.
        predict: labels [b] of student rows [b, d] in the units of the labels, or None where there were none.
        history: of all measurements.
        step: of these parameters.
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
    settings: Settings | None = None,
    folder: str | Path | None = None,
    callback: Callback | None = None,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Distilled:
    """Train a student on the rows of its teachers, and on labels where there are some.

    Which rows a step takes, the seed and the step decide, so that a run that was killed goes on as if nothing had been.

    Args:
        apply: pure, (params, inputs of b samples) -> rows [b, d].
        params: tree of floating arrays, the student's at first.
        inputs: tree of arrays [n, ...].
        teachers: name -> [n, d], row i being sample i.
        held_out: bool [n], samples to measure and never to train on; at least 12, and 1,000 are plenty.
        labels: [n], NaN where not known; those of samples held out are only measured by.
        settings: default `Settings()`.
        folder: for checkpoints; training goes on from the last one there. Default none are kept.
        callback: see `History`.
        progress: called every few steps with the steps done and the last ``loss`` and ``alignment``.

    Raises:
        ValueError: lengths differ, too few samples, a loss that is not finite, or a folder of another run.
        ModuleNotFoundError: without Optax; says how to install it.
    """
    try:
        import optax
    except ModuleNotFoundError as error:
        raise MissingPackageError("distillation needs Optax and Flax: pip install 'hyle[train]'") from error
    settings = settings or Settings()
    held, n = np.asarray(held_out, bool), len(held_out)
    rows = {name: np.asarray(teacher, np.float32) for name, teacher in teachers.items()}
    for name, length in [*((name, len(v)) for name, v in rows.items()), ("inputs", len(jax.tree.leaves(inputs)[0]))]:
        if length != n:
            raise InputError(f"{name} has {length} rows for {n} samples")
    own, apart = np.flatnonzero(~held), np.flatnonzero(held)
    if len(own) < 4 or len(apart) < 12:
        raise InputError(f"{len(own)} samples to train on and {len(apart)} held out: 4 and 12 are needed at least")
    target = Labels.of(labels, own)
    if target is None and not settings.losses:
        raise InputError("there is nothing to learn: neither a loss nor labels were given")
    probe = AlignmentMonitor({name: v[apart] for name, v in rows.items()}, every=settings.eval_every)
    data = {"inputs": inputs, "teachers": rows}
    if "cosine" in settings.losses:
        # It compares coordinates: as they come, the largest columns would be all that it sees.
        data["standardised"] = {name: _standardised(v, own) for name, v in rows.items()}
    every = {
        "student": params,
        **_heads(jax.eval_shape(apply, params, rows_of(inputs, own[:2])).shape[1], rows, settings),
    }
    warm = max(1, settings.steps // 20)
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warm, settings.steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))

    gradients = jax.value_and_grad(partial(_loss, apply, settings))

    @jax.jit
    def step(every: Any, state: Any, batch: Any, labelled: Any) -> Any:
        value, gradient = gradients(every, batch, labelled)
        change, state = optimiser.update(gradient, state, every)
        return optax.apply_updates(every, change), state, value

    embed = jax.jit(apply)

    def measure(every: Any) -> dict[str, Any]:
        seen = jnp.asarray(
            in_batches(lambda x: embed(every["student"], x), rows_of(inputs, apart), settings.batch_size)
        )
        found = probe.measure(seen)
        if target is not None:
            found["label_mae"] = target.error(_read(every["readout"], seen), apart)
        return found

    run = Run(every, optimiser.init(every), every, History(probe.attributes, callback=callback))
    mark = run_fingerprint(settings, data, held, target, params)
    with Checkpoints(folder, mark) as checkpoints:
        run = checkpoints.last(run)
        if not run.history.rows:
            run = run.measured(0, measure(run.params), float("nan"), bool(settings.losses))
        told, total = run.step, []
        while run.step < settings.steps and not run.stale(settings.patience):
            some = np.random.default_rng([settings.seed, run.step])
            labelled = None if target is None else target.batch(some, settings.batch_size, inputs)
            batch = rows_of(data, some.permutation(own)[: settings.batch_size]) if settings.losses else None
            params_, state, value = step(run.params, run.state, batch, labelled)
            run = run._replace(params=params_, state=state, step=run.step + 1)
            total.append(value)
            if run.step % settings.eval_every == 0 or run.step == settings.steps:
                mean = float(np.mean([float(v) for v in total]))
                if not np.isfinite(mean):
                    raise InputError(f"the loss is not finite by step {run.step}: lower the learning rate")
                run = run.measured(run.step, measure(run.params), mean, bool(settings.losses))
                checkpoints.save(run)
                total = []
            if progress is not None and (run.step >= told + PROGRESS_EVERY_STEPS or run.step == settings.steps):
                told = run.step
                progress(run.step, {"loss": float(value), "alignment": run.alignment})
    best = run.best if settings.losses else run.params
    predict = None if target is None else lambda x: target.restored(_read(best["readout"], jnp.asarray(x)))
    stopped = "the alignment held out rose no more" if run.step < settings.steps else "all steps were done"
    return Distilled(best["student"], predict, run.history, run.best_step if settings.losses else run.step, stopped)


def _loss(apply: Any, settings: Settings, every: Any, batch: Any, labelled: Any) -> jax.Array:
    found = jnp.zeros(())
    if settings.losses:
        student = apply(every["student"], batch["inputs"])
        for name, weight in settings.losses.items():
            for of, teacher in batch["standardised" if name == "cosine" else "teachers"].items():
                more = {"projector": partial(_project, every["projectors"][of])} if name == "cosine" else {}
                found += weight * LOSSES[name](student, teacher, **more)
    if labelled is not None:
        said = _read(every["readout"], apply(every["student"], labelled[0]))
        found += settings.label_weight * ((said - labelled[1]) ** 2).mean()
    return found


def in_batches(call: Callable[[Any], Any], inputs: Any, size: int) -> np.ndarray:
    """Call a function on some rows at a time, all calls of one shape, so that it is compiled once."""
    n = len(jax.tree.leaves(inputs)[0])
    places = [np.minimum(np.arange(start, start + size), n - 1) for start in range(0, n, size)]
    return np.concatenate([np.asarray(call(rows_of(inputs, place))) for place in places])[:n]


def _heads(width: int, teachers: Mapping[str, np.ndarray], settings: Settings) -> dict[str, Any]:
    """Draw what training adds to the student: a readout of the label, and for the cosine loss projectors."""
    rng = np.random.default_rng([settings.seed, width])
    heads: dict[str, Any] = {"readout": {"weight": np.zeros(width, np.float32), "bias": np.zeros((), np.float32)}}
    if "cosine" in settings.losses:
        heads["projectors"] = {
            name: (rng.normal(size=(width, teacher.shape[1])) / width**0.5).astype(np.float32)
            for name, teacher in teachers.items()
        }
    return heads


def _standardised(teacher: np.ndarray, own: np.ndarray) -> np.ndarray:
    mean, scale = teacher[own].mean(0), teacher[own].std(0)
    return (teacher - mean) / np.where(scale > 0, scale, 1)


def _read(readout: Mapping[str, Any], rows: Any) -> jax.Array:
    return rows @ readout["weight"] + readout["bias"]


def _project(weight: jax.Array, rows: jax.Array) -> jax.Array:
    return rows @ weight


def run_fingerprint(settings: Settings, data: Any, held: np.ndarray, target: Labels | None, params: Any) -> str:
    """Name a run by all that decides it."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for leaf in jax.tree.leaves([data, held, None if target is None else target.values, params]):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()[:16]
