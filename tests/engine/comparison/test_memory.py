"""A comparison on a CPU keeps no second copy of all rows: the resident memory of a fresh process says so."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent(
    """
    import json, resource, sys
    import numpy as np
    from hyle.engine import compare
    from hyle.engine.context import context

    n, d, m = map(int, sys.argv[1].split("x"))
    metrics, options = sys.argv[2].split(","), json.loads(sys.argv[3])
    models = {str(at): np.random.default_rng(at).standard_normal((n, d), np.float32) for at in range(m)}

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

    small = {"queries": 64} if options else {}
    context.MAX_ENTRIES = 0  # as for many samples
    compare({name: rows[:2100, :64].copy() for name, rows in models.items()}, metrics=metrics, k=10, **small)
    before = peak()  # what the compiler takes is not counted, nor are the inputs
    compare(models, metrics=metrics, k=10, **options)
    print(json.dumps([peak() - before, sum(rows.nbytes for rows in models.values()) / 2**20]))
    """
)


@pytest.mark.parametrize(
    ("shape", "metrics", "options"),
    [
        ("60000x256x6", "cka,mutual_knn,cknna", {"queries": 64}),  # tables only, one model after the other
        # Ranks and kernels, of all models at once.
        pytest.param("60000x256x6", "information_imbalance", {"queries": 64}, marks=pytest.mark.thorough),
        pytest.param("3000x4096x6", "distance_correlation", {}, marks=pytest.mark.thorough),
    ],
)
def test_no_copy_of_all_rows_is_in_memory(shape, metrics, options):
    command = [sys.executable, "-c", SCRIPT, shape, metrics, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    growth, inputs = json.loads(done.stdout)
    assert growth < inputs, (growth, inputs)
