"""The same comparison on the default device and on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..inputs import models
from ..metrics import K
from ..results import ROOT
from .differences import allowed, check, difference, differences, wrong_neighbours
from .measuring import OPTIONS
from .rows import Job, Row

METRICS = (
    "cka",
    "cka_rbf",
    "distance_correlation",
    "mutual_knn",
    "jaccard_knn",
    "cknna",
    "information_imbalance",
    "intrinsic_dimension",
    "intrinsic_dimension_twonn",
    "rsa",
    "procrustes",
)
N, QUICK_N, WIDTHS, PERMUTATIONS = 2000, 300, (40, 64, 96), 50
KINDS: tuple[Literal["euclidean", "cosine"], ...] = ("euclidean", "cosine")


def compute(path: Path, n: int) -> None:
    """Compare, find neighbours, and write both to a file; called in each of the two processes."""
    import jax.numpy as jnp

    from hyle.engine import compare
    from hyle.engine.gram import prepare
    from hyle.engine.neighbours import find_table

    inputs = models(n, WIDTHS)
    found = compare(dict(zip("abc", inputs, strict=True)), metrics=METRICS, permutations=PERMUTATIONS, **OPTIONS)
    names = [name for name in found.data_vars if found[name].dtype.kind == "f"]
    prepared = [prepare(jnp.asarray(x)) for x in inputs]
    tables = {
        f"{kind} {i}": np.asarray(find_table(rows, K, kind, measured=True).indices)
        for i, rows in enumerate(prepared)
        for kind in KINDS
    }
    arrays: dict[str, Any] = {str(name): found[name].values for name in names} | tables
    np.savez(path, **arrays)


def measure(job: Job) -> Iterator[Row]:
    """Yield the largest difference of every metric, of all p-values and of the neighbours.

    Raises:
        ArithmeticError: one of them is larger than rounding explains.
        RuntimeError: the process on the CPU failed; with its last line.
    """
    n = QUICK_N if job.quick else N
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("device.npz", "cpu.npz")]
        command = [sys.executable, "-m", __name__, str(paths[1]), str(n)]
        variables = {**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        errors = Path(folder) / "errors"
        with (
            errors.open("wb") as output,
            subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output) as process,
        ):
            compute(paths[0], n)
        if process.returncode:
            last = (errors.read_text("utf-8", "replace").strip().splitlines() or ["no output"])[-1]
            raise RuntimeError(f"the process on the CPU ended with code {process.returncode}: {last}")
        here, cpu = (dict(np.load(path)) for path in paths)
    apart = differences(here, cpu, METRICS)
    for name, value in apart.items():
        yield Row(f"{name}, largest difference", value, "difference", bound=allowed(name), side="most", facts={"n": n})
    p = max(difference(here[name], cpu[name]) for name in cpu if name.endswith("_p"))
    one = 1 / (PERMUTATIONS + 1)
    yield Row("p-values, largest difference", p, "difference", bound=one, side="most", facts={"n": n})
    counts = []
    for i, x in enumerate(models(n, WIDTHS)):
        unit = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
        for kind, points in zip(KINDS, (x, unit), strict=True):
            counts.append(wrong_neighbours(points, here[f"{kind} {i}"], cpu[f"{kind} {i}"]))
    differing, wrong = map(sum, zip(*counts, strict=True))
    about = {"entries": n * K * len(counts), "differing": differing}
    yield Row("neighbours that differ, beyond equal distances", wrong, bound=0, side="most", facts=about)
    check(apart)
    if p > one * 1.001:
        raise ArithmeticError(f"p-values differ by {p:.3f}, more than one permutation")
    if wrong:
        raise ArithmeticError(f"{wrong} of {about['entries']:,} neighbours differ")


if __name__ == "__main__":
    compute(Path(sys.argv[1]), int(sys.argv[2]))
