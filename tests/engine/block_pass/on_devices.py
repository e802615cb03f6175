"""Run the pass on meshes of several devices, and compare what it computes with one device; prints JSON.

Usage: python -m tests.engine.block_pass.on_devices quick|more, with XLA_FLAGS=--xla_force_host_platform_device_count=8.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from hyle.engine import compare, device_mesh
from hyle.engine.block_pass import PassPlan, run_pass, run_query_pass
from hyle.engine.block_pass import mesh as mesh_module
from hyle.engine.gram import Prepared, feature_products, median_of_prepared, prepare
from hyle.engine.gram.features_on_mesh import feature_products_on_mesh
from hyle.engine.neighbours import find_table
from hyle.engine.permutation import draw, permuted_products, permuted_ranks
from hyle.engine.permutation.features import squared_norms_numpy, squared_norms_on_devices
from hyle.engine.permutation.ranks_on_devices import rank_sums_on_devices

N, K = 203, 10  # divisible by none of the numbers of devices
WIDTHS = (20, 70, 40, 64)
PLAN = PassPlan(("linear", "rbf", "distance"), (("cosine", K), ("euclidean", 32)), 2, ordered=32)
# What is tried on how many devices. Every program takes seconds to compile, so that most are for `make thorough`.
WAYS: dict[str, dict[int, tuple[str, ...]]] = {
    "quick": {1: ("whole", "blocks"), 3: ("whole", "columns", "column queries")},
    "more": {2: ("whole", "queries", "columns"), 3: ("whole", "blocks"), 8: ("whole",)},
}


def arrays(n: int = N) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    common = generator.normal(size=(n, 6))
    found = [common @ generator.normal(size=(6, d)) + generator.normal(size=(n, d)) for d in WIDTHS]
    found[1][:9] = found[1][20]  # equal rows
    found[2] += 1e4  # far from the origin
    found[3] = np.rint(found[3])  # many equal distances
    return [rows.astype(np.float32) for rows in found]


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference in units of the largest value."""
    scale = np.nanmax(np.abs(expected))
    return float(np.nanmax(np.abs(found - expected)) / (scale or 1))


def differences(found: Any, expected: Any) -> dict[str, float]:
    """Return how far two results of a pass are apart: tables and ranks as the share that differs."""
    result: dict[str, float] = {}
    for kernel, sums in expected.sums.items():
        for name, value in sums._asdict().items():
            result[f"{kernel} {name}"] = apart(getattr(found.sums[kernel], name), value)
    pairs = [(found.tables[metric], tables, metric) for metric, tables in expected.tables.items()]
    if getattr(expected, "distinct", None):
        pairs.append((found.distinct, expected.distinct, "distinct"))
    for one, other, metric in pairs:
        result[f"{metric} neighbours"] = float(
            np.mean([np.mean(a.indices != b.indices) for a, b in zip(one, other, strict=True)])
        )
        result[f"{metric} ties"] = float(np.mean([np.mean(a.tied != b.tied) for a, b in zip(one, other, strict=True)]))
        result[f"{metric} values"] = max(apart(a.value, b.value) for a, b in zip(one, other, strict=True))
    for name in ("ranks", "rank_sums"):
        if getattr(expected, name, None) is not None:
            result[name] = float(np.mean(getattr(found, name) != getattr(expected, name)))
    return result


class _Reads:
    """Counts how often arrays are read by the host."""

    def __init__(self) -> None:
        self.count, self._kind = 0, type(jnp.zeros(1))
        self._original = jax.device_get

    def __enter__(self) -> _Reads:
        def device_get(value: Any) -> Any:
            self.count += 1
            self._allow()
            found = self._original(value)
            self._forbid()
            return found

        names = ("__array__", "__int__", "__float__", "__bool__", "__index__", "tolist", "item")
        self._methods = {name: getattr(self._kind, name) for name in names}
        self._functions = {name: getattr(np, name) for name in ("asarray", "array", "stack", "ascontiguousarray")}
        jax.device_get = device_get
        self._forbid()
        return self

    def _forbid(self) -> None:
        def read(*_: Any) -> None:
            raise AssertionError("an array was read one by one")

        for name in self._methods:
            setattr(self._kind, name, read)
        # NumPy reads the buffer of an array on a CPU and calls no method of it.
        for name, function in self._functions.items():
            setattr(np, name, _refusing(function))

    def _allow(self) -> None:
        for name, method in self._methods.items():
            setattr(self._kind, name, method)
        for name, function in self._functions.items():
            setattr(np, name, function)

    def __exit__(self, *_: Any) -> None:
        jax.device_get = self._original
        self._allow()


def _refusing(function: Any) -> Any:
    """Return a function of NumPy that refuses JAX arrays."""

    def call(value: Any, *args: Any, **options: Any) -> Any:
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(each, jax.Array) and not isinstance(each, jax.core.Tracer) for each in values):
            raise AssertionError("an array was read one by one")
        return function(value, *args, **options)

    return call


class Divided:
    """What is divided among devices beside the pass: products of features, and the null distributions of two metrics.

    Args:
        prepared: models, the last with many ties.
    """

    def __init__(self, prepared: list[Prepared]) -> None:
        self.permutations, self.some = draw(N, 11), [prepared[0], prepared[-1]]
        self.points = [each.points for each in prepared]
        tables = [find_table(each, 2, "euclidean") for each in self.some]
        self.tables = [np.asarray(table.indices) for table in tables]
        orders = self.permutations.orders
        permuted = [find_table(prepare(self.some[1].rows[order]), 2, "euclidean") for order in orders]
        self.tied = {1: np.stack([np.asarray(table.indices) for table in permuted])}
        self.first = np.array([[True, True], [False, True]])
        of_one_device = feature_products(prepared), squared_norms_numpy(self.points, orders, lambda _: None)
        ranks = permuted_ranks(self.some, self.tables, self.permutations, self.first, tied=self.tied)
        self.expected = dict(zip(("features", "null features", "null ranks"), (*of_one_device, ranks), strict=True))

    def on(self, mesh: Mesh, *, on_device: bool = False) -> dict[str, Callable[[], np.ndarray]]:
        """Return functions that compute these on the devices of a mesh, from rows that are there or on the host."""
        points, some = (jax.tree.map(jnp.asarray, each) if on_device else each for each in (self.points, self.some))
        orders, ranks = self.permutations.orders, (self.tables, self.permutations, self.first, None, self.tied, mesh)
        return {
            "features": lambda: feature_products_on_mesh(points, mesh),
            "null features": lambda: squared_norms_on_devices(points, orders, mesh, lambda _: None),
            "null ranks": lambda: rank_sums_on_devices(some, *ranks) / (N * 2),
        }

    def differences(self, mesh: Mesh, alone: dict[str, np.ndarray], *, on_device: bool) -> dict[str, dict[str, float]]:
        """Return how far what several devices compute is from NumPy and from one device, and how often it is read."""
        found = {}
        for name, function in self.on(mesh, on_device=on_device).items():
            with _Reads() as reads:
                value = function()
            differ = float(np.mean(value != alone[name]))
            found[name] = {"apart": apart(value, self.expected[name]), "differ": differ, "reads": reads.count}
        # Of the model with ties, whose distances are exact.
        exact = value[:, :, 1] == self.expected[name][:, :, 1]
        found[name]["ties differ"] = float(np.mean(~exact))
        return found


def main() -> None:
    """Print what differs, for each number of devices, and the number of host reads."""
    prepared = [prepare(x) for x in arrays()]
    sigmas = [median_of_prepared(each) for each in prepared]
    rows = np.sort(np.random.default_rng(1).choice(N, 61, replace=False)).astype(np.int32)
    group, tables = (np.arange(61) % 5).astype(np.int32), PassPlan((), PLAN.tables, PLAN.ranks, ordered=32)
    masks = [None, np.arange(N) % 3 > 0, None, np.arange(N) >= 9]

    def both(mesh: Mesh | None) -> tuple[Any, Any]:
        whole = run_pass(prepared, PLAN, sigmas=sigmas, mesh=mesh)
        return whole, run_query_pass(prepared, tables, rows, group, distinct=(7, masks), mesh=mesh)

    on_device = [jax.tree.map(jnp.asarray, each) for each in prepared], [jnp.asarray(sigma) for sigma in sigmas]
    held, (whole, some) = mesh_module.HELD_SHARE, both(None)
    one_device = both(device_mesh(1))
    found: dict[str, Any] = {
        "without a mesh": {"whole": differences(one_device[0], whole), "queries": differences(one_device[1], some)}
    }
    divided = Divided(prepared)
    alone = {name: function() for name, function in divided.on(device_mesh(1)).items()}
    for count, ways in WAYS[sys.argv[1]].items():
        mesh = Mesh(np.array(jax.devices()[:count]).reshape(1, -1), ("a", "b"))
        stops: list[tuple[int, int]] = []
        # Rows that are on a device, as they are on an accelerator; several devices have rows of the host.
        rows_of = on_device if count == 1 else (prepared, sigmas)
        with _Reads() as reads:
            once = run_pass(rows_of[0], PLAN, sigmas=rows_of[1], mesh=mesh)
        results = {"whole": differences(once, one_device[0])}
        if "blocks" in ways:
            blocks = run_pass(
                prepared, PLAN, sigmas=sigmas, mesh=mesh, block=7, progress=lambda *at, stops=stops: stops.append(at)
            )
            results["blocks"] = differences(blocks, one_device[0])
        if "queries" in ways:
            queries = run_query_pass(prepared, tables, rows, group, distinct=(7, masks), mesh=mesh, block=13)
            results["queries"] = differences(queries, one_device[1])
        mesh_module.HELD_SHARE = 0  # so that each device has only its columns
        if "columns" in ways:
            block = 20 if count == 3 else None
            columns = run_pass(prepared, PLAN, sigmas=sigmas, mesh=mesh, block=block)
            results["columns"] = differences(columns, one_device[0])
        if "column queries" in ways:
            queries = run_query_pass(prepared, tables, rows, group, distinct=(7, masks), mesh=mesh, block=13)
            results["column queries"] = differences(queries, one_device[1])
        mesh_module.HELD_SHARE = held
        found[f"{count}"] = {**results, "reads": reads.count, "stops": stops}
        found[f"{count}"]["divided"] = divided.differences(mesh, alone, on_device=count == 1)
    if sys.argv[1] == "quick":
        found |= compared() | {"within groups": within_groups(prepared, sigmas)}
    print(json.dumps(found))


def within_groups(prepared: list[Prepared], sigmas: list[Any]) -> float:
    """Return how far kernels permuted within groups on three devices are from those on one, compiled for either."""
    kernels = importlib.import_module("hyle.engine.permutation.kernels")
    permutations, kept = draw(N, 19, groups=[i // 29 for i in range(N)]), kernels.MAX_ENTRIES
    kernels.MAX_ENTRIES = 0
    several, one = (
        permuted_products(prepared, "rbf", np.zeros(len(prepared)), permutations, sigmas=sigmas, mesh=mesh)
        for mesh in (device_mesh(3), None)
    )
    kernels.MAX_ENTRIES = kept
    return apart(several, one)


def compared() -> dict[str, Any]:
    """Return how far the scores of a comparison on three devices are from those without a mesh."""
    given = {f"model {i}": x for i, x in enumerate(arrays(150))}
    options: dict[str, Any] = {
        "metrics": ["cka", "cka_rbf", "distance_correlation", "mutual_knn", "cknna", "information_imbalance",
                    "cycle_knn", "intrinsic_dimension"],
        "k": K, "permutations": 30, "jackknife_groups": 5,
    }  # fmt: skip
    one, several = compare(given, **options), compare(given, mesh=device_mesh(3), **options)
    numbers = [name for name in one.data_vars if one[name].dtype.kind == "f"]
    found: dict[str, Any] = {"devices": int(several.attrs["devices"])}
    found["compare"] = {name: apart(several[name].values, one[name].values) for name in numbers}
    drawn = {"metrics": ["cka", "mutual_knn", "cknna", "information_imbalance"], "k": K, "queries": 100}
    one, several = compare(given, **drawn), compare(given, mesh=device_mesh(3), **drawn)
    numbers = [name for name in one.data_vars if one[name].dtype.kind == "f"]
    found["queries"] = {name: apart(several[name].values, one[name].values) for name in numbers}
    return found


if __name__ == "__main__":
    main()
