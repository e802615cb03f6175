"""One stage in a process of its own: reads a job as JSON from stdin, and prints each row as a line of JSON."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import signal
import sys
import time
import traceback
from typing import Any

from .rows import Job

ROW_PREFIX, ERROR_PREFIX = "bench-row:", "bench-error:"
# Seconds after its deadline at which the process ends by itself, if the one that started it is gone.
GRACE = 5.0


def main() -> None:
    """Run the stage; an error is printed as one line, and the exit code is then 1."""
    message = json.loads(sys.stdin.read())
    module, _, name = message.pop("function").partition(":")
    job = Job(**message)
    # Its default action ends the process, also while compiled code runs.
    signal.setitimer(signal.ITIMER_REAL, max(0.1, job.deadline + GRACE - time.time()))
    try:
        for row in getattr(importlib.import_module(module), name)(job):
            print(ROW_PREFIX + json.dumps(_finite(dataclasses.asdict(row))), flush=True)
    except Exception as error:
        traceback.print_exc()
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print(ERROR_PREFIX + text[:300].rstrip(": "), flush=True)
        sys.exit(1)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    main()
