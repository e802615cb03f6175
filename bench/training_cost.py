"""`python -m bench.training_cost`: the cost of an `AlignmentMonitor` with its defaults, relative to a training step.

The model is a Flax NNX transformer over tokens (width 128, 2 layers, 32 tokens), trained by Adam with batches of 256.
The monitor has 512 samples and 4 references of width 256. Two versions of the step alternate, which differ only in a
call of `AlignmentMonitor.at`.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import click
import jax
import numpy as np

from .results import FOLDER, machine

BATCH, MONITORED, TOKENS, WIDTH, REFERENCES = 256, 512, 32, 128, 4


def _model() -> Any:
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.attention = nnx.MultiHeadAttention(4, WIDTH, decode=False, rngs=rngs)
            self.first, self.second = nnx.LayerNorm(WIDTH, rngs=rngs), nnx.LayerNorm(WIDTH, rngs=rngs)
            self.up, self.down = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs), nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            x = x + self.attention(self.first(x))
            return x + self.down(nnx.gelu(self.up(self.second(x))))

    class Model(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.embed, self.out = nnx.Embed(64, WIDTH, rngs=rngs), nnx.Linear(WIDTH, 1, rngs=rngs)
            self.first, self.second = Block(rngs), Block(rngs)

        def rows(self, tokens: jax.Array) -> jax.Array:
            return self.second(self.first(self.embed(tokens))).mean(1)

    return Model(nnx.Rngs(0))


def measure(every: int, rounds: int) -> dict[str, float]:
    """Time steps with and without the monitor in turn; return the best CPU seconds of each, and the relative cost."""
    import optax
    from flax import nnx

    from hyle.engine import AlignmentMonitor

    rng = np.random.default_rng(0)
    panel = {f"reference {i}": rng.normal(size=(MONITORED, 256)).astype(np.float32) for i in range(REFERENCES)}
    monitor = AlignmentMonitor(panel, every=every)
    tokens, fixed = (rng.integers(0, 64, (n, TOKENS)) for n in (BATCH, MONITORED))
    label = rng.normal(size=BATCH).astype(np.float32)
    graph, params = nnx.split(_model())
    optimiser = optax.adam(1e-3)

    def step(params: Any, state: Any, number: int, *, monitored: bool) -> Any:
        def loss(params: Any) -> jax.Array:
            model = nnx.merge(graph, params)
            return ((model.out(model.rows(tokens))[:, 0] - label) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        change, state = optimiser.update(gradient, state)
        params = optax.apply_updates(params, change)
        values = monitor.at(number, lambda: nnx.merge(graph, params).rows(fixed)) if monitored else {}
        return params, state, value, values

    plain, monitored = (jax.jit(partial(step, monitored=monitored)) for monitored in (False, True))
    state = optimiser.init(params)
    calls = {"plain": (plain, 1), "not_due": (monitored, 1), "due": (monitored, 0)}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, (call, number) in calls.items():
            # CPU time of all threads, which the load of other processes does not increase.
            start = time.process_time()
            jax.block_until_ready(call(params, state, number))
            times[name] += [time.process_time() - start] * (turn > 0)  # the first turn compiles
    seconds = {name: min(values) for name, values in times.items()}
    # A step in which no measurement is due may appear faster than a plain one; that is noise of the clock, not a gain.
    idle = max(0.0, seconds["not_due"] - seconds["plain"])
    extra = (every - 1) * idle + seconds["due"] - seconds["plain"]
    return {**seconds, "share": extra / (every * seconds["plain"])}


@click.command(context_settings={"show_default": True})
@click.option("--every", type=click.IntRange(1), default=100, help="Steps between two measurements.")
@click.option("--rounds", type=click.IntRange(1), default=15, help="Steps of each kind, in turn; the best counts.")
def main(every: int, rounds: int) -> None:
    """Measure the cost of the monitor, and write bench/results/probe.json."""
    costs = measure(every, rounds)
    sizes = {"batch": BATCH, "probe_samples": MONITORED, "references": REFERENCES, "every": every}
    path = FOLDER / "probe.json"
    path.write_text(json.dumps({**sizes, **costs, "machine": machine()}, indent=2) + "\n", "utf-8")
    plain, due, idle = (1000 * costs[name] for name in ("plain", "due", "not_due"))
    monitored = f"{due:.0f} ms with a measurement, {idle:.0f} ms if none is due"
    click.echo(f"a step takes {plain:.0f} ms of CPU time, with the monitor {monitored}")
    click.echo(f"a measurement every {every} steps adds {costs['share']:.2%}; wrote {path}")


if __name__ == "__main__":
    main()
