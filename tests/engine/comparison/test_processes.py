"""Several processes that divide a comparison among them compute what one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import pytest

from hyle.engine import start_processes
from hyle.engine.base import InputError, LostProcessError, with_lost_processes
from hyle.engine.base.meeting import meet


def free_address() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


def run(root: Path, processes: int, *, devices: int = 1, seconds: int = 0, metrics: str = "all") -> dict[str, Any]:
    """Run `on_processes` in so many processes, and return what the first prints."""
    coordinator = free_address()
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    command = [sys.executable, "-m", "tests.engine.comparison.on_processes", coordinator, str(processes)]
    started = [
        subprocess.Popen(
            [*command, str(rank), str(seconds), metrics],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        )
        for rank in range(processes)
    ]
    try:
        outputs = [process.communicate(timeout=600) for process in started]
    finally:
        for process in started:
            process.kill()
    for process, (_, errors) in zip(started, outputs, strict=True):
        assert process.returncode == 0, errors[-4000:]
    assert not any("{" in output for output, _ in outputs[1:])
    return dict(json.loads(outputs[0][0].splitlines()[-1]))


def run_two(code: str) -> list[tuple[str, str]]:
    """Run code in two processes, with the address and the rank as arguments, and return what they print."""
    coordinator = free_address()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, coordinator, str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        for rank in range(2)
    ]
    try:
        return [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ("UNKNOWN: Gloo AllGather failed: Connection closed by peer [127.0.0.1]:1234", True),
        ("DEADLINE_EXCEEDED: Barrier timed out. Id: hyle pass 3", True),
        ("UNAVAILABLE: failed to connect to all addresses", True),
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes; NCCL", False),
        ("INTERNAL: NCCL operation ncclAllReduce failed: unhandled cuda error", False),
        ("INVALID_ARGUMENT: shapes do not agree", False),
    ],
)
def test_only_errors_of_an_exchange_are_lost_processes(
    message: str, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise jax.errors.JaxRuntimeError(message)

    with pytest.raises(jax.errors.JaxRuntimeError):  # a process alone has lost none
        with_lost_processes(fail)()
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(LostProcessError if lost else jax.errors.JaxRuntimeError, match=message[:12]):
        with_lost_processes(fail)()


def check(found: dict[str, Any], devices: int) -> None:
    assert found["devices"] == devices
    assert len(found["apart"]) > 20
    for name, apart in found["apart"].items():
        assert apart <= (1e-4 if name.split(" ")[0].endswith(("_se", "_low", "_high")) else 2e-5), name


@pytest.mark.parametrize("metrics", ["few", pytest.param("all", marks=pytest.mark.thorough)])
def test_two_processes(pytestconfig: pytest.Config, metrics: str) -> None:
    check(run(pytestconfig.rootpath, 2, metrics=metrics), 2)


@pytest.mark.thorough
def test_four_processes(pytestconfig: pytest.Config) -> None:
    check(run(pytestconfig.rootpath, 4), 4)


@pytest.mark.thorough
def test_two_processes_of_two_devices(pytestconfig: pytest.Config) -> None:
    check(run(pytestconfig.rootpath, 2, devices=2), 4)


@pytest.mark.thorough
def test_processes_wait_for_one_that_is_late(pytestconfig: pytest.Config) -> None:
    check(run(pytestconfig.rootpath, 2, seconds=40), 2)


def test_a_process_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyle.engine.base.meeting.START_TIMEOUT", 1.0)
    address = free_address()
    with pytest.raises(InputError, match="of 3 processes, rank 1, 2 did not start in time"):
        start_processes(address, 3, 0)
    with pytest.raises(InputError, match=rf"rank 0 does not answer at {address}"):
        start_processes(address, 3, 1)
    with socket.create_server(("", int(address.split(":")[1]))), pytest.raises(InputError, match="cannot be used"):
        start_processes(address, 3, 0)


def test_a_process_that_waits_says_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyle.engine.base.meeting.START_TIMEOUT", 2.0)
    monkeypatch.setattr("hyle.engine.base.meeting.PATIENCE", 0.3)
    address, lines = free_address(), []
    port = address.split(":")[1]
    with pytest.raises(InputError, match="did not start in time"):
        start_processes(address, 3, 0, notify=lines.append)
    assert lines == [f"waiting for rank 1, 2 of 3 processes, at port {port}, up to 2 seconds"]
    lines.clear()
    with pytest.raises(InputError, match="rank 0 does not answer"):
        start_processes(address, 3, 1, notify=lines.append)
    assert lines == [f"waiting for the process of rank 0 at {address}, up to 2 seconds"]
    # One of rank 0 that waits for others, too.
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(meet, address, 3, 0)
        time.sleep(0.2)
        lines.clear()
        with pytest.raises(InputError, match="rank 0 does not answer"):
            meet(address, 3, 1, notify=lines.append)
        with pytest.raises(InputError, match="rank 2 did not start in time"):
            first.result()
    assert lines == [f"waiting for other processes, with the one of rank 0 at {address}, up to 2 seconds"]


@pytest.mark.thorough
def test_a_process_that_is_lost_is_one_error() -> None:
    """Rank 1 ends without a word, while rank 0 waits for it: JAX takes 100 seconds to tell."""
    code = (
        "import os, sys; from hyle.engine import compare, device_mesh, start_processes\n"
        "from hyle.engine.base import LostProcessError, of_all\n"
        "import numpy as np\n"
        "start_processes(sys.argv[1], 2, int(sys.argv[2]))\n"
        "if sys.argv[2] == '1': os._exit(9)\n"
        "try: compare([np.random.default_rng(i).normal(size=(60, 4)) for i in range(2)], mesh=device_mesh())\n"
        "except LostProcessError as error: print(error, flush=True)\n"
        "os._exit(0)\n"
    )
    outputs = [output for output, _ in run_two(code)]
    assert "another of the 2 processes has ended or cannot be reached: start the same command" in outputs[0]


def test_processes_with_other_options_are_one_error() -> None:
    code = (
        "import sys; from hyle.engine import compare, device_mesh, start_processes\n"
        "from tests.engine.block_pass.on_devices import arrays\n"
        "start_processes(sys.argv[1], 2, int(sys.argv[2]))\n"
        "compare(arrays(60), metrics=['mutual_knn'], k=5 + int(sys.argv[2]), mesh=device_mesh())\n"
    )
    errors = [error for _, error in run_two(code)]
    assert all("do not have the same representations and options" in error for error in errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("node0:1234", 2, None), "give the coordinator, the number of processes and the rank"),
        (("node0:1234", 2, 2), "rank 2 must be from 0 to 1"),
        (("node0", 2, 0), "coordinator 'node0' must be host:port"),
        (("node0:x", 2, 0), "coordinator 'node0:x' must be host:port"),
        (("node0:1234", 0, 0), "processes=0: use 1 or more"),
        (("no-such-host.invalid:1234", 2, 1), "there is no host 'no-such-host.invalid'"),
    ],
)
def test_arguments_that_say_too_little_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        start_processes(*arguments)
