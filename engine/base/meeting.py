"""A first meeting of processes, which ends with an error where JAX would end the process."""

from __future__ import annotations

import contextlib
import socket
import time

from .errors import InputError

# Seconds in which all processes have to start.
START_TIMEOUT = 300.0
POLL = 0.2


def meet(coordinator: str, processes: int, rank: int, timeout: float | None = None) -> None:
    """Wait until all processes have reached the one of rank 0, which listens at ``coordinator`` meanwhile.

    Raises:
        ValueError: the address is none, the port is in use, or some do not come in time.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"coordinator {coordinator!r} must be host:port, such as node0:1234")
    deadline = time.monotonic() + (START_TIMEOUT if timeout is None else timeout)
    (_listen if rank == 0 else _knock)((host.strip("[]"), int(port)), processes, rank, deadline)


def _listen(address: tuple[str, int], processes: int, rank: int, deadline: float) -> None:
    expected, connections = set(range(1, processes)), []
    try:
        server = socket.create_server(("", address[1]))
    except OSError as error:
        raise InputError(f"port {address[1]} of the coordinator cannot be used: {error.strerror}") from error
    with server, contextlib.ExitStack() as stack:
        while expected:
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                missing = ", ".join(map(str, sorted(expected)))
                raise InputError(f"of {processes} processes, rank {missing} did not start in time") from None
            stack.enter_context(connection)
            connection.settimeout(10)
            with contextlib.suppress(OSError, ValueError):
                expected.discard(int(connection.recv(16).decode()))
                connections.append(connection)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(b"all")


def _knock(address: tuple[str, int], processes: int, rank: int, deadline: float) -> None:
    where = f"{address[0]}:{address[1]}"
    while True:
        try:
            with socket.create_connection(address, timeout=max(0.01, deadline - time.monotonic())) as connection:
                connection.sendall(str(rank).encode())
                if connection.recv(3) == b"all":
                    return
                problem = "it ended"
        except socket.gaierror as error:
            raise InputError(f"there is no host {address[0]!r}: {error.strerror}") from error
        except OSError as error:
            problem = error.strerror or "no answer"
        if time.monotonic() > deadline:
            raise InputError(f"the process of rank 0 does not answer at {where}: {problem}")
        time.sleep(POLL)
