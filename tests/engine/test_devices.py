"""Rows shared out over devices give the same numbers, and so does recomputing what the derivative needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.thorough

NAMES = (
    "cka",
    "cka_rbf",
    "distance_correlation",
    "mutual_knn",
    "cknna",
    "information_imbalance",
    "intrinsic_dimension",
    "monitor",
    "cka gradient",
    "distance_correlation gradient",
)
SCRIPT = textwrap.dedent(
    """
    import json
    import jax, numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
    from hyle.engine import (
        AlignmentMonitor, cka, cknna, distance_correlation, information_imbalance, intrinsic_dimension, mutual_knn
    )
    from tests.engine.samples import K, single, views

    assert len(jax.devices()) == 2
    rows = NamedSharding(Mesh(jax.devices(), ("rows",)), PartitionSpec("rows"))
    x, y = map(single, views(0))
    monitor = AlignmentMonitor({"y": y}, k=K)
    functions = {
        "cka": cka,
        "cka_rbf": lambda x, y: cka(x, y, kernel="rbf"),
        "distance_correlation": distance_correlation,
        "mutual_knn": lambda x, y: mutual_knn(x, y, k=K),
        "cknna": lambda x, y: cknna(x, y, k=K),
        "information_imbalance": information_imbalance,
        "intrinsic_dimension": lambda x, y: intrinsic_dimension(x, k=20),
        "monitor": lambda x, y: jax.numpy.stack(jax.tree.leaves(monitor.measure(x))),
        "cka gradient": jax.grad(cka),
        "distance_correlation gradient": jax.grad(distance_correlation),
    }
    found = {}
    for name, function in functions.items():
        alone = np.asarray(function(x, y))
        a, b = jax.device_put((x, y), rows)
        assert len(a.sharding.device_set) == 2 and a.addressable_shards[0].data.shape[0] == len(x) // 2
        shared = np.asarray(jax.jit(function)(a, b))
        found[name] = [float(np.abs(shared - alone).max()), float(np.abs(alone).max())]
    for name in ("cka", "distance_correlation"):
        plain = np.asarray(jax.grad(functions[name])(x, y))
        again = np.asarray(jax.grad(jax.checkpoint(functions[name]))(x, y))
        found[name + " checkpoint"] = [float(np.abs(again - plain).max()), float(np.abs(plain).max())]
    print(json.dumps(found))
    """
)


@pytest.fixture(scope="module")
def found(pytestconfig):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pytestconfig.rootpath,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_rows_on_two_devices_give_what_one_gives(name, found):
    apart, size = found[name]
    assert 0 < size < float("inf")
    assert apart <= (1e-4 if "gradient" in name else 1e-5) * size


@pytest.mark.parametrize("name", ["cka", "distance_correlation"])
def test_checkpoint_gives_the_same_gradient(name, found):
    apart, size = found[f"{name} checkpoint"]
    assert 0 < size < float("inf")
    assert apart <= 1e-5 * size
