"""What a worker process runs: it takes jobs and shards from the process that started it, and ends with that one."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Literal

from ..environments import keep_freed_memory
from .answers import Said
from .worker import Worker

# Seconds in which a worker that has to end can delete its temporary files.
GRACE = 2.0
# The operating system ends workers, rather than the process that started them, when memory runs out.
OOM_SCORE = "500"

Message = tuple[Literal["begin", "embed"], int, bytes]


def serve(file: int) -> None:
    """Answer messages until the other end of a connection is closed, which also happens when its process is killed.

    Args:
        file: descriptor of the connection.
    """
    ending = threading.Event()
    atexit.register(_kill_group, ending)  # first, so that it is called last
    os.set_inheritable(file, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123 (not on every system)
        stream.write(OOM_SCORE)
    keep_freed_memory()
    connection, inbox = Connection(file), SimpleQueue[bytes]()
    parent = os.getppid()
    threading.Thread(target=_receive, args=(connection, inbox, parent, ending), daemon=True).start()
    worker = Worker(lambda line: connection.send((None, Said(line))))
    try:
        while True:
            what, number, data = pickle.loads(inbox.get())
            content = pickle.loads(data)
            answer = worker.begin(content) if what == "begin" else worker.embed(content)
            connection.send((number, answer))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit()  # the exit deletes temporary files


def _receive(connection: Connection, inbox: SimpleQueue[bytes], parent: int, ending: threading.Event) -> None:
    """Take messages while the main thread computes; end the process when there is nobody left to send any."""
    try:
        while True:
            # A process that the parent has forked may hold the other end open after it.
            while not connection.poll(1.0):
                if os.getppid() != parent:
                    raise EOFError
            inbox.put(connection.recv_bytes())
    except (EOFError, OSError):
        ending.set()
        _end()


def _end() -> None:
    """End this process and those that it has started, such as a model in its own environment."""
    with open(os.devnull, "w") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 2)  # an interrupt in a library is of no interest to the user
    signal.setitimer(signal.ITIMER_REAL, 2 * GRACE)  # should this thread stop first, while the process exits
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def _kill_group(ending: threading.Event) -> None:
    if ending.is_set():
        os.killpg(0, signal.SIGKILL)
