"""No metric holds an n x n matrix: the resident memory of a fresh process says so."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

MATRIX = 6000 * 6000 * 4 / 2**20  # MiB of one n x n float32 matrix

SCRIPT = textwrap.dedent(
    """
    import json, resource, sys
    import jax, numpy as np
    from hyle.engine import cka, cknna, intrinsic_dimension, mutual_knn
    from hyle.engine.base import rows
    from hyle.engine.gram import median

    rows.BLOCK_ELEMENTS = 2**20  # 4 MiB, so that blocks do not hide a whole matrix
    median.KEPT_DISTANCES = 0  # above its limit the median keeps no distances
    x, y = np.random.default_rng(0).normal(size=(2, 6000, 64)).astype(np.float32)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

    metrics = {
        "cka": lambda x, y: cka(x, y),
        "mutual_knn": lambda x, y: mutual_knn(x, y, k=10),
        "cknna": lambda x, y: cknna(x, y, k=10),
        "intrinsic_dimension": lambda x, y: intrinsic_dimension(x, k=10),
        "cka_rbf": lambda x, y: cka(x, y, kernel="rbf"),
    }
    for metric in metrics.values():  # what the compiler takes is not counted
        metric(x[:64], y[:64]).block_until_ready()
    found = {}
    for name, metric in metrics.items():
        before = peak()
        metric(x, y).block_until_ready()
        found[name] = peak() - before
    compiled.clear()
    x += 1
    for name in ("cka", "mutual_knn", "cknna", "intrinsic_dimension"):
        metrics[name](x, y)
    found["compiled again"] = sum("backend_compile" in event for event in compiled)
    print(json.dumps(found))
    """
)


@pytest.fixture(scope="module")
def growth():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


def test_growth_stays_below_half_a_matrix(growth):
    # Measured: 20 to 40 MiB, most of it buffers of the compiler, where one matrix takes 137 MiB.
    for name in ("cka", "mutual_knn", "cknna", "intrinsic_dimension", "cka_rbf"):
        assert growth[name] < MATRIX / 2, (name, growth)


def test_a_second_call_compiles_nothing(growth):
    assert growth["compiled again"] == 0
