"""The device, and the rates at which it multiplies matrices and copies arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..gpu import PRECISIONS
from .measuring import clock, device_memory
from .rows import Job, Row

SIZE, QUICK_SIZE = 8192, 1024
COPIED, QUICK_COPIED = 2**30, 2**26
# Calls that are queued at once, so that the time to start them does not count.
QUEUED = 10


def measure(job: Job) -> Iterator[Row]:
    """Yield the device, its memory, the peaks of products and the rate of copies."""
    import jax
    import jax.numpy as jnp

    device = jax.devices()[0]
    about = {"platform": device.platform, "devices": len(jax.devices()), "jax": jax.__version__, **_torch()}
    yield Row("device", f"{len(jax.devices())} x {device.device_kind}", facts=about)
    yield Row("memory that JAX may use", device_memory(), "bytes")
    size, exact = QUICK_SIZE if job.quick else SIZE, None
    for name, (dtype, precision) in PRECISIONS.items():
        x = jax.random.normal(jax.random.key(0), (size, size), jnp.dtype(dtype))
        product = jax.jit(lambda a, precision=precision: jnp.matmul(a, a.T, precision=precision))
        rate = 2 * size**3 / _seconds(partial(product, x))
        exact = exact or rate
        yield Row(f"products, {name}", rate, "FLOP/s", ratio=rate / exact, to="float32", facts={"size": size})
    numbers = jnp.zeros((QUICK_COPIED if job.quick else COPIED) // 4, jnp.float32)
    copy = jax.jit(lambda a: a + 1)
    yield Row("copies", 2 * numbers.nbytes / _seconds(partial(copy, numbers)), "B/s", facts={"bytes": numbers.nbytes})


def _seconds(call: Callable[[], Any]) -> float:
    def queued() -> None:
        for _ in range(QUEUED):
            last = call()  # the memory of the one before is free again
        last.block_until_ready()

    return clock(queued)["best"] / QUEUED


def _torch() -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        return {"torch": None}
    return {"torch": torch.__version__, "torch_cuda": torch.cuda.is_available()}
