"""Compare in one of several processes, each with the same representations; rank 0 prints how far apart one process is.

Usage: python -m tests.engine.comparison.on_processes HOST:PORT PROCESSES RANK SECONDS few|all: the time for which the
process of rank 1 sleeps before it compares, and by which metrics.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

import jax

from hyle.engine import ResolutionWarning, compare, device_mesh, start_processes
from hyle.engine.gram import prepare

from ..block_pass.on_devices import Divided, apart, arrays


def main() -> None:
    """Join the others, compare, and print."""
    coordinator, processes, rank, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    start_processes(coordinator, processes, rank)
    if rank == 1:
        time.sleep(seconds)
    warnings.simplefilter("ignore", ResolutionWarning)
    given = {f"model {i}": x for i, x in enumerate(arrays(150))}
    options: dict[str, Any] = {
        "metrics": ["cka", "cka_rbf", "mutual_knn", "information_imbalance"], "k": 10, "permutations": "auto"
    }  # fmt: skip
    if sys.argv[5] == "all":
        options["metrics"] += ["distance_correlation", "cknna", "intrinsic_dimension"]
    several = compare(given, mesh=device_mesh(), **options)
    queries: dict[str, Any] = {"metrics": ["mutual_knn", "information_imbalance"], "k": 10, "queries": 100}
    some = compare(given, mesh=device_mesh(), **queries)
    # Few columns, and permutations within groups: by products of features, and one by one.
    narrow = {name: x[:, :6] for name, x in given.items()}
    groups = [str(i // 10) for i in range(150)]
    grouped: dict[str, Any] = {
        "metrics": ["cka", "cka_rbf", "mutual_knn"], "k": 10, "permutations": 20, "groups": groups
    }  # fmt: skip
    within = compare(narrow, mesh=device_mesh(), **grouped)
    assert within["cka"].attrs["form"] == "d x d products of features"
    divided = Divided([prepare(x) for x in arrays()])
    on_devices = {name: function() for name, function in divided.on(device_mesh()).items()}
    if rank == 0:
        found = {f"{name} on devices": apart(values, divided.expected[name]) for name, values in on_devices.items()}
        for result, expected in (
            (several, compare(given, **options)),
            (some, compare(given, **queries)),
            (within, compare(narrow, **grouped)),
        ):
            how = f"of {result.attrs['queries']}, {result.attrs['groups']} groups"
            for name in expected.data_vars:
                # Ties depend on how NumPy and XLA round distances.
                if expected[name].dtype.kind in "fi" and not name.endswith("_ties"):
                    found[f"{name} {how}"] = apart(result[name].values, expected[name].values)
        print(json.dumps({"devices": int(several.attrs["devices"]), "apart": found}))
    jax.distributed.shutdown()


if __name__ == "__main__":
    main()
