"""The connection to a Ray cluster: its address is checked before Ray waits for more than a minute."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..base import InputError, MissingPackageError
from .settings import cores

INSTALL = "pip install 'ray[client]>=2.50'"
TIMEOUT = 5.0  # seconds
CLIENT = "ray://"
# The preface of HTTP/2 with empty settings; a frame has three bytes with its length, then its kind.
SETTINGS = b"\x04"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + b"\0\0\0\0\0"
FORMS = "auto, local, HOST:PORT or ray://HOST:PORT"


def check_ray(address: str) -> None:
    """Check that Ray is installed, as far as an address needs it.

    Raises:
        MissingPackageError: it is not; gives the command that installs it.
    """
    # Ray itself does without gRPC, its client does not.
    for module in ("ray", *(["grpc"] if address.startswith(CLIENT) else [])):
        if importlib.util.find_spec(module) is None:
            raise MissingPackageError(f"--ray {address} needs {module}, which is not installed: {INSTALL}")


def check_address(address: str) -> None:
    """Check the form of an address, and that something answers there.

    Raises:
        InputError: it has another form, or nothing answers.
    """
    if address == "local":
        return
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "")
        if address in ("", "auto", "local"):
            return
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16 or "/" in host:
        raise InputError(f"--ray {address} is not {FORMS}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), TIMEOUT) as connection:
            # With another server Ray would wait without an end, in which not even an interrupt is heard.
            if os.environ.get("RAY_USE_TLS", "0") == "0" and not _speaks_http2(connection):
                raise OSError("what answers is not Ray")
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise InputError(f"no Ray cluster answers at {address}: {reason}; is it running (`ray status`)?") from error


def _speaks_http2(connection: socket.socket) -> bool:
    """Return whether a server answers a client's preface of HTTP/2, which gRPC uses, with its settings."""
    connection.sendall(PREFACE)
    header = b""
    while len(header) < 4 and (part := connection.recv(4 - len(header))):
        header += part
    return header[3:] == SETTINGS


def connect(address: str, count: int | None) -> bool:
    """Join a Ray cluster, unless the program has joined one already; return whether it had not.

    Args:
        address: see `hyle.zoo.fleet.RayCluster`.
        count: number of workers, for a cluster of its own.

    Raises:
        InputError: there is none at the address, or it cannot be joined.
    """
    check_address(address)
    # Read on import: by default Ray prints its remarks on killed workers on standard output, with a command's results.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray

    if ray.is_initialized():
        return False
    settings: Mapping[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        settings = {**settings, "num_cpus": max(cores(), count or 1), "include_dashboard": False}
        # Starting takes long where there are few cores.
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "240")
    try:
        with _quiet():
            ray.init(address=address, **settings)
    except (Exception, SystemExit) as error:  # Ray exits where the port is not that of a cluster
        if address == "auto" and isinstance(error, ConnectionError):
            raise InputError(
                "no Ray cluster runs on this machine: start one with `ray start --head`, or give its address, or local"
            ) from error
        reason = "" if isinstance(error, SystemExit) else f": {last_line(error)}"
        raise InputError(
            f"cannot join a Ray cluster at {address}{reason}; is it running (`ray status`), with the same versions of "
            "Ray and Python, and is its token, if it has one, in RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token?"
        ) from error
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Show nothing of what is written to standard error in the block: Ray repeats what its exception says."""
    before = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def last_line(error: BaseException) -> str:
    """Return the last line of a message, which says why in the long messages of Ray."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
