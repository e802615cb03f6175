"""The d x d products of features on a mesh of devices, each of which has a share of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations_with_replacement, pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ..base import AXIS, HIGHEST, several_processes, shared_out, wait_for_processes, width_classes


def feature_products_on_mesh(points: Sequence[Any], mesh: Mesh) -> np.ndarray:
    """Compute what `feature_products` does, on the devices of one process or of several, which all call this.

    Args:
        points: m, centred, [n, d_m]. All processes have all of them, and send to their devices only the rows of these.
        mesh: its axes do not matter, only its devices.

    Returns:
        [m, m] in float64, in all processes.

    Sums of products are added over the devices pair by pair, so that results differ with their number by the order in
    which they are added. Cost n d_a d_b / D for each pair on D devices, memory O(n d m / D + d_a d_b) on each. The
    result is read once.
    """
    mesh = Mesh(mesh.devices.reshape(-1), (AXIS,))
    order, classes = width_classes([x.shape[1] for x in points])
    size = -(-len(points[0]) // mesh.size)
    shares = tuple(shared_out([points[order[at]] for at in members], width, size, mesh) for width, members in classes)
    if several_processes(mesh):
        products_of_shares.lower(shares, mesh=mesh).compile()
        wait_for_processes("hyle features")
    found = np.asarray(jax.device_get(products_of_shares(shares, mesh=mesh)), np.float64)
    position = np.argsort(order)
    return found[np.ix_(position, position)]


@partial(jax.jit, static_argnames=("mesh",))
def products_of_shares(shares: tuple[jax.Array, ...], *, mesh: Mesh) -> jax.Array:
    """Compute the squared Frobenius norms of X' Y for every pair of models.

    Args:
        shares: for each width the points of its g models, [g, rows of all devices, width], divided along the rows.
        mesh: with the one axis `AXIS`.

    Returns:
        [m, m], symmetric, on every device; models in the order of their widths.
    """
    divided = PartitionSpec(None, AXIS)
    run = jax.shard_map(_on_device, mesh=mesh, in_specs=(divided,), out_specs=PartitionSpec(), check_vma=False)
    return run(shares)


def _on_device(shares: tuple[jax.Array, ...]) -> jax.Array:
    bounds = list(pairwise(np.cumsum([0, *(len(share) for share in shares)]).tolist()))
    values, done = jnp.zeros((bounds[-1][1],) * 2, shares[0].dtype), jnp.zeros((), shares[0].dtype)
    for one, other in combinations_with_replacement(range(len(shares)), 2):
        first, second = (np.arange(*bounds[at], dtype=np.int32) for at in (one, other))
        pairs = np.stack(np.meshgrid(first, second, indexing="ij"), -1).reshape(-1, 2)
        pairs = pairs[pairs[:, 0] <= pairs[:, 1]]

        def squared_norm(pair: jax.Array, one: int = one, other: int = other) -> jax.Array:
            x, y = shares[one][pair[0] - bounds[one][0]], shares[other][pair[1] - bounds[other][0]]
            product = jax.lax.psum(jnp.matmul(x.T, y, precision=HIGHEST), AXIS)
            return (product * product).sum()

        # Not before the sums of the last pairs: on a CPU, two sums over devices that do not depend on each other may
        # begin in different orders on different devices, which then wait for each other for ever.
        after = jnp.where(done == -jnp.inf, 0, pairs)
        found = jax.lax.map(squared_norm, after)
        done = found[-1]
        values = values.at[pairs[:, 0], pairs[:, 1]].set(found).at[pairs[:, 1], pairs[:, 0]].set(found)
    return values
