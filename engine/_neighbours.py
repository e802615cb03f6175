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
        indices: int32 [n, k], nearest first, the row itself left out, ties to the lowest index.
        value: [n, k], Euclidean distance, cosine similarity or inner product, as the metric says; NaN where all rows
            are alike, so that nobody is nearer than another.
        tied: bool [n], true where the k-th and the next neighbour are equally near.
    """

    indices: jax.Array
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

    Candidates come from the Gram product, which knows a squared distance to some eps (|a|^2 + |b|^2), and are measured
    again by subtraction. A row whose k-th neighbour is not nearer, beyond that error, than all that were left out (many
    ties, or tight clusters far apart) is measured against all others, so that the order is exact always.
    Cost: one product n x n x d, and n k d for the second measurement; memory O(b n + n k) for blocks of b rows.
    """
    n, d = x.shape
    spare = min(n - 1, k + SPARE)
    product = metric == "inner_product"
    measured = unit(x) if metric == "cosine" else x
    points, exponent = (x, jnp.int32(0)) if product else centred(measured)
    # Squares of tiny or huge differences would leave the range of float32. Not centred: the mean is rounded.
    scale = jnp.ldexp(jnp.ones((), x.dtype), jnp.clip(exponent, -126, 126)) if metric == "euclidean" else 1
    measured = measured / scale
    squares = (points * points).sum(1)
    slack = 0 if product else (4 + d**0.5) * float(jnp.finfo(x.dtype).eps)
    empty = (x == 0).all(1)  # whose cosine is 0 with every row, as if the squared distance were 2
    alike = (measured == measured[0]).all()
    allowed = jnp.ones(n, bool) if where is None else where
    size = block_size(n, max(n, spare * d))

    def measure(own: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Sort candidates by their distance, measured by subtraction; ties to the lowest index."""
        mine, theirs = measured[own], measured[index]
        if product:
            exact = -jnp.einsum("bd,bcd->bc", mine, theirs, precision=HIGHEST)
        else:
            exact = ((mine[:, None, :] - theirs) ** 2).sum(-1)
        if metric == "cosine":
            exact = jnp.where(empty[own][:, None] | empty[index], 2, exact)
        lost = (index == own[:, None]) | ~allowed[index]
        exact, index = jax.lax.sort((jnp.where(lost, jnp.inf, exact), index.astype(jnp.int32)), num_keys=2)
        return exact, index

    def all_measured(own: jax.Array) -> jax.Array:
        """Find the candidates of one row by measuring every row."""
        points = jax.lax.stop_gradient(measured)  # a loop of unknown length has no reverse derivative
        exact = ((points[own] - points) ** 2).sum(1)
        if metric == "cosine":
            exact = jnp.where(empty[own] | empty, 2, exact)
        lost = (jnp.arange(n) == own) | ~allowed
        return jax.lax.top_k(-jnp.where(lost, jnp.inf, exact), spare)[1]

    def block(rows: jax.Array) -> Neighbours:
        own = jnp.minimum(rows, n - 1)
        mine = points[own]
        if product:
            far = -jnp.matmul(mine, points.T, precision=HIGHEST)
        else:
            far = squared_distances(mine, points, squares)
            if metric == "cosine":
                apart = jnp.ldexp(jnp.asarray(2, x.dtype), -2 * exponent)  # in the units of points
                far = jnp.where(empty[own][:, None] | empty[None, :], apart, far)
            far -= slack * (squares[own][:, None] + squares[None, :])  # at most the distance, whatever the rounding
        barred = (jnp.arange(n)[None, :] == own[:, None]) | ~allowed[None, :]
        nearest, index = jax.lax.top_k(-jnp.where(barred, jnp.inf, far), spare)
        if not product and spare < n - 1:
            # No slices: XLA on the CPU sorts whole rows where the result of top_k is sliced.
            most = 2 * slack * (squares[own][:, None] + squares[index]) - nearest  # at least the distance
            kth = jnp.where(jnp.arange(spare) < k, most, -jnp.inf).max(1)
            doubtful = (kth >= -nearest.min(1)) & (kth < jnp.inf)

            def one(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
                doubtful, index = state
                which = doubtful.argmax()
                return doubtful.at[which].set(False), index.at[which].set(all_measured(own[which]))

            _, index = jax.lax.while_loop(lambda state: state[0].any(), one, (doubtful, index))
        exact, index = measure(own, index)
        tied = exact[:, k - 1] == exact[:, k] if spare > k else jnp.zeros(len(rows), bool)
        kept = exact[:, :k]
        value = {
            "inner_product": -kept,
            "cosine": 1 - kept / 2,
            "euclidean": jnp.sqrt(kept) * scale,
        }[metric]
        return Neighbours(index[:, :k], jnp.where(alike, jnp.nan, value), tied)

    found = jax.lax.map(block, blocks(n, size))
    return Neighbours(*(part.reshape(-1, *part.shape[2:])[:n] for part in found))


class Lookup(NamedTuple):
    """A neighbour table sorted by index, for asking whether one row is another's neighbour.

    Args:
        indices: int32 [n, k], ascending in each row.
        value: [n, k], as in `Neighbours`.
    """

    indices: jax.Array
    value: jax.Array

    def find(self, rows: jax.Array, wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Look up neighbours by binary search, O(log k) each.

        Args:
            rows: int [...], whose neighbours.
            wanted: int [...], the neighbour looked for.

        Returns:
            (found, position): bool and int [...]; the position in the row means nothing where not found.
        """
        k = self.indices.shape[1]

        def halve(step: jax.Array, low: jax.Array) -> jax.Array:
            middle = low + (2 ** (k - 1).bit_length() >> (step + 1))
            return jnp.where((middle < k) & (self.indices[rows, jnp.minimum(middle, k - 1)] <= wanted), middle, low)

        position = jax.lax.fori_loop(0, (k - 1).bit_length(), halve, jnp.zeros_like(wanted))
        return self.indices[rows, position] == wanted, position


@jax.jit
def lookup(table: Neighbours) -> Lookup:
    """Sort a neighbour table by index."""
    return Lookup(*jax.lax.sort((table.indices, table.value), num_keys=1))
