"""A thread pool that passes JAX's precision setting on to its jobs."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Threads(ThreadPoolExecutor):
    """A thread pool with one thread per core available to this process.

    Jobs run in the caller's precision. `jax.enable_x64` applies to one thread only, so that float64 would otherwise
    silently become float32 in the others.

    Args:
        count: number of threads; default the number of cores.
    """

    def __init__(self, count: int | None = None) -> None:
        super().__init__(count or count_cores())
        self._x64 = jnp.result_type(float) == np.float64

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a job and return its future."""
        return super().submit(_run, self._x64, fn, *args, **kwargs)


def count_cores() -> int:
    """Return the number of cores available to this process."""
    return (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) or 1


def _run(x64: bool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with jax.enable_x64(x64):
        return function(*args, **kwargs)
