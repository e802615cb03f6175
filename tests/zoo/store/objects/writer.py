"""Processes that write to an object store: each is a fork of one that has imported everything, and stops first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MANY = [f"s{i:03d}" for i in range(30)]
DROPPED = {"s004": "no fluorine", "s017": "no fluorine"}

CODE = f"""
import os, signal, sys
import obstore, obstore.store, tensorstore
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from stored import KEY, RECIPE, representation, rows, energies
from hyle.zoo import Store
import hyle.zoo.store.objects.object_store

MANY, DROPPED = {MANY!r}, {DROPPED!r}

def extract(root, size, order):
    todo = MANY[::order]
    with Store(root).extraction(KEY, MANY, RECIPE, shared=True) as extraction:
        for first in range(0, len(todo), size):
            part = extraction.unfinished(todo[first : first + size])
            if part:
                ids = [i for i in part if i not in DROPPED]
                why = {{i: DROPPED[i] for i in part if i in DROPPED}}
                extraction.write_shard(ids, rows(ids) if ids else None, energies(ids) if ids else None, why)
        if not extraction.unfinished():
            extraction.commit()

def save(root, sign, _):
    Store(root).save(KEY, representation(embedding=sign * rows([f"s{{i:03d}}" for i in range(20)])))

for line in sys.stdin:
    name, root, *numbers = line.split()
    child = os.fork()
    if not child:
        os.kill(os.getpid(), signal.SIGSTOP)
        code = 1
        try:
            globals()[name](root, *map(int, numbers))
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.waitpid(child, os.WUNTRACED)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Writer:
    """A process whose forks write one after the other."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", CODE], stdin=pipe, stdout=pipe, text=True)

    def start(self, *words: object) -> int:
        """Fork and return the process, which waits for `go`."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def go(self, process: int) -> None:
        os.kill(process, signal.SIGCONT)

    def code(self) -> int:
        """Wait for the end of the process and return its exit code."""
        return int(self._line())

    def run(self, *words: object) -> int:
        self.go(self.start(*words))
        return self.code()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.communicate()


def expected(ids: Sequence[str]) -> np.ndarray:
    """The rows of an extraction."""
    from ..stored import rows

    return rows([i for i in ids if i not in DROPPED])
