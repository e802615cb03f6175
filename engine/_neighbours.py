"""The k nearest neighbours of every row, exact, in blocks of rows."""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from ._rows import HIGHEST, block_size, blocks, centred, squared_distances, unit

NeighbourMetric = Literal["cosine", "euclidean", "inner_product"]
# Beyond the k wanted, so many candidates are measured again: the Gram product misorders near ties.
SPARE = 8


class Neighbours(NamedTuple):
    """The neighbour table of one representation.

    Args:
        index: int32 [n, k], nearest first, the row itself left out, ties to the lowest index.
        value: [n, k], Euclidean distance, cosine similarity or inner product, as the metric says.
        tied: bool [n], true where the k-th and the next neighbour are equally near.
    """

    index: jax.Array
    value: jax.Array
    tied: jax.Array


def check_metric(metric: str) -> None:
    """Raise unless this is a neighbour metric."""
    if metric not in get_args(NeighbourMetric):
        raise ValueError(f"unknown neighbour metric {metric!r}: use {', '.join(get_args(NeighbourMetric))}")


@partial(jax.jit, static_argnames=("k", "metric"))
def neighbours(
    x: jax.Array, k: int, metric: NeighbourMetric = "euclidean", where: jax.Array | None = None
) -> Neighbours:
    """Find the k nearest neighbours of every row.

    Args:
        x: floating [n, d].
        k: 1 <= k <= n - 1.
        metric: ``euclidean`` (nearest first), ``cosine`` or ``inner_product`` (most similar first). Cosine ranks unit
            rows by their distance, which keeps its digits where the similarities all lie near 1.
        where: bool [n]; rows where it is False are nobody's neighbour.

    Cost: one product n x n x d, and n k d for the second measurement; memory O(b n + n k) for blocks of b rows.
    """
    n, d = x.shape
    spare = min(n - 1, k + SPARE)
    product = metric == "inner_product"
    points = x if product else centred(unit(x) if metric == "cosine" else x)[0]
    # Only the order of distances is kept by `centred`; their size is measured on these:
    measured = x if metric != "cosine" else unit(x)
    squares = (points * points).sum(1)
    allowed = jnp.ones(n, bool) if where is None else where
    size = block_size(n, max(n, spare * d))

    def block(rows: jax.Array) -> Neighbours:
        own = jnp.minimum(rows, n - 1)
        mine = points[own]
        if product:
            far = -jnp.matmul(mine, points.T, precision=HIGHEST)
        else:
            far = squared_distances(mine, points, squares)
        barred = (jnp.arange(n)[None, :] == own[:, None]) | ~allowed[None, :]
        _, index = jax.lax.top_k(-jnp.where(barred, jnp.inf, far), spare)
        theirs = measured[index]
        if product:
            exact = -jnp.einsum("bd,bcd->bc", measured[own], theirs, precision=HIGHEST)
        else:
            exact = ((measured[own][:, None, :] - theirs) ** 2).sum(-1)
        lost = (index == own[:, None]) | ~allowed[index]
        exact, index = jax.lax.sort((jnp.where(lost, jnp.inf, exact), index.astype(jnp.int32)), num_keys=2)
        tied = exact[:, k - 1] == exact[:, k] if spare > k else jnp.zeros(len(rows), bool)
        kept = exact[:, :k]
        value = {"inner_product": -kept, "cosine": 1 - kept / 2, "euclidean": jnp.sqrt(kept)}[metric]
        return Neighbours(index[:, :k], value, tied)

    found = jax.lax.map(block, blocks(n, size))
    return Neighbours(*(part.reshape(-1, *part.shape[2:])[:n] for part in found))


class Lookup(NamedTuple):
    """A neighbour table sorted by index, for asking whether one row is another's neighbour.

    Args:
        index: int32 [n, k], ascending in each row.
        value: [n, k], as in `Neighbours`.
    """

    index: jax.Array
    value: jax.Array

    def find(self, rows: jax.Array, wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Look up neighbours by binary search, O(log k) each.

        Args:
            rows: int [...], whose neighbours.
            wanted: int [...], the neighbour looked for.

        Returns:
            (found, position): bool and int [...]; the position in the row means nothing where not found.
        """
        k = self.index.shape[1]

        def halve(step: jax.Array, low: jax.Array) -> jax.Array:
            middle = low + (2 ** (k - 1).bit_length() >> (step + 1))
            return jnp.where((middle < k) & (self.index[rows, jnp.minimum(middle, k - 1)] <= wanted), middle, low)

        position = jax.lax.fori_loop(0, (k - 1).bit_length(), halve, jnp.zeros_like(wanted))
        return self.index[rows, position] == wanted, position


@jax.jit
def lookup(table: Neighbours) -> Lookup:
    """Sort a neighbour table by index."""
    return Lookup(*jax.lax.sort((table.index, table.value), num_keys=1))
