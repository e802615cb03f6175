"""Run each measurement in a worker process, and stop it when it takes too much time or memory."""

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
# The share of the memory free at its start that a measurement may use.
MEMORY_SHARE = 0.7


def available_memory() -> int | None:
    """Return the bytes that can be allocated without swapping; None on systems other than Linux."""
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
    """Return the environment variables of a worker; only workers of the engine inherit PYTHONPATH."""
    variables = dict(os.environ)
    inherited = variables.pop("PYTHONPATH", "")
    paths = [str(ROOT)] + [inherited] * (peer.package.environment == "hyle" and bool(inherited))
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
    """Measure one peer on one case; return ``{"skipped": reason}`` if it cannot be measured.

    Args:
        python: path of the Python of the peer's environment.
        peer: the peer to call.
        case: the case to measure.
        inputs: files of the models.
        budget: seconds for the measured calls; a loop over pairs stops after them and is scaled.
        limit: seconds for the whole process.
        far: files of the same models far from the origin; if given, their value is computed as well.
    """
    metric = METRICS.get(peer.metric)
    # The bare Gram matrices are computed model by model, like a metric of a single model.
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
        stdout, stderr = output.read().decode(errors="replace"), errors.read().decode(errors="replace")
    if stopped:
        return {"skipped": stopped}
    for line in reversed(stdout.splitlines()):
        if line.startswith(RESULT_PREFIX):
            return json.loads(line.removeprefix(RESULT_PREFIX))
    last = (stderr.strip().splitlines() or ["no output"])[-1]
    return {"skipped": f"ended with code {process.returncode}: {last}"[:300]}


def _watch(process: subprocess.Popen[bytes], limit: float, memory: float | None) -> str:
    """Wait for a process; kill it if it exceeds a limit, and return which limit."""
    end = time.monotonic() + limit
    while process.poll() is None:
        reason = ""
        if time.monotonic() > end:
            reason = f"took longer than {limit:.0f} s"
        elif memory is not None and _resident(process.pid) > memory:
            reason = f"needs more than {memory / 2**30:.0f} GiB of memory"
        if reason:
            process.kill()
            process.wait()
            return reason
        time.sleep(POLL)
    return ""
