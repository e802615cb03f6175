"""Inputs on the device, times and memory, as all stages measure them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ..measure import available_memory
from ..metrics import DIMENSION_K, K
from .rows import Job

OPTIONS: dict[str, Any] = {"k": K, "dimension_k": DIMENSION_K}
RUNS = 5
LATENT, NOISE = 12, 0.3


def clock(call: Callable[[], Any], *, budget: float = 10.0, runs: int = RUNS) -> dict[str, float]:
    """Time a call that waits for its result.

    Args:
        call: what is timed.
        budget: seconds after which it is not called again; it is called twice at least.
        runs: largest number of calls after the first.

    Returns:
        Seconds of the ``first`` call, which compiles, and of the ``best`` of the others.
    """
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    best = float("inf")
    for turn in range(runs):
        if turn and time.perf_counter() - start > budget:
            break
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return {"first": first, "best": best}


def panel(n: int, widths: Sequence[int]) -> dict[str, Any]:
    """Draw models on the device: noisy nonlinear functions of a latent that all share.

    They are drawn there, because drawing billions of numbers on the host takes longer than comparing them.
    """
    import jax
    import jax.numpy as jnp

    def draw(key: Any, latent: Any, width: int) -> Any:
        weights, noise = jax.random.split(key)
        signal = jnp.tanh(latent @ jax.random.normal(weights, (LATENT, width)) / 2)
        return signal + NOISE * jax.random.normal(noise, (n, width))

    keys = jax.random.split(jax.random.key(0), len(widths) + 1)
    latent = jax.random.normal(keys[0], (n, LATENT))
    drawn = jax.jit(draw, static_argnames="width")
    models = {
        f"m{i:02d}": drawn(key, latent, width) for i, (key, width) in enumerate(zip(keys[1:], widths, strict=True))
    }
    return jax.block_until_ready(models)


def peak_memory() -> int:
    """Return the largest memory of the device that this process had, or of the process itself on a CPU, in bytes."""
    import resource

    import jax

    peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return peak or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def device_memory() -> int | None:
    """Return the bytes that JAX may take on the device, or that are free on a CPU; None if neither is known."""
    import jax

    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit") or available_memory()


def work(n: int, widths: Sequence[int], metrics: Sequence[str], **options: Any) -> tuple[float, float]:
    """Return the multiplications of a comparison, and the numbers that it reads and writes one by one."""
    from hyle.engine import estimate

    stages = estimate(n, widths, list(metrics), permutations=0, **OPTIONS, **options).stages
    return sum(stage.products for stage in stages), sum(stage.passes for stage in stages)


def shortest(job: Job, products: float) -> float | None:
    """Return the seconds that multiplications take at the measured peak of float32; None if it was not measured."""
    peak = job.find("facts", "products, float32")
    return None if peak is None else 2 * products / peak["figure"]
