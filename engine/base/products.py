"""How the matrix products of NumPy share the cores with the threads of a pool."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, Thread, current_thread
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from .threads import Threads, count_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

# Share of the cores that must have work for models to be multiplied side by side.
BUSY = 0.8


_lock = Lock()
_owner: Thread | None = None
_limit: Any = None


@functools.cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_thread_products() -> Iterator[None]:
    """Let every matrix product of NumPy run in the thread that asks for it, until the end of the block.

    Products that threads of a pool start at the same time otherwise wait for each other, since BLAS divides one product
    at a time among its own threads, which then wait for the next one on a core that others need. The number of threads
    of BLAS belongs to the whole process, unless it uses OpenMP; what it was before is restored: by the thread that has
    changed it, since threadpoolctl lets only one thread do so. Blocks of other threads that begin meanwhile change
    nothing.
    """
    global _owner, _limit
    first = False
    try:
        with _lock:
            first = _owner is None or not _owner.is_alive()
            if first:
                _owner = current_thread()
        if first:
            _limit = _blas().limit(limits=1)
        yield
    finally:
        if first:
            _restore()


def _restore() -> None:
    global _owner, _limit
    limit, _limit = _limit, None
    if limit is not None:
        limit.restore_original_limits()
    _owner = None


def _after_fork() -> None:
    global _lock
    _lock = Lock()
    _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)  # the thread that would restore the number does not survive a fork


def multiply_each(
    function: Callable[[Item, int], Result],
    items: Sequence[Item],
    work: Sequence[float],
    *,
    beside: bool = True,
    done: Callable[[int], None] | None = None,
) -> list[Result]:
    """Apply a function that mostly consists of products of NumPy to each item.

    Args:
        function: of an item and the number of threads that it may use besides those of BLAS.
        items: m.
        work: m, how long each item takes, in any unit.
        beside: whether items may be computed side by side, in the memory that each then takes.
        done: called with the number of items that are done.

    Returns:
        m results. The items are computed side by side if this keeps the cores busy, else one after the other, each on
        all cores.
    """
    results = []
    if not (beside and _side_by_side(work)):
        for count, item in enumerate(items, 1):
            results.append(function(item, count_cores()))
            if done is not None:
                done(count)
        return results
    with one_thread_products(), Threads() as pool:
        jobs = {at: pool.submit(function, items[at], 1) for at in _largest_first(work)}
        try:
            for at in range(len(items)):
                results.append(jobs[at].result())
                if done is not None:
                    done(at + 1)
        finally:
            for job in jobs.values():  # after an error; those that are done stay as they are
                job.cancel()
    return results


def _side_by_side(work: Sequence[float]) -> bool:
    """Return whether items, each on one core, the largest first, would keep the cores busy.

    Args:
        work: how long each item takes, in any unit.
    """
    until = [0.0] * count_cores()
    for at in _largest_first(work):
        until[until.index(min(until))] += work[at]
    return sum(work) >= BUSY * len(until) * max(until)


def _largest_first(work: Sequence[float]) -> list[int]:
    return sorted(range(len(work)), key=lambda at: -work[at])
