"""Starts a worker for each measurement, and stops it when it takes too long or too much."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from .cases import Case
from .metrics import METRICS
from .peers import Peer
from .worker import RESULT_PREFIX

ROOT = Path(__file__).resolve().parent.parent
POLL = 0.05
# What a measurement may take of the memory that is free when it starts.
MEMORY_SHARE = 0.7


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None off Linux."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def environment(peer: Peer, case: Case) -> dict[str, str]:
    """Return the variables of a worker; a peer's does not see what the bench's own Python was told to import."""
    variables = dict(os.environ)
    own = variables.pop("PYTHONPATH", "")
    paths = [str(ROOT)] + [own] * (peer.package.environment == "hyle" and bool(own))
    variables |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}
    if case.device == "gpu":
        variables |= {"BENCH_DEVICE": "gpu", "BENCH_DTYPE": case.dtype}
    else:
        variables |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return variables


def run(
    python: str,
    peer: Peer,
    case: Case,
    inputs: list[str],
    *,
    budget: float,
    limit: float,
    far: list[str] | None = None,
) -> dict[str, Any]:
    """Measure one peer on one case; what cannot be measured comes back as ``{"skipped": reason}``.

    Args:
        python: of the peer's environment.
        peer: what to call.
        case: on what.
        inputs: files of the models.
        budget: seconds for the measured calls, by which a loop over pairs stops and is scaled.
        limit: seconds for the whole process.
        far: files of the same models far from the origin, whose value is wanted too.
    """
    metric = METRICS.get(peer.metric)
    # The bare Gram matrices are taken model by model, as a single metric is.
    job = {
        "peer": peer.key,
        "kind": case.kind,
        "inputs": inputs,
        "single": metric.single if metric else peer.metric == "gram",
        "budget": budget,
        "far": far or [],
    }
    free = available_memory()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [python, "-m", "bench.worker"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            cwd=ROOT,
            env=environment(peer, case),
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
        stopped = _watch(process, limit, None if free is None else MEMORY_SHARE * free)
        output.seek(0)
        errors.seek(0)
        said, complained = output.read().decode(errors="replace"), errors.read().decode(errors="replace")
    if stopped:
        return {"skipped": stopped}
    for line in reversed(said.splitlines()):
        if line.startswith(RESULT_PREFIX):
            return json.loads(line.removeprefix(RESULT_PREFIX))
    last = (complained.strip().splitlines() or ["no output"])[-1]
    return {"skipped": f"ended with code {process.returncode}: {last}"[:300]}


def _watch(process: subprocess.Popen[bytes], limit: float, memory: float | None) -> str:
    """Wait for the end; kill what goes over a limit and say which."""
    end = time.monotonic() + limit
    while process.poll() is None:
        over = ""
        if time.monotonic() > end:
            over = f"took longer than {limit:.0f} s"
        elif memory is not None and _resident(process.pid) > memory:
            over = f"needs more than {memory / 2**30:.0f} GiB of memory"
        if over:
            process.kill()
            process.wait()
            return over
        time.sleep(POLL)
    return ""
