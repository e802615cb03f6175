"""A first meeting of processes, which ends with an error where JAX would end the process."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from math import inf

from .errors import InputError

# Seconds in which all processes have to start, and after which one that waits says so.
START_TIMEOUT, PATIENCE = 300.0, 5.0
POLL = 0.2

Notify = Callable[[str], object]


def meet(coordinator: str, processes: int, rank: int, *, notify: Notify = str) -> None:
    """Wait until all processes have reached the one of rank 0, which listens at ``coordinator`` meanwhile.

    Args:
        coordinator: ``host:port`` of the process of rank 0.
        processes: their number.
        rank: of this one.
        notify: called with one line if others do not come within `PATIENCE`.

    Raises:
        ValueError: the address is none, the port is in use, or some do not come in time.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"coordinator {coordinator!r} must be host:port, such as node0:1234")
    wait = _Wait(time.monotonic() + START_TIMEOUT, notify)
    (_listen if rank == 0 else _knock)((host.strip("[]"), int(port)), processes, rank, wait)


class _Wait:
    """How long to wait for others, and that the user is told once.

    Args:
        deadline: time until which they must come.
        notify: called with one line.
    """

    def __init__(self, deadline: float, notify: Notify) -> None:
        self._deadline, self._notify, self._patient = deadline, notify, time.monotonic() + PATIENCE

    @property
    def over(self) -> bool:
        return time.monotonic() > self._deadline

    @property
    def seconds(self) -> float:
        """The seconds until the user is told, or then until the end."""
        return max(0.01, min(self._deadline, self._patient) - time.monotonic())

    def tell(self, what: str) -> None:
        """Tell the user for what this process waits, if it has done so for long."""
        if time.monotonic() >= self._patient:
            self._patient = inf
            self._notify(f"waiting for {what}, up to {START_TIMEOUT:.0f} seconds")


def _listen(address: tuple[str, int], processes: int, rank: int, wait: _Wait) -> None:
    expected, connections = set(range(1, processes)), []
    try:
        server = socket.create_server(("", address[1]))
    except OSError as error:
        raise InputError(f"port {address[1]} of the coordinator cannot be used: {error.strerror}") from error
    with server, contextlib.ExitStack() as stack:
        while expected:
            missing = ", ".join(map(str, sorted(expected)))
            server.settimeout(wait.seconds)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                if wait.over:
                    raise InputError(f"of {processes} processes, rank {missing} did not start in time") from None
                wait.tell(f"rank {missing} of {processes} processes, at port {address[1]}")
                continue
            stack.enter_context(connection)
            connection.settimeout(10)
            with contextlib.suppress(OSError, ValueError):
                expected.discard(int(connection.recv(16).decode()))
                connections.append(connection)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(b"all")


def _knock(address: tuple[str, int], processes: int, rank: int, wait: _Wait) -> None:
    where = f"{address[0]}:{address[1]}"
    while True:
        try:
            with socket.create_connection(address, timeout=wait.seconds) as connection:
                connection.sendall(str(rank).encode())
                try:
                    answer = connection.recv(3)
                except TimeoutError:
                    wait.tell(f"other processes, with the one of rank 0 at {where}")
                    connection.settimeout(wait.seconds)
                    answer = connection.recv(3)
                if answer == b"all":
                    return
                problem = "it ended"
        except socket.gaierror as error:
            raise InputError(f"there is no host {address[0]!r}: {error.strerror}") from error
        except OSError as error:
            problem = error.strerror or "no answer"
        wait.tell(f"the process of rank 0 at {where}")
        if wait.over:
            raise InputError(f"the process of rank 0 does not answer at {where}: {problem}")
        time.sleep(POLL)
