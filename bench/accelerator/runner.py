"""Run stages one after the other, each in a process of its own, and keep every figure as soon as it is there."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO, Any

from ..results import ROOT, machine
from .stages import TOTAL, Stage
from .worker import ERROR_PREFIX, ROW_PREFIX


class StageError(Exception):
    """A stage that failed or took too long, with the reason."""


def run(
    stages: Sequence[Stage],
    path: Path,
    *,
    quick: bool = False,
    total: float = TOTAL,
    show: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run stages, and write the results after every figure.

    Args:
        stages: in the order in which they run.
        path: the results file, which is replaced.
        quick: see `Job`.
        total: seconds for all stages together.
        show: called with one line for each stage.

    Returns:
        What the file contains. Each stage has a ``state``: ``done``, ``failed``, or ``interrupted`` by Ctrl-C, after
        which no other starts.
    """
    end = time.time() + total
    record: dict[str, Any] = {"machine": machine(), "quick": quick, "stages": {}}
    for stage in stages:
        left = max(0.0, end - time.time())
        limit = left if stage.rest else min(stage.limit, left)
        entry: dict[str, Any] = {
            "state": "interrupted",
            "seconds": 0.0,
            "limit": round(limit, 1),
            "error": "",
            "rows": [],
        }
        earlier = {name: done["rows"] for name, done in record["stages"].items()}
        record["stages"][stage.name] = entry
        start = time.monotonic()
        job = {"function": stage.function, "quick": quick, "deadline": time.time() + limit, "earlier": earlier}
        try:
            save(record, path)
            with contextlib.closing(_rows(job, limit)) as rows:  # however this ends, its processes are stopped
                for row in rows:
                    entry["rows"].append(row)
                    entry["seconds"] = round(time.monotonic() - start, 1)
                    save(record, path)
            entry["state"] = "done"
        except StageError as error:
            entry |= {"state": "failed", "error": str(error)}
        except KeyboardInterrupt:
            entry["error"] = "stopped by a signal"
        entry["seconds"] = round(time.monotonic() - start, 1)
        save(record, path)
        show(f"{stage.name:12} {entry['state']:7} {entry['seconds']:6.1f} s  {entry['error']}".rstrip())
        if entry["state"] == "interrupted":
            break
    return record


def save(record: dict[str, Any], path: Path) -> None:
    """Write the results file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    partial.replace(path)


def _rows(job: dict[str, Any], limit: float) -> Generator[dict[str, Any], None, None]:
    """Yield the rows of a stage as it prints them.

    Raises:
        StageError: it failed, or took longer than its limit.
    """
    # With JAX's default, one process would take three quarters of the memory that torch and others need as well.
    variables = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ}
    end, error = time.monotonic() + limit, ""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.accelerator.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            env=variables,
            start_new_session=True,  # so that its own processes are stopped with it
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
            threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
            with contextlib.suppress(BrokenPipeError):  # it ended at once; its exit code says so
                process.stdin.write(json.dumps(job).encode())
                process.stdin.close()
            while (line := lines.get(timeout=max(0.0, end - time.monotonic()))) is not None:
                if line.startswith(ROW_PREFIX):
                    yield json.loads(line.removeprefix(ROW_PREFIX))
                elif line.startswith(ERROR_PREFIX):
                    error = line.removeprefix(ERROR_PREFIX).strip()
            code = process.wait(timeout=max(0.0, end - time.monotonic()))
        except (queue.Empty, subprocess.TimeoutExpired):
            raise StageError(f"took longer than {limit:.0f} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code:
            raise StageError(error or f"ended with code {code}: {_last_line(errors)}")


def _read(output: IO[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    for line in output:
        lines.put(line.decode(errors="replace"))
    lines.put(None)


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    return (errors.read().decode(errors="replace").strip().splitlines() or ["no output"])[-1][:300]
