"""Threads that pass JAX's context on to their work."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Threads(ThreadPoolExecutor):
    """As many threads as this process may use cores.

    The caller's precision holds in them: what `jax.enable_x64` sets is one thread's own, and float64 would be cut to
    float32 without an error in the others.
    """

    def __init__(self, count: int | None = None) -> None:
        cores = (os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) or 1
        super().__init__(count or cores)
        self._x64 = jnp.result_type(float) == np.float64

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a job."""
        return super().submit(_run, self._x64, fn, *args, **kwargs)


def _run(x64: bool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with jax.enable_x64(x64):
        return function(*args, **kwargs)
