"""A Flax NNX student with Optax and Orbax: alignment as a second loss, and a run that resumes after an interruption."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx

from hyle.engine import compare
from hyle.engine.losses import Projector, cka_loss, cosine_loss

SAMPLES, HELD_OUT, BATCH, WEIGHT, SAVE_EVERY = 1024, 256, 64, 0.5, 100


class Student(nnx.Module):
    """A small network with a readout."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first, self.second = nnx.Linear(16, 64, rngs=rngs), nnx.Linear(64, 24, rngs=rngs)
        self.readout = nnx.Linear(24, 1, rngs=rngs)
        self.projector = Projector(24, 32, hidden=64, rngs=rngs)

    def __call__(self, x):
        """Predict labels [b] for inputs [b, 16]; also return the representation [b, 24] from which they are read."""
        rows = self.second(nnx.silu(self.first(x)))
        return self.readout(nnx.silu(rows))[:, 0], rows


def samples(teacher: str):
    """Draw inputs [n, 16], labels [n] and a teacher [n, 32], a function of the inputs (``planted``) or ``noise``."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES + HELD_OUT, 16))
    rows = np.tanh(x @ rng.normal(size=(16, 32)) / 4) if teacher == "planted" else rng.normal(size=(len(x), 32))
    return tuple(jnp.asarray(v, jnp.float32) for v in (x, np.sin(x[:, 0]), rows))


@nnx.jit
def step(student, optimiser, x, label, teacher):
    """Take one step of Adam on the label and alignment losses."""

    def loss(student):
        predicted, rows = student(x)
        alignment = cka_loss(rows, teacher) + cosine_loss(rows, teacher, projector=student.projector)
        return ((predicted - label) ** 2).mean() + WEIGHT * alignment

    value, gradient = nnx.value_and_grad(loss)(student)
    optimiser.update(student, gradient)
    return value


def train(folder: Path, steps: int = 400, teacher: str = "planted") -> tuple[list[float], float, float]:
    """Train from the last checkpoint in the folder; return the losses, the held-out CKA and its p-value."""
    (x, label, rows), student = samples(teacher), Student(nnx.Rngs(0))
    optimiser = nnx.Optimizer(student, optax.adam(3e-3), wrt=nnx.Param)
    losses: list[float] = []
    with ocp.CheckpointManager(folder.resolve(), options=ocp.CheckpointManagerOptions(max_to_keep=2)) as manager:
        start = manager.latest_step() or 0
        if start:
            state = nnx.state((student, optimiser))
            nnx.update((student, optimiser), manager.restore(start, args=ocp.args.StandardRestore(state)))
        for i in range(start, steps):
            batch = np.random.default_rng(i).choice(SAMPLES, BATCH, replace=False)  # the same in a resumed run
            losses.append(float(step(student, optimiser, *(v[batch] for v in (x, label, rows)))))
            if (i + 1) % SAVE_EVERY == 0:
                manager.save(i + 1, args=ocp.args.StandardSave(nnx.state((student, optimiser))))
    held_out = {"student": student(x[SAMPLES:])[1], "teacher": rows[SAMPLES:]}
    result = compare(held_out, metrics=["cka"], permutations=200)
    return losses, *(float(result[name].sel(model="student", other="teacher")) for name in ("cka", "cka_p"))


if __name__ == "__main__":
    for name in ("planted", "noise"):
        losses, score, p = train(Path(tempfile.mkdtemp()), teacher=name)
        print(f"{name}: loss {losses[-1]:.3f}, held-out CKA {score:.3f}, p = {p:.3f}")
