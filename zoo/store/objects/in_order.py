"""Several requests at the same time, as each takes longer on its way than at either end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """Yield the value of a function for each item, computed in threads ahead of the reader.

    Args:
        function: called in other threads.
        items: read in this thread.
        most: number of items that are in work or waiting for the reader.
    """
    waiting: deque[Future[R]] = deque()
    pool: ThreadPoolExecutor | None = None
    items = iter(items)
    try:
        for item in items:
            if pool is None:
                pool = ThreadPoolExecutor(most)
            waiting.append(pool.submit(function, item))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
