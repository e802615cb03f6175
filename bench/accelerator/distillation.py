"""A step of a distillation: what the alignment loss and the monitor add to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from .measuring import panel
from .rows import Job, Row

BATCH, INPUTS, WIDTH, QUICK_WIDTH, LAYERS, TEACHER = 256, 256, 1024, 64, 4, 512
MONITORED, REFERENCES, EVERY = 512, 4, 100
# Steps of a run, so that each run has the same share of measurements, and runs of each kind.
STEPS, QUICK_STEPS, ROUNDS, QUICK_ROUNDS = 200, 100, 5, 1
RATE, DECAY = 1e-3, 0.9


def measure(job: Job) -> Iterator[Row]:
    """Yield the time of a step with the label alone, with the alignment loss, and with the monitor as well."""
    steps, rounds, width = (QUICK_STEPS, QUICK_ROUNDS, QUICK_WIDTH) if job.quick else (STEPS, ROUNDS, WIDTH)
    runs = {
        "the label alone": _run(width, aligned=False, monitored=False),
        "cka_loss": _run(width, aligned=True, monitored=False),
        "cka_loss and monitor": _run(width, aligned=True, monitored=True),
    }
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runs.items():
            seconds = run(steps)
            best[name] = min(best[name], seconds) if turn else best[name]  # the first turn compiles
        if turn and job.left < 5:
            break
    label, loss, monitored = best.values()
    about = {"batch": BATCH, "width": width, "teacher": TEACHER, "steps": steps}
    yield Row("step with the label alone", label, "s", facts=about)
    yield Row("step with cka_loss", loss, "s", ratio=loss / label, to="the label alone")
    yield Row(
        f"step with cka_loss, monitor every {EVERY}", monitored, "s", ratio=monitored / loss, to="without monitor"
    )
    share = max(0.0, 1 - loss / monitored)
    yield Row("share of the monitor", share, "share", facts={"samples": MONITORED, "references": REFERENCES})


def _run(width: int, *, aligned: bool, monitored: bool) -> Callable[[int], float]:
    """Return a function that trains for some steps and returns the seconds of one."""
    import jax
    import jax.numpy as jnp

    from hyle.engine import AlignmentMonitor
    from hyle.engine.losses import cka_loss

    batch = {name: x[:BATCH] for name, x in panel(BATCH, (INPUTS, TEACHER)).items()}
    inputs, teacher = batch.values()
    labels = teacher[:, 0]
    fixed = panel(MONITORED, (INPUTS,) * (REFERENCES + 1))
    monitor = AlignmentMonitor({name: fixed[name] for name in list(fixed)[1:]}, every=EVERY)
    samples = fixed["m00"]
    shapes = [(INPUTS, width), *[(width, width)] * (LAYERS - 1)]
    keys = jax.random.split(jax.random.key(0), LAYERS)
    layers = [jax.random.normal(key, shape) / shape[0] ** 0.5 for key, shape in zip(keys, shapes, strict=True)]

    def embed(layers: list[Any], x: Any) -> Any:
        for layer in layers:
            x = jax.nn.gelu(x @ layer)
        return x

    def objective(layers: list[Any]) -> Any:
        rows = embed(layers, inputs)
        loss = ((rows.mean(1) - labels) ** 2).mean()
        return loss + cka_loss(rows, teacher) if aligned else loss

    def step(state: tuple[list[Any], list[Any]], number: Any) -> Any:
        layers, momentum = state
        loss, gradient = jax.value_and_grad(objective)(layers)
        momentum = jax.tree.map(lambda m, g: DECAY * m + g, momentum, gradient)
        values = monitor.at(number, lambda: embed(layers, samples)) if monitored else {}
        return (jax.tree.map(lambda w, m: w - RATE * m, layers, momentum), momentum), (loss, values)

    compiled = jax.jit(step)
    first = (layers, jax.tree.map(jnp.zeros_like, layers))

    def run(steps: int) -> float:
        state = first
        start = time.perf_counter()
        for number in range(steps):
            state, report = compiled(state, number)
        jax.block_until_ready((state, report))
        return (time.perf_counter() - start) / steps

    return run
