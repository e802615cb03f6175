"""Compile the engine's programs ahead of time for an accelerator that is not here, and print what they are.

Usage: python programs.py cuda|tpu FOLDER, with the folder into which jax-cuda12-plugin and jax-cuda12-pjrt, or libtpu,
were installed. Prints JSON: for each program its bytes of temporary memory, and the shapes that it sorts.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

PLATFORM, FOLDER = sys.argv[1:]
sys.path.insert(0, FOLDER)
os.environ |= {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost"}
os.environ["TPU_LIBRARY_PATH"] = f"{FOLDER}/libtpu/libtpu.so"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.experimental import topologies  # noqa: E402
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding  # noqa: E402

# The engine decides by the platform what it compiles; this process computes nothing.
jax.default_backend = lambda: {"cuda": "gpu"}.get(PLATFORM, PLATFORM)

from hyle.engine.base import AXIS  # noqa: E402
from hyle.engine.block_pass.mesh_layout import Inputs, Layout  # noqa: E402
from hyle.engine.block_pass.mesh_program import run_blocks  # noqa: E402
from hyle.engine.block_pass.plan import PassPlan  # noqa: E402
from hyle.engine.block_pass.run import count_ranks, products_of_kernels  # noqa: E402
from hyle.engine.gram import Norms, Prepared, median, prepared  # noqa: E402
from hyle.engine.gram.features_on_mesh import products_of_shares  # noqa: E402
from hyle.engine.losses import (  # noqa: E402
    cka_loss,
    cknna_loss,
    distance_correlation_loss,
    information_imbalance_loss,
    relational_loss,
    soft_neighbour_loss,
)
from hyle.engine.neighbours import search  # noqa: E402
from hyle.engine.permutation.features import squared_norms_of_orders  # noqa: E402
from hyle.engine.permutation.ranks_on_devices import ROWS, Pairings, rank_sums  # noqa: E402

# Facts of an H100 with 80 GB, by its data sheet and the CUDA programming guide.
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
  shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 8 patch: 0 }
runtime_version { major: 12 minor: 8 patch: 0 } device_description_str: "NVIDIA H100 80GB HBM3"
"""
# Samples, columns, models and rows of a block; k of both tables.
N, D, M, B, K = 100_000, 512, 4, 512, {"cosine": 25, "euclidean": 50}
# Permutations.
K_NULL = 200
EVERYWHERE = PartitionSpec()
LOSSES: tuple[Callable[..., Any], ...] = (
    cka_loss,
    partial(cka_loss, kernel="rbf"),
    partial(cknna_loss, k=10),
    distance_correlation_loss,
    information_imbalance_loss,
    relational_loss,
    soft_neighbour_loss,
)


def devices(count: int) -> Any:
    """Return one or four devices."""
    if PLATFORM == "cuda":
        return topologies.get_topology_desc(platform="cuda", target_config=H100, topology=f"1x1x{count}").devices
    if count == 1:
        return topologies.get_topology_desc("v5e:1x1x1", platform="tpu", chips_per_host_bounds=[1, 1, 1]).devices
    return topologies.get_topology_desc("v5e:2x2", platform="tpu").devices


def passes() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Yield the programs of the pass over all pairs, and over queries, on one and on four devices."""
    plan = PassPlan(("linear", "rbf", "distance"), tuple(K.items()), 1, ordered=32)
    for count in (1, 4):
        mesh = Mesh(np.array(devices(count)), (AXIS,))
        shaped = partial(sharded, mesh)
        kinds = [("all", plan, N, 0), ("queries", replace(plan, kernels=()), 20_000, 50)]
        for precision in ("tf32x3", "bf16x3")[PLATFORM == "tpu" :] if count == 1 else ():
            kinds.append((f"all, {precision}", replace(plan, precision=precision), N, 0))
        for name, chosen, q, distinct in kinds:
            for held in (True, False) if count > 1 and not distinct else (True,):
                share = -(-q // count) if held else q
                layout = Layout(q, 1, distinct, count, -(-share // B), B, 16, held)

                norms = jax.eval_shape(prepared._prepared, jax.ShapeDtypeStruct((N, D), jnp.float32))[1]
                rows = (shaped(M, -(-N // count) * count, D, spec=PartitionSpec(None, AXIS)),)
                whole = (
                    shaped(q, dtype=jnp.int32),
                    shaped(q, dtype=jnp.int32),
                    shaped(M, N * bool(distinct), dtype=bool),
                )
                stacked = Norms(*(shaped(M, *leaf.shape, dtype=leaf.dtype) for leaf in norms))
                inputs = Inputs(rows, rows, stacked, shaped(M), *whole)
                run = partial(run_blocks, mesh=mesh, plan=chosen, layout=layout)
                how = "" if held else ", columns"
                yield f"pass, {name}, {count}{how}", run, (inputs, shaped(dtype=jnp.int32))


def sharded(mesh: Mesh, *shape: int, dtype: Any = jnp.float32, spec: Any = EVERYWHERE) -> jax.ShapeDtypeStruct:
    """Return a shape on the devices of a mesh."""
    return jax.ShapeDtypeStruct(shape, dtype, sharding=NamedSharding(mesh, spec))


def features_and_nulls() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Yield the programs of products of features and of permutations, on one and on four devices."""
    norms = jax.eval_shape(prepared._prepared, jax.ShapeDtypeStruct((N, D), jnp.float32))[1]
    for count in (1, 4):
        mesh = Mesh(np.array(devices(count)), (AXIS,))
        shaped, divided = partial(sharded, mesh), PartitionSpec(AXIS)
        shares = tuple(shaped(M, N, width, spec=PartitionSpec(None, AXIS)) for width in (D // 2, D))
        yield f"features, {count}", partial(products_of_shares, mesh=mesh), (shares,)
        bounds = tuple((D * model, D * (model + 1)) for model in range(M))
        orders = shaped(8 * count, N, dtype=jnp.int32, spec=divided)
        run = partial(squared_norms_of_orders, mesh=mesh, bounds=bounds)
        yield f"null, features, {count}", run, (shaped(N, M * D), orders)
        one = Prepared(shaped(N, D), shaped(N, D), Norms(*(shaped(*leaf.shape, dtype=leaf.dtype) for leaf in norms)))
        starts = shaped(-(-N // ROWS // count) * count, dtype=jnp.int32, spec=divided)
        for ties in (False, True):
            tied = shaped(int(ties), K_NULL, N, 1, dtype=jnp.int32)
            pairings = Pairings(shaped(2, K_NULL, N, dtype=jnp.int32), shaped(M, N, 1, dtype=jnp.int32), tied)
            ranked = partial(rank_sums, mesh=mesh, block=ROWS, ties=ties)
            name = f"null, ranks{', ties' * ties}, {count}"
            yield name, ranked, (one, pairings, shaped(M, dtype=bool), starts)


def programs() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Yield the name, the function and the shapes of the arguments of each program."""

    def shaped(*shape: int, dtype: Any = jnp.float32) -> Any:
        return jax.ShapeDtypeStruct(shape, dtype)

    rows, query, gram = shaped(N, D), shaped(B, dtype=jnp.int32), shaped(B, N)
    points, norms = jax.eval_shape(prepared._prepared, rows)
    one = Prepared(rows, points, norms)
    stacked = Norms(*(shaped(M, *leaf.shape, dtype=leaf.dtype) for leaf in norms))
    yield "prepare", prepared._prepared, (rows,)
    yield "product", lambda one, query: one.gram(query), (one, query)
    for metric, k in K.items():
        yield f"neighbours, {metric}", partial(search, k=k, metric=metric), (one, gram, query)
    start = shaped(dtype=jnp.int32)
    yield "median, distances", lambda one, start: median._distances(one, start, 256), (one, start)
    far, end = shaped(256, N // 2 + 256), shaped()
    yield "median, selection", partial(median._compacted, room=2**16), (far, end, end)
    near, table = shaped(B, M, dtype=jnp.int32), shaped(B, K["euclidean"], dtype=jnp.int32)
    yield "ranks", count_ranks, (norms, gram, query, near, table)
    for kernel in ("linear", "rbf", "distance"):
        task = shaped(B // 2, dtype=jnp.int32)
        products = partial(products_of_kernels, kernels=(kernel,))
        arguments = (stacked, [gram] * M, task), shaped(M), shaped(dtype=jnp.int32)
        yield (
            f"kernel, {kernel}",
            lambda first, sigmas, at, products=products: products(*first, sigmas=sigmas, at=at),
            arguments,
        )
    for loss in LOSSES:
        name = getattr(loss, "__name__", None) or f"{loss.func.__name__} {loss.keywords}"
        yield f"gradient of {name}", jax.value_and_grad(loss), (shaped(256, 384), shaped(256, 512))


def main() -> None:
    """Compile all programs and print what they are."""
    sharding, found = SingleDeviceSharding(devices(1)[0]), {}

    def placed(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding or sharding)

    for name, function, shapes in chain(programs(), passes(), features_and_nulls()):
        compiled = jax.jit(function).lower(*jax.tree.map(placed, shapes)).compile()
        memory = compiled.memory_analysis()
        sorts = re.findall(r"= \(?\w+\[([\d,]+)\][^=]*? sort\(", compiled.as_text())
        found[name] = {"temporary": int(memory.temp_size_in_bytes), "sorts": [shape.split(",") for shape in sorts]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
