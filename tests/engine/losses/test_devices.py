"""A batch shared out over devices costs what it costs on one, and has its gradient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

NAMES = (
    "cka",
    "cka sums",
    "cka rbf",
    "cknna",
    "soft neighbours",
    "distance correlation",
    "relational",
    "cosine",
    "information imbalance",
)

# Losses of each kind of exchange, also tried in ways that add nothing for the others: each program takes a second.
ALL_WAYS = ("cka", "cka sums", "cknna")
# Those of the normal tests; the others are for `make thorough`.
QUICK = ("cka sums", "soft neighbours")
SCRIPT = textwrap.dedent(
    """
    import json, sys
    import jax, jax.numpy as jnp, numpy as np
    from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P
    from tests.engine.losses.test_losses import B, LOSSES, batch
    from tests.engine.losses.test_devices import ALL_WAYS
    from tests.engine.samples import single

    assert len(jax.devices()) == 4
    automatic = Mesh(jax.devices(), ("rows",))
    explicit = jax.make_mesh((4,), ("rows",), axis_types=(AxisType.Explicit,))
    x, y = map(single, batch(14))
    where = np.arange(B) % 5 != 2
    weight = single(np.random.default_rng(0).normal(size=(x.shape[1],) * 2))

    def apart(found, expected):
        return max(
            float(np.abs(np.asarray(a, np.float64) - b).max() / max(np.abs(b).max(), 1e-3))
            for a, b in zip(found, expected, strict=True)
        )

    found = {}
    for name in sys.argv[1:]:
        loss = LOSSES[name]

        def of(weight, x, y, keep, axis_name=None):
            return loss(x @ weight, y, where=keep, **({"axis_name": axis_name} if axis_name else {}))

        def inside(*arguments):  # of shard_map: the gradient of replicated weights and that of the own rows
            value, (weights, rows) = jax.value_and_grad(lambda *a: of(*a, "rows"), (0, 1))(*arguments)
            return value, weights, rows

        def averaged(*arguments):
            value, weights, rows = inside(*arguments)
            return value, jax.lax.pmean(weights, "rows"), rows / 4

        def whole(*arguments):
            value, (weights, rows) = jax.value_and_grad(of, (0, 1))(*arguments)
            return value, weights, rows

        specs = P(), P("rows"), P("rows"), P("rows")
        outside = jax.shard_map(lambda *a: of(*a, "rows"), mesh=automatic, in_specs=specs, out_specs=P())

        def through(*arguments):
            value, (weights, rows) = jax.value_and_grad(outside, (0, 1))(*arguments)
            return value, weights, rows

        out = P(), P(), P("rows")
        ways = {
            "gradient outside": jax.jit(through),
            "gradient inside": jax.jit(jax.shard_map(inside, mesh=automatic, in_specs=specs, out_specs=out)),
            "unchecked": jax.jit(
                jax.shard_map(averaged, mesh=automatic, in_specs=specs, out_specs=out, check_vma=False)
            ),
        }
        expected = [np.asarray(v) for v in jax.jit(whole)(weight, x, y, where)]
        if name not in ALL_WAYS:
            ways.pop("unchecked")
        for way, function in ways.items():
            found[f"{name}, {way}"] = apart(function(weight, x, y, where), expected)
        meshes = {"automatic": automatic, "explicit": explicit} if name in ALL_WAYS else {"automatic": automatic}
        for way, mesh in meshes.items():
            placed = jax.device_put((x, y, where), NamedSharding(mesh, P("rows")))
            weights = jax.device_put(weight, NamedSharding(mesh, P()))
            assert len(placed[0].sharding.device_set) == 4
            found[f"{name}, {way}"] = apart(jax.jit(whole)(weights, *placed), expected)
        found[f"{name}, gathers"] = str(jax.make_jaxpr(outside)(weight, x, y, where)).count("all_gather")
    print(json.dumps(found))
    """
)


def results(names, folder):
    """Run the script for some losses."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    flags += " --xla_backend_optimization_level=0"  # of what takes long, nearly all is compiling
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=folder,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(pytestconfig):
    """Results by name, of the quick losses and of the others in a process each, which starts when it is needed."""
    return Results(pytestconfig.rootpath)


class Results(dict):
    def __init__(self, folder):
        self.folder = folder

    def __missing__(self, key):
        quick = key.partition(", ")[0] in QUICK
        self.update(results([name for name in NAMES if (name in QUICK) == quick], self.folder))
        return self[key]


def quick_first(cases):
    return [case if case[0] in QUICK else pytest.param(*case, marks=pytest.mark.thorough) for case in cases]


@pytest.mark.parametrize(
    ("name", "way"),
    quick_first(
        [
            *((name, way) for name in NAMES for way in ("gradient outside", "gradient inside", "automatic")),
            *((name, way) for name in ALL_WAYS for way in ("unchecked", "explicit")),
        ]
    ),
)
def test_four_devices_give_what_one_gives(name, way, found):
    assert found[f"{name}, {way}"] < 2e-5


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in NAMES]
)
def test_sums_gather_no_rows(name, found):
    assert (found[f"{name}, gathers"] == 0) == (name.endswith("sums") or name == "cosine")
