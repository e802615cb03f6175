"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from .answers import Answer, Lost
from .serve import GRACE, Message
from .settings import gpu_settings, thread_settings, visible_gpus
from .workers import Workers

POLL = 1.0  # seconds
# The paths of this process, which a script or a test may have added to.
CODE = "import sys; sys.path[:] = {path!r}; from hyle.zoo.fleet import serve; serve({file})"


@dataclass
class Process:
    """A worker process and the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection

    def end(self) -> str:
        """Kill it, with what it has started, and return how it had ended if it was gone already."""
        self.connection.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        return _killed(-code) if code < 0 else f"exit code {code}"


class Processes(Workers):
    """Processes of this machine, each with its share of the cores.

    A process that is killed is replaced. All end when this process ends, however that happens.

    Args:
        count: number of processes.
        device: name of the torch device; with ``cuda``, the processes take the GPUs in turn.
        notify: called with lines for the user.
    """

    def __init__(self, count: int, *, device: str = "cpu", notify: Callable[[str], None] = lambda line: None) -> None:
        super().__init__(notify)
        self._count, self._device = count, device
        self._gpus: list[str] = []
        self._processes: list[Process] = []

    def count(self) -> int:
        """Return how many processes there can be."""
        return self._count

    def start(self, count: int) -> None:
        """Start processes until there are so many."""
        if self._device == "cuda" and not self._gpus:
            self._gpus = visible_gpus(os.environ)
        while len(self._processes) < count:
            self._processes.append(self._started(len(self._processes)))

    def begin(self, worker: int, number: int, job: bytes) -> None:
        """Give a process a job."""
        self._send(worker, ("begin", number, job))

    def give(self, worker: int, number: int, samples: bytes) -> None:
        """Give a process a shard."""
        self._send(worker, ("embed", number, samples))

    def answers(self) -> Iterator[tuple[int, int | None, Answer]]:
        """Wait at most a second for answers, and replace the processes that have ended."""
        waiting = {each.connection: worker for worker, each in enumerate(self._processes)}
        ready = [waiting[connection] for connection in wait(list(waiting), POLL) if isinstance(connection, Connection)]
        # Something that a process has forked may hold its connection open after its end.
        ended = [worker for worker, each in enumerate(self._processes) if each.process.poll() is not None]
        for worker in dict.fromkeys([*ready, *ended]):
            if worker in ready:
                try:
                    number, answer = self._processes[worker].connection.recv()
                except (EOFError, OSError, pickle.UnpicklingError):  # also in the middle of an answer
                    pass
                else:
                    yield worker, number, answer
                    continue
            how = self._processes[worker].end()
            self._processes[worker] = self._started(worker)
            yield worker, None, Lost(how)

    def close(self) -> None:
        """End all processes, and those that they have started."""
        processes, self._processes = self._processes, []
        for each in processes:
            each.connection.close()  # all begin to end before the first is waited for
        deadline = time.monotonic() + GRACE
        for each in processes:
            with suppress(subprocess.TimeoutExpired):
                each.process.wait(max(0.0, deadline - time.monotonic()))
        for each in processes:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()

    def _started(self, worker: int) -> Process:
        settings = thread_settings(self._count, os.environ) | gpu_settings(worker, self._device, self._gpus)
        here, there = socket.socketpair()
        with there:
            code = CODE.format(path=list(map(str, sys.path)), file=there.fileno())
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=2,  # results of a command are the only text on standard output
                env=os.environ | settings,
                pass_fds=[there.fileno()],
                # An interrupt in a terminal goes to this process only, which ends the workers.
                process_group=0,
            )
        return Process(process, Connection(here.detach()))

    def _send(self, worker: int, message: Message) -> None:
        with suppress(OSError):  # its end is found when its answer is waited for
            self._processes[worker].connection.send_bytes(pickle.dumps(message))


def _killed(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (", perhaps because memory ran out" if number == signal.SIGKILL else "")
