"""Threads are used again, never by two pools at once, and every job has ended when a pool has."""

from __future__ import annotations

import os
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from hyle.engine.base import Threads, count_cores, threads


def ident(_: int = 0) -> int:
    return threading.get_ident()


def test_threads_are_used_again() -> None:
    found: set[int] = set()
    for _ in range(5):
        with Threads(3) as pool:
            found |= set(pool.map(ident, range(50)))
    assert len(found) <= 3


def test_pools_that_are_in_use_at_once_share_no_thread() -> None:
    with Threads(2) as first, Threads(2) as second:
        assert not set(first.map(ident, range(20))) & set(second.map(ident, range(20)))


def test_jobs_may_use_pools_themselves() -> None:
    def nested(depth: int) -> int:
        if not depth:
            return 1
        with Threads(2) as pool:
            return sum(pool.map(nested, [depth - 1] * 3))

    assert nested(4) == 3**4
    assert len(threads._idle[2]) <= threads.MOST_IDLE


def test_all_jobs_have_ended_after_an_error() -> None:
    started: list[int] = []
    ended: list[int] = []

    def job(number: int) -> None:
        started.append(number)
        if number == 0:
            raise ValueError("of the first job")
        time.sleep(0.05)
        ended.append(number)

    pool = Threads(2)
    with pytest.raises(ValueError, match="of the first job"), pool:
        list(pool.map(job, range(4)))
    assert sorted(started) == [0, *sorted(ended)]
    time.sleep(0.1)
    assert sorted(started) == [0, *sorted(ended)]
    with pytest.raises(RuntimeError, match="after the end"):
        pool.submit(job, 1)


def test_jobs_compute_in_the_precision_of_the_caller() -> None:
    def dtype(_: int) -> str:
        return str(jnp.zeros(1, float).dtype)

    for _ in range(2):
        with jax.enable_x64(True), Threads(2) as pool:
            assert set(pool.map(dtype, range(4))) == {"float64"}
        with Threads(2) as pool:
            assert set(pool.map(dtype, range(4))) == {"float32"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    with Threads(2) as pool:
        list(pool.map(ident, range(4)))
    child = os.fork()
    if not child:
        with Threads(2) as pool:
            os._exit(0 if len(list(pool.map(ident, range(4)))) == 4 else 1)
    deadline = time.monotonic() + 20
    while not (found := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    if not found[0]:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert found == (child, 0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes have no affinity on this system")
def test_cores_that_the_process_may_not_use_do_not_count() -> None:
    before = os.sched_getaffinity(0)
    assert count_cores() == len(before)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
