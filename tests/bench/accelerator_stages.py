"""Stages for the tests of the runner of `bench.accelerator`: what works, fails, dies or does not end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.accelerator.rows import Job, Row


def works(job: Job) -> Iterator[Row]:
    print("what libraries print does not matter")
    yield Row("one", 1.0, "s", facts={"quick": job.quick})
    yield Row("not a number", float("nan"))


def reads(job: Job) -> Iterator[Row]:
    before = job.find("works", "one")
    yield Row("from before", before and before["figure"], facts={"left": job.left})


def fails(job: Job) -> Iterator[Row]:
    yield Row("one", 1.0)
    raise ValueError("no\nsuch device")


def dies(job: Job) -> Iterator[Row]:
    yield Row("one", 1.0)
    print("the driver is gone", file=sys.stderr, flush=True)
    os._exit(3)


def hangs(job: Job) -> Iterator[Row]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield Row("process of its own", child.pid)
    time.sleep(600)
