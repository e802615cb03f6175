"""One measurement in a separate process: read a job as JSON from stdin, print the result as the last line.

The worker runs in the environment of the peer, so it imports nothing but NumPy and the peer.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .peers import Calls, load_peers

RESULT_PREFIX = "bench-result:"
# A call that takes longer is not repeated to measure its memory alone.
SLOW_SECONDS = 60.0
# Short calls are repeated up to this number of runs or this share of the budget.
RUNS, SHARE = 5, 0.5


def numbers(value: Any) -> Any:
    """Convert a value of any framework to floats, waiting until it is computed."""
    if isinstance(value, dict):
        return {name: numbers(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [float(np.asarray(_host(item)).squeeze()) for item in value]
    array = np.asarray(_host(value), dtype=np.float64)
    return float(array.squeeze()) if array.size == 1 else array.tolist()


def _host(value: Any) -> Any:
    return value.detach().cpu() if hasattr(value, "detach") else value


class Clock:
    """Wall and CPU seconds of a run, and the average number of cores that other processes used meanwhile."""

    def __enter__(self) -> Clock:
        self._busy, self._cpu, self._wall = _busy_seconds(), _cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = _cpu_seconds() - self._cpu
        busy = _busy_seconds()
        load = None if busy is None or self._busy is None else busy - self._busy - self.cpu
        # The system counts in hundredths of a second, too coarse for shorter runs.
        self.background_load = None if load is None or self.wall < 0.1 else max(0.0, load / self.wall)

    def facts(self) -> dict[str, Any]:
        """Return the entries of the results file."""
        return {"seconds": self.wall, "cpu": self.cpu, "others": self.background_load}


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _busy_seconds() -> float | None:
    """Return the CPU seconds of all processes of the machine, steal time included; None on systems other than Linux."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _memory(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":")), None)


def _forget_peak() -> int | None:
    """Reset the peak of the resident memory to its current value, and return that value."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _memory("VmRSS")


def peak_of(run: Callable[[], Any]) -> int | None:
    """Return the growth of the resident memory in a call, in bytes; None on systems other than Linux."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)  # otherwise the call would reuse memory that earlier calls freed
    before = _forget_peak()
    run()
    peak = _memory("VmHWM")
    return None if peak is None or before is None else max(0, peak - before)


def repeat(run: Callable[[], Any], budget: float, *, warm: bool) -> dict[str, Any]:
    """Time a call, the best of several runs, without the first if it is a warm-up and another fits in the budget."""
    started = time.perf_counter()
    with Clock() as first:
        value = numbers(run())
    best, runs = first, 1
    if warm or first.wall < SHARE * budget:
        best = None  # type: ignore[assignment]
        while best is None or (runs <= RUNS and time.perf_counter() - started + first.wall < SHARE * budget):
            with Clock() as clock:
                numbers(run())
            runs += 1
            best = clock if best is None or clock.wall < best.wall else best
    return {**best.facts(), "first": first.wall, "runs": runs, "value": value}


def all_pairs(calls: Calls, arrays: list[Any], budget: float) -> dict[str, Any]:
    """Prepare each model once and score all pairs; the best of several runs if short, scaled from a part if long."""
    # A first call costs more, because threads start and code is loaded.
    small = [array[:64] for array in arrays[:2]] if all(hasattr(array, "shape") for array in arrays) else arrays[:2]
    numbers(calls.score(*map(calls.prepare, small)))
    started, best, runs = time.perf_counter(), None, 0
    while best is None or (runs < RUNS and time.perf_counter() - started + best["measured"] < SHARE * budget):
        result = _one_pass(calls, arrays, budget)
        runs += 1
        best = result if best is None or result["seconds"] < best["seconds"] else best
    return best | {"runs": runs, "first": None}


def _one_pass(calls: Calls, arrays: list[Any], budget: float) -> dict[str, Any]:
    """Score pairs in random order until the budget is spent; scale the time to all pairs."""
    m = len(arrays)
    pairs = [(a, b) for a in range(m) for b in range(a + 1, m)]
    random.Random(0).shuffle(pairs)
    states: dict[int, Any] = {}
    preparing, scoring, value = 0.0, 0.0, {}
    with Clock() as clock:
        for a, b in pairs:
            if preparing + scoring > budget:
                break
            start = time.perf_counter()
            for i in (a, b):
                if i not in states:
                    states[i] = calls.prepare(arrays[i])
            middle = time.perf_counter()
            value[f"{a}-{b}"] = numbers(calls.score(states[a], states[b]))
            preparing, scoring = preparing + middle - start, scoring + time.perf_counter() - middle
    measured, done = preparing + scoring, len(value)
    seconds = preparing * m / len(states) + scoring * len(pairs) / done
    facts = {"seconds": seconds, "cpu": clock.cpu * seconds / measured, "others": clock.background_load, "value": value}
    return facts | {"scaled_from": None if done == len(pairs) else done, "measured": measured}


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one peer on the inputs of a job."""
    peer = load_peers()[job["peer"]]
    calls = peer.load()
    arrays = [calls.convert(np.load(path)) for path in job["inputs"]]
    warm = peer.package.environment == "hyle"  # the first call of the engine compiles
    before = _forget_peak()
    budget = job["budget"]
    operands = arrays[:1] if job["single"] else arrays
    if job["kind"] == "pair":
        result = repeat(lambda: calls.score(*map(calls.prepare, operands)), budget, warm=warm)
    elif calls.batch is not None:
        result = repeat(lambda: calls.batch(arrays), budget, warm=warm)
    elif job["single"]:
        result = repeat(lambda: [calls.score(calls.prepare(x)) for x in arrays], budget, warm=warm)
    else:
        result = all_pairs(calls, arrays, budget)
    peak = _memory("VmHWM")
    result["peak"] = None if peak is None or before is None else max(0, peak - before)
    if calls.batch is not None and warm and result["seconds"] < SLOW_SECONDS:
        # A call that compiles nothing.
        result["peak_warm"] = peak_of(lambda: numbers(calls.batch(arrays)))
    if job["far"]:
        far = [calls.convert(np.load(path)) for path in job["far"]]
        try:
            result["far"] = numbers(calls.score(*map(calls.prepare, far[: len(operands)])))
        except Exception:
            result["far"] = None
    if os.environ.get("BENCH_DEVICE") == "gpu":
        from .gpu import device_facts

        result |= device_facts()
    return result


def main() -> None:
    """Run the job on stdin; an error becomes the reason for which the peer is skipped."""
    job = json.loads(sys.stdin.read())
    try:
        result = measure(job)
    except BaseException as error:
        text = " ".join(str(error).split())
        result = {"skipped": f"{type(error).__name__}: {text}"[:300].rstrip(": ")}
    print(RESULT_PREFIX + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
