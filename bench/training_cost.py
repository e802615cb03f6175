"""`python -m bench.training_cost`: the cost of an `AlignmentMonitor` at its defaults beside a step of a Flax NNX model.

The model is a transformer over tokens (width 128, 2 layers, 32 tokens) with Adam at b = 256; the probe has 512 samples
and 4 references of width 256. Both steps do the same, one with the probe inside by `AlignmentMonitor.at`, in turns.
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

BATCH, PROBE, TOKENS, WIDTH, REFERENCES = 256, 512, 32, 128, 4


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
            self.one, self.two = Block(rngs), Block(rngs)

        def rows(self, tokens: jax.Array) -> jax.Array:
            return self.two(self.one(self.embed(tokens))).mean(1)

    return Model(nnx.Rngs(0))


def measure(every: int, rounds: int) -> dict[str, float]:
    """Time a step with a measurement in it beside steps without, in turns; the best CPU seconds of each."""
    import optax
    from flax import nnx

    from hyle.engine import AlignmentMonitor

    rng = np.random.default_rng(0)
    panel = {f"reference {i}": rng.normal(size=(PROBE, 256)).astype(np.float32) for i in range(REFERENCES)}
    probe = AlignmentMonitor(panel, every=every)
    tokens, fixed = (rng.integers(0, 64, (n, TOKENS)) for n in (BATCH, PROBE))
    label = rng.normal(size=BATCH).astype(np.float32)
    graph, params = nnx.split(_model())
    optimiser = optax.adam(1e-3)

    def step(params: Any, state: Any, number: int, *, probed: bool) -> Any:
        def loss(params: Any) -> jax.Array:
            model = nnx.merge(graph, params)
            return ((model.out(model.rows(tokens))[:, 0] - label) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        change, state = optimiser.update(gradient, state)
        params = optax.apply_updates(params, change)
        values = probe.at(number, lambda: nnx.merge(graph, params).rows(fixed)) if probed else {}
        return params, state, value, values

    plain, probed = (jax.jit(partial(step, probed=probed)) for probed in (False, True))
    state = optimiser.init(params)
    calls = {"plain": (plain, 1), "not_due": (probed, 1), "due": (probed, 0)}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, (call, number) in calls.items():
            # Of the processor, all threads together: what others do on the machine adds nothing to it.
            start = time.process_time()
            jax.block_until_ready(call(params, state, number))
            found[name] += [time.process_time() - start] * (turn > 0)  # the first compiles
    seconds = {name: min(times) for name, times in found.items()}
    # A step where nothing is due may come out as the faster one, which is the noise of the clock and no gain.
    idle = max(0.0, seconds["not_due"] - seconds["plain"])
    extra = (every - 1) * idle + seconds["due"] - seconds["plain"]
    return {**seconds, "share": extra / (every * seconds["plain"])}


@click.command(context_settings={"show_default": True})
@click.option("--every", type=click.IntRange(1), default=100, help="Steps between two measurements.")
@click.option("--rounds", type=click.IntRange(1), default=15, help="Steps of each kind, in turns; the best counts.")
def main(every: int, rounds: int) -> None:
    """Measure what the probe costs, and write bench/results/probe.json."""
    found = measure(every, rounds)
    sizes = {"batch": BATCH, "probe_samples": PROBE, "references": REFERENCES, "every": every}
    path = FOLDER / "probe.json"
    path.write_text(json.dumps({**sizes, **found, "machine": machine()}, indent=2) + "\n", "utf-8")
    plain, due, idle = (1000 * found[name] for name in ("plain", "due", "not_due"))
    said = f"with the probe {due:.0f} ms where it is due and {idle:.0f} ms where not"
    click.echo(f"a step takes {plain:.0f} ms of the processor, {said}")
    click.echo(f"every {every} steps: {found['share']:.2%} of the time; wrote {path}")


if __name__ == "__main__":
    main()
