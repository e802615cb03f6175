"""Threads and devices of workers that share one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

# Read by OpenMP (torch, RDKit), MKL, OpenBLAS, NumExpr, tokenizers in Rust, TensorFlow and XLA.
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "PJRT_NPROC"),
)
VISIBLE = "CUDA_VISIBLE_DEVICES"


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def thread_settings(workers: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that give each of several workers its share of the cores.

    Args:
        workers: number of workers on this machine.
        variables: the environment of the user, whose own numbers of threads are kept if they are smaller.
    """
    share = max(1, cores() // workers)
    given = {name: variables[name] for name in THREADS if variables.get(name, "").isdecimal()}
    return {name: str(min(share, int(given.get(name, share)))) for name in THREADS}


def gpu_settings(worker: int, device: str, gpus: list[str]) -> dict[str, str]:
    """Return the variable that gives a worker one of several GPUs, in turn.

    Args:
        worker: number of the worker.
        device: name of the torch device; only ``cuda``, without a number, is distributed.
        gpus: what `visible_gpus` returns.
    """
    return {VISIBLE: gpus[worker % len(gpus)]} if device == "cuda" and gpus else {}


def visible_gpus(variables: Mapping[str, str]) -> list[str]:
    """Return the GPUs of NVIDIA that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if VISIBLE in variables:
        return [name.strip() for name in variables[VISIBLE].split(",") if name.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]
