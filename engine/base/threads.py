"""A thread pool that passes JAX's precision setting on to its jobs."""

from __future__ import annotations

import concurrent.futures
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Pools of one size that are kept for later: jobs that use pools themselves may need as many as there are threads.
MOST_IDLE = 4
# Pools that are not in use, by their number of threads: starting a thread takes a millisecond or two.
_idle: defaultdict[int, list[ThreadPoolExecutor]] = defaultdict(list)


class Threads(Executor):
    """A thread pool with one thread per core available to this process.

    Its threads are used again by the next pool after `shutdown`, which ends a ``with`` block. Pools that are in use at
    the same time share no thread, so that a job may itself use a pool.

    Jobs run in the caller's precision. `jax.enable_x64` applies to one thread only, so that float64 would otherwise
    silently become float32 in the others.

    Args:
        count: number of threads; default the number of cores.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = count or count_cores()
        self._x64 = jnp.result_type(float) == np.float64
        try:
            self._threads: ThreadPoolExecutor | None = _idle[self._count].pop()
        except IndexError:
            self._threads = ThreadPoolExecutor(self._count)
        self._unfinished: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a job and return its future."""
        if self._threads is None:
            raise RuntimeError("no job can be started after the end of its pool")
        future = self._threads.submit(_run, self._x64, fn, *args, **kwargs)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for all jobs, and leave the threads to the next pool.

        Args:
            wait: as in `concurrent.futures.Executor`; the jobs are waited for in any case.
            cancel_futures: not supported.
        """
        concurrent.futures.wait(self._unfinished.copy())
        threads, self._threads = self._threads, None
        if threads is not None and len(_idle[self._count]) < MOST_IDLE:
            _idle[self._count].append(threads)
        elif threads is not None:
            threads.shutdown(wait=False)


def count_cores() -> int:
    """Return the number of cores available to this process: on Linux those of its affinity, as `taskset` limits it."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(x64: bool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with jax.enable_x64(x64):
        return function(*args, **kwargs)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork
