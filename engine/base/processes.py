"""Several processes, on one host or on many, that compute one comparison together with JAX."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from .errors import InputError, LostProcessError
from .meeting import START_TIMEOUT, meet
from .threads import Threads

F = TypeVar("F", bound=Callable[..., Any])

# Seconds that a process waits for the others, which may compile more slowly.
WAIT_TIMEOUT = 3600
# What JAX says where an exchange between processes fails, or one of them does not answer.
_EXCHANGE = re.compile("(?i)gloo|nccl|barrier|coordination|heartbeat|unavailable|connection|deadline_exceeded")
# What it says where the cause is in this process.
_OWN = re.compile("(?i)resource_exhausted|out of memory|cuda error")
# A barrier is passed once only: they are numbered, the same in all processes.
_BARRIERS = itertools.count()


def start_processes(
    coordinator: str | None = None,
    processes: int | None = None,
    rank: int | None = None,
    *,
    end_timeout: int = 300,
    notify: Callable[[str], object] = str,
) -> None:
    """Join the processes that compute together; call it in each of them, before JAX has computed anything.

    Without arguments JAX finds the others by itself where a cluster tells it: under Slurm, Open MPI, on Cloud TPU and
    GKE. Afterwards `jax.devices` has the devices of all processes, as `hyle.engine.device_mesh` does.

    Args:
        coordinator: ``host:port`` of the process of rank 0, with a free port there.
        processes: number of processes.
        rank: of this process, from 0.
        end_timeout: seconds that a process waits for the others at its end, also if that is an error.
        notify: called with one line if the others do not come within a few seconds; all have to start within 300.

    Raises:
        ValueError: some of the arguments are given and others not, a rank out of range, no cluster is found, or the
            other processes do not start in time.
    """
    given = (coordinator, processes, rank)
    if any(value is not None for value in given):
        if coordinator is None or processes is None or rank is None:
            raise InputError("give the coordinator, the number of processes and the rank of this one, or none of them")
        if processes < 1:
            raise InputError(f"processes={processes}: use 1 or more")
        if not 0 <= rank < processes:
            raise InputError(f"rank {rank} must be from 0 to {processes - 1}, for {processes} processes")
        meet(coordinator, processes, rank, notify=notify)
    # Else JAX takes SIGTERM, waits for a step of training, and the process does not end.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            rank,
            initialization_timeout=int(START_TIMEOUT),
            shutdown_timeout_seconds=end_timeout,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        if coordinator is None and isinstance(error, ValueError):
            raise InputError(
                "JAX finds no cluster here, such as Slurm, Open MPI, GKE or Cloud TPU: give the coordinator, the "
                "number of processes and the rank of this one"
            ) from error
        raise InputError(f"cannot join the {processes or 'other'} processes: {reason}") from error
    # The connections between processes are made at the first exchange, which must start everywhere within 30 seconds.
    wait_for_processes("hyle start")
    _gathered(rank or 0)


def with_lost_processes(function: F) -> F:
    """Return a function that raises what JAX raises in it as a `LostProcessError`, where another process has ended."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except jax.errors.JaxRuntimeError as error:
            if jax.process_count() == 1 or not _EXCHANGE.search(str(error)) or _OWN.search(str(error)):
                raise
            reason = str(error).strip().partition("\n")[0][:120]
            raise LostProcessError(
                f"another of the {jax.process_count()} processes has ended or cannot be reached: start the same "
                f"command in all of them again; with a checkpoint they continue ({reason})"
            ) from error

    return call  # type: ignore[return-value]


@with_lost_processes
def wait_for_processes(name: str) -> None:
    """Wait until all processes have come here; does nothing if there is one only.

    Processes compile at different speeds, and an exchange between them fails if one comes much later than another:
    wait between compiling a program and running it.

    Args:
        name: of this place, the same in all processes.
    """
    if jax.process_count() > 1:
        from jax._src import distributed  # JAX has no public barrier with a time limit

        client = distributed.global_state.client
        assert client is not None
        client.wait_at_barrier(f"{name} {next(_BARRIERS)}", WAIT_TIMEOUT * 1000)


def own_share(items: Sequence[Any]) -> list[Any]:
    """Return what this process does of a list of work that all processes have: every so many of the items."""
    return list(items[jax.process_index() :: jax.process_count()])


def each_of(function: Callable[[int], Any], count: int, *, shared: bool) -> np.ndarray:
    """Apply a function to the numbers from 0, in threads.

    Args:
        function: of a number, returns a number or an array of one shape and dtype.
        count: how many numbers, at least 1.
        shared: whether several processes divide the numbers among them; all call this and have the result.

    Returns:
        [count, ...].
    """
    numbers = own_share(range(count)) if shared else range(count)
    with Threads() as pool:
        # A process without numbers computes one to know the shape.
        found = np.stack(list(pool.map(function, numbers or [0])))
    if not shared:
        return found
    size = -(-count // jax.process_count())
    padded = np.concatenate([found, np.repeat(found[:1], size - len(found), axis=0)])
    return of_all(padded).swapaxes(0, 1).reshape(-1, *found.shape[1:])[:count]


def smallest(value: int) -> int:
    """Return the smallest of the values that the processes have, the same in all of them."""
    return int(_gathered(value).min())


def of_first(value: Any) -> Any:
    """Return the number that the process of rank 0 has, the same in all of them."""
    return _gathered(value)[0]


def of_all(value: np.ndarray) -> np.ndarray:
    """Return the arrays of one shape that all processes have, stacked along a leading axis of processes."""
    return _gathered(value)


def _gathered(value: Any) -> np.ndarray:
    if jax.process_count() == 1:
        return np.asarray(value)[None]
    from jax.experimental import multihost_utils

    array = np.asarray(value)
    # Bytes, since JAX would reduce 64-bit numbers to 32 bits.
    raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    wait_for_processes("hyle exchange")
    found = np.asarray(multihost_utils.process_allgather(raw))
    return np.stack([np.frombuffer(each.tobytes(), array.dtype).reshape(array.shape) for each in found])
