"""A student in plain JAX that learns the geometry of a teacher, evaluated on held-out samples."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from hyle.engine import compare
from hyle.engine.losses import cka_loss, queue, soft_neighbour_loss

SAMPLES, HELD_OUT, BATCH, STEPS, RATE = 1024, 256, 64, 600, 3e-2
Weights = Sequence[tuple[jax.Array, jax.Array]]


def samples(teacher: str) -> tuple[jax.Array, jax.Array]:
    """Draw inputs [n, 16] and a teacher [n, 32], a function of the inputs (``planted``) or independent ``noise``."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES + HELD_OUT, 16))
    rows = np.tanh(x @ rng.normal(size=(16, 32)) / 4) if teacher == "planted" else rng.normal(size=(len(x), 32))
    return jnp.asarray(x, jnp.float32), jnp.asarray(rows, jnp.float32)


def student(weights: Weights, x: jax.Array) -> jax.Array:
    """Map [b, 16] to [b, 24] by two layers."""
    (first, bias), (second, offset) = weights
    return jnp.tanh(x @ first + bias) @ second + offset


def train(teacher: str = "planted") -> tuple[float, float]:
    """Train, and return the alignment on held-out samples and its p-value."""
    x, y = samples(teacher)
    sizes = (16, 64, 24)
    keys = jax.random.split(jax.random.key(0), 2)
    weights = [
        (jax.random.normal(key, (a, b)) / a**0.5, jnp.zeros(b))
        for key, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]
    memory = queue(256)  # the 64 samples of a batch find their neighbours among 320
    state = memory.init(student(weights, x[:BATCH]), y[:BATCH])

    @jax.jit
    def step(weights, state, key):
        rows = jax.random.choice(key, SAMPLES, (BATCH,), replace=False)

        def loss(weights):
            embedding = student(weights, x[rows])
            queued, new = memory.update((embedding, y[rows]), state)
            neighbours = soft_neighbour_loss(queued.student, queued.teacher, where=queued.where, queries=BATCH)
            return cka_loss(embedding, y[rows]) + neighbours, new

        (value, new), gradient = jax.value_and_grad(loss, has_aux=True)(weights)
        return jax.tree.map(lambda w, g: w - RATE * g, weights, gradient), new, value

    for i, key in enumerate(jax.random.split(jax.random.key(1), STEPS)):
        weights, state, value = step(weights, state, key)
        if i % 100 == 0:
            print(f"step {i:4d}  loss {value:.3f}")
    embedding = student(weights, x[SAMPLES:])
    result = compare({"student": embedding, "teacher": y[SAMPLES:]}, metrics=["cka"], permutations=200)
    score, p = (float(result[name].sel(model="student", other="teacher")) for name in ("cka", "cka_p"))
    print(f"{teacher}: held-out CKA {score:.3f}, p = {p:.3f}")
    return score, p


if __name__ == "__main__":
    train("planted")
    train("noise")
