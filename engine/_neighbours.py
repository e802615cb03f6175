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
# Where these do not suffice, rows are measured against all others, so many at a time.
DOUBTFUL_ROWS = 16


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
    measured = jnp.ldexp(measured, -exponent)  # as points, but without the rounding of the mean
    squares = (points * points).sum(1)
    slack = 0 if product else (4 + d**0.5) * float(jnp.finfo(x.dtype).eps)
    # The cosine of a row of zeros is 0 with every row: the squared distance 2, in the units of points.
    empty = (x == 0).all(1) if metric == "cosine" else jnp.zeros(n, bool)
    apart = jnp.ldexp(jnp.asarray(2, x.dtype), -2 * exponent)
    allowed = jnp.ones(n, bool) if where is None else where
    size = block_size(n, max(n, spare * d))

    def measure(own: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Distances by subtraction, sorted, and the candidates in that order; ties to the lowest index."""
        mine, theirs = measured[own], measured[index]
        if product:
            exact = -jnp.einsum("bd,bcd->bc", mine, theirs, precision=HIGHEST)
        else:
            exact = ((mine[:, None, :] - theirs) ** 2).sum(-1)
        exact = jnp.where(empty[own][:, None] | empty[index], apart, exact)
        lost = (index == own[:, None]) | ~allowed[index]
        return jax.lax.sort((jnp.where(lost, jnp.inf, exact), index.astype(jnp.int32)), num_keys=2)

    def all_measured(own: jax.Array) -> jax.Array:
        """The candidates of one row when every row is measured."""
        exact = ((measured[own] - measured) ** 2).sum(1)
        exact = jnp.where(empty[own] | empty, apart, exact)
        lost = (jnp.arange(n) == own) | ~allowed
        return jax.lax.top_k(-jnp.where(lost, jnp.inf, exact), spare)[1]

    def block(rows: jax.Array) -> Neighbours:
        own = jnp.minimum(rows, n - 1)
        mine = points[own]
        if product:
            far = -jnp.matmul(mine, points.T, precision=HIGHEST)
        else:
            far = squared_distances(mine, points, squares)
            far = jnp.where(empty[own][:, None] | empty[None, :], apart, far)
            far -= slack * (squares[own][:, None] + squares[None, :])  # at most the distance, whatever the rounding
        barred = (jnp.arange(n)[None, :] == own[:, None]) | ~allowed[None, :]
        nearest, candidates = jax.lax.top_k(-jnp.where(barred, jnp.inf, far), spare)
        exact, index = measure(own, candidates)

        if not product and spare < n - 1:
            doubtful = jax.lax.stop_gradient((exact[:, k - 1] >= -nearest[:, -1]) & (exact[:, k - 1] < jnp.inf))

            def some(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
                doubtful, index = state
                _, which = jax.lax.top_k(doubtful.astype(jnp.int32), min(DOUBTFUL_ROWS, len(own)))
                index = index.at[which].set(jax.lax.map(all_measured, own[which]))
                return doubtful.at[which].set(False), index

            exact, index = jax.lax.cond(
                doubtful.any(),
                lambda: measure(own, jax.lax.while_loop(lambda state: state[0].any(), some, (doubtful, index))[1]),
                lambda: (exact, index),
            )
        tied = exact[:, k - 1] == exact[:, k] if spare > k else jnp.zeros(len(rows), bool)
        kept = exact[:, :k]
        value = {
            "inner_product": -kept,
            "cosine": 1 - jnp.ldexp(kept, 2 * exponent) / 2,
            "euclidean": jnp.ldexp(jnp.sqrt(kept), exponent),
        }[metric]
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
