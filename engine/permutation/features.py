"""Linear kernels under permutations of the samples, from the d x d products of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ..base import AXIS, HIGHEST, copied, of_all, own_mesh, own_share, several_processes, use_numpy
from ..gram import Prepared
from .draw import AT_ONCE, Permutations


def features_permute_cheaper(n: int, widths: Sequence[int], count: int, cycles: int) -> bool:
    """Return whether permuting features takes fewer multiplications than shifting n x n kernels along cycles.

    Without cycles always, since kernels that are permuted one by one would have to be kept in memory.

    Args:
        n: rows.
        widths: columns of each representation.
        count: number of permutations.
        cycles: number of cycles along which they shift; 0 if they do not.
    """
    m, total = len(widths), sum(widths)
    return not cycles or count * total**2 < cycles * n * (total + m * (m + 1) / 2)


def permuted_feature_products(
    representations: Sequence[Prepared],
    permutations: Permutations,
    in_order: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
    *,
    mesh: Mesh | None = None,
) -> np.ndarray:
    """Compute `permuted_products` of linear kernels less the means of their off-diagonal entries, from features.

    Args:
        representations: m, of the same n samples.
        permutations: K permutations.
        in_order: bool [m, m], for each pair True where the second is to be permuted; see `MetricContext.in_order`.
        progress: called with (permutations done, total).
        mesh: devices among which the permutations are divided, with those of other processes, which all call this and
            have the result; None for one device. On a CPU only processes divide them.

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted where that is in order, else those of a.

    The rows are centred: the entries of a kernel sum to 0, those beside the diagonal to minus its trace t. With q and p
    the squared norms of the rows, the sum over i != j of (K_ij - mean)(L_ij - mean) is
    |X'Y|^2 - q.p - t_K t_L / (n (n - 1)).
    Cost K n D^2 for D columns of all models together, whose products are computed at once; memory O(n D + D^2), on each
    device. The devices' results are read once.
    """
    n, count, shared = len(representations[0].points), len(permutations), several_processes(mesh)
    squares = np.stack(jax.device_get([each.norms.squares for each in representations])).astype(np.float64)
    mean = squares.mean(1)
    residual = squares - mean[:, None]
    # q.p is split, so that its largest part is combined with the product of the traces.
    constant = np.outer(mean, mean) * n * (1 + 1 / (n - 1))
    own = own_share(range(count)) if shared else list(range(count))

    def report(done: int) -> None:
        if progress is not None:
            progress(count * done // len(own), count)

    points, orders = [each.points for each in representations], permutations.orders[own]
    numpy = all(use_numpy(rows) for rows in points)
    squared = (
        squared_norms_numpy(points, orders, report) if numpy else squared_norms_on_devices(points, orders, mesh, report)
    )
    values = np.zeros((count, *constant.shape))
    for number, order, norms in zip(own, orders, squared, strict=True):
        found = norms - residual @ residual[:, order].T - constant
        values[number] = np.where(in_order, found, found.T)
    return of_all(values).sum(0) if shared else values


def squared_norms_numpy(points: Sequence[Any], orders: np.ndarray, report: Callable[[int], None]) -> np.ndarray:
    """Compute the squared Frobenius norms of X' Y of all pairs of m models, the rows of Y in c orders; [c, m, m]."""
    together = np.concatenate([np.asarray(rows) for rows in points], 1)
    first = np.cumsum([0, *(rows.shape[1] for rows in points[:-1])])
    found = np.empty((len(orders), len(points), len(points)))
    # One after the other: the products have threads of their own.
    for done, order in enumerate(orders):
        product = together.T @ together[order]
        found[done] = np.add.reduceat(np.add.reduceat(np.square(product, dtype=np.float64), first, 0), first, 1)
        report(done + 1)
    return found


def squared_norms_on_devices(
    points: Sequence[Any], orders: np.ndarray, mesh: Mesh | None, report: Callable[[int], None]
) -> np.ndarray:
    """Compute what `squared_norms_numpy` does, each device of this process in some of the orders."""
    if not len(orders):
        return np.empty((0, len(points), len(points)))
    mesh = own_mesh(mesh, points[0])
    together = copied(jnp.concatenate([jnp.asarray(rows) for rows in points], 1), mesh)
    bounds = tuple(pairwise(np.cumsum([0, *(rows.shape[1] for rows in points)]).tolist()))
    size = min(AT_ONCE, -(-len(orders) // mesh.size)) * mesh.size
    parts = []
    for start in range(0, len(orders), size):
        # The last ones are padded to the full number, so that nothing is compiled for them.
        rows = np.minimum(np.arange(start, start + size), len(orders) - 1)
        some = jax.device_put(orders[rows], NamedSharding(mesh, PartitionSpec(AXIS)))
        parts.append(squared_norms_of_orders(together, some, mesh=mesh, bounds=bounds))
        jax.block_until_ready(parts[-1])
        report(min(start + size, len(orders)))
    return np.concatenate(jax.device_get(parts))[: len(orders)].astype(np.float64)


@partial(jax.jit, static_argnames=("mesh", "bounds"))
def squared_norms_of_orders(
    points: jax.Array, orders: jax.Array, *, mesh: Mesh, bounds: tuple[tuple[int, int], ...]
) -> jax.Array:
    """Compute the squared Frobenius norms of X' Y of all pairs of models, the rows of Y in some orders.

    Args:
        points: [n, D], the columns of m models, on every device.
        orders: int32 [c, n], divided among the devices.
        mesh: with the one axis `AXIS`.
        bounds: the first column of each model, and the one after its last.

    Returns:
        [c, m, m], divided among the devices.
    """

    def of_order(points: jax.Array, order: jax.Array) -> jax.Array:
        product = jnp.matmul(points.T, points[order], precision=HIGHEST)
        rows = jnp.stack([(product[:, low:high] ** 2).sum(1) for low, high in bounds])
        return jnp.stack([rows[:, low:high].sum(1) for low, high in bounds])

    def on_device(points: jax.Array, orders: jax.Array) -> jax.Array:
        return jax.lax.map(partial(of_order, points), orders)

    share = PartitionSpec(AXIS)
    run = jax.shard_map(on_device, mesh=mesh, in_specs=(PartitionSpec(), share), out_specs=share, check_vma=False)
    return run(points, orders)
