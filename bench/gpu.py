"""What is measured only on a GPU: its memory, its peak for matrix products, and the share of it that is reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from .metrics import METRICS
from .results import ENGINE, Results, relative_error
from .text import memory, rows_of, seconds, times

SIZE, RUNS = 8192, 10
PRECISIONS = {"float32": ("float32", "highest"), "TF32": ("float32", "tensorfloat32"), "bfloat16": ("bfloat16", None)}


def find_gpu(python: str = sys.executable) -> str:
    """Return why JAX has no GPU, or an empty string if it has one."""
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    backend = (done.stdout.split() or ["none"])[-1]
    return "" if backend in ("gpu", "cuda", "rocm") else f"JAX finds no GPU; its backend is {backend}"


def device_facts() -> dict[str, Any]:
    """Return the peak GPU memory of this process, from the framework that ran; called in the worker."""
    if "jax" in sys.modules:
        import jax

        return {"peak": (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")}
    if "torch" in sys.modules:
        import torch

        return {"peak": torch.cuda.max_memory_allocated()}
    return {}


def matmul_peak() -> dict[str, float]:
    """Measure the FLOP/s of a large matrix product in JAX at each precision; called in a separate process."""
    import jax
    import jax.numpy as jnp

    rates = {}
    for name, (dtype, precision) in PRECISIONS.items():
        x = jax.random.normal(jax.random.key(0), (SIZE, SIZE), jnp.dtype(dtype))
        product = jax.jit(lambda a, precision=precision: jnp.matmul(a, a.T, precision=precision))
        product(x).block_until_ready()
        start = time.perf_counter()
        for _ in range(RUNS):
            last = product(x)
        last.block_until_ready()
        rates[name] = 2 * SIZE**3 * RUNS / (time.perf_counter() - start)
    return rates


def facts() -> dict[str, Any]:
    """Return the name of the GPU and its peaks."""
    code = (
        "import json, jax; from bench.gpu import matmul_peak; "
        "print(json.dumps({'gpu': jax.devices()[0].device_kind, 'matmul': matmul_peak()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else {"gpu": "unknown", "matmul": {}}


def gpu_lines(results: Results) -> list[str]:
    """Return the section of the tables about the GPU."""
    if not results.gpu:
        return []
    peaks = results.machine.get("matmul", {})
    rates = ", ".join(f"{name} {value / 1e12:.1f} TFLOP/s" for name, value in peaks.items())
    lines = [f"## GPU: {results.machine.get('gpu', 'unknown')}", "", f"Matrix products of {SIZE:,}: {rates}.", ""]
    rows = []
    for case in results.gpu:
        exact = case["name"].replace(case["dtype"], "float32")
        work = 2.0 * case["n"] ** 2 * sum(case["widths"])
        for metric in [*METRICS, "study", "gram"]:
            engine = results.find(case["name"], ENGINE, metric) or results.find(case["name"], "JAX", metric)
            for row in ([engine] if engine else []) + [r for r in results.peers(case["name"], metric) if r != engine]:
                share = work / row["seconds"] / peaks["float32"] if peaks.get("float32") else None
                truth = results.find(exact, row["tool"], metric)
                error = relative_error_of(row, truth) if case["dtype"] != "float32" else None
                cells = [case["name"], metric, row["tool"], seconds(row), seconds(row, "first"), memory(row)]
                cells += [times(row, engine) if row != engine else "", "" if share is None else f"{share:.0%}"]
                rows.append([*cells, "" if error is None else f"{error:.1e}"])
    head = ("case", "metric", "tool", "seconds", "first call", "peak GPU memory", "times the engine's")
    return [*lines, *rows_of((*head, "of the float32 peak, one Gram each", "error of 16-bit input"), rows), ""]


def relative_error_of(row: dict[str, Any], truth: dict[str, Any] | None) -> float | None:
    """Return the largest relative error against the float32 value of the same tool; only for numbers."""
    if truth is None or row["metric"] in ("study", "gram"):
        return None
    values = [measurement["value"] for measurement in (row, truth)]
    # A loop over pairs has a dict of pair -> value.
    values = [[value[name] for name in sorted(value)] if isinstance(value, dict) else value for value in values]
    return relative_error(*values)
