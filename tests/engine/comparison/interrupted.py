"""Compare with a checkpoint, in a process that is to be killed; prints all numbers once it is complete.

Usage: python -m tests.engine.comparison.interrupted FOLDER few|exact|queries|tables|mesh,
FOLDER being - for no checkpoint.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

from hyle.engine import ResolutionWarning, compare, device_mesh
from hyle.engine.block_pass import segments

ALL = ["cka", "cka_rbf", "mutual_knn", "information_imbalance", "intrinsic_dimension"]
OPTIONS: dict[str, dict[str, Any]] = {
    "few": {"metrics": ALL, "permutations": 30, "block": 64},
    "exact": {"metrics": ALL, "permutations": 30, "block": 64},
    "queries": {"metrics": ["mutual_knn", "information_imbalance", "intrinsic_dimension"], "queries": 1000,
                "block": 16},
    "tables": {"metrics": ["mutual_knn"], "permutations": 30},
    "mesh": {"metrics": ALL, "permutations": 30, "block": 64},
}  # fmt: skip


def main() -> None:
    """Compare, and print."""
    folder, what = sys.argv[1:]
    warnings.simplefilter("ignore", ResolutionWarning)
    segments.SECONDS = 0.1
    generator = np.random.default_rng(0)
    n = 800 if what == "few" else 2000
    common = generator.normal(size=(n, 6))
    given = {
        f"model {d}": (common @ generator.normal(size=(6, d)) + generator.normal(size=(n, d))).astype(np.float32)
        for d in (20, 40, 64)
    }
    mesh = device_mesh(1) if what == "mesh" else None
    print("started", flush=True)
    found = compare(given, checkpoint=None if folder == "-" else folder, mesh=mesh, **OPTIONS[what])
    print(json.dumps({name: value.values.tolist() for name, value in found.data_vars.items()}), flush=True)


if __name__ == "__main__":
    main()
