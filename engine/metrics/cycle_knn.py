"""Cycle k-nearest-neighbour score."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import renamed_arguments
from ..neighbours import Lookup, NeighbourMetric, pair_tables, share, stack
from ._neighbour_metric import all_equal, build_neighbour_metric, nan_unless, neighbour_count, sorted_tables


@renamed_arguments(metric="neighbour_metric")
def cycle_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Compute the share of samples that a neighbour step in y followed by a neighbour step in x can return to.

    ``mean_i [i in union of kNN_x(j) over j in kNN_y(i)]``: from i to its k nearest neighbours in y, then from each of
    them to its k nearest neighbours in x. A row is not its own neighbour; ties are broken by the lowest index.
    Equal to the code of Huh et al., where x is the first argument.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; the space of the second step.
        y: [n, d2], row i being the same sample as row i of x; the space of the first step.
        k: number of neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first.

    Returns:
        Scalar in [0, 1]. For independent x and y it is on average ``mean_i 1 - C(n-1-d_i, k) / C(n-1, k)``, where d_i
        is the number of rows of x that have i among their neighbours: at most k^2 / (n - 1). NaN if an input is not
        finite or constant.

    Not symmetric, and not 1 for x with itself, because the neighbour relation is not symmetric. It saturates early: one
    of the k^2 paths that returns is enough. Invariant to rotation, isotropic scaling and a common permutation of rows.
    ``euclidean`` is also invariant to translation, and so is every neighbour metric with ``centre``.
    Cost O(n^2 (d1 + d2) + n k log k), memory O(b n + n k) for blocks of b rows.
    Source: Huh et al. (2024), arXiv 2405.07987; the bound: Gröger et al. (2026), arXiv 2602.14486.

    Raises:
        ValueError: x and y have different numbers of rows, k is out of range, or the neighbour metric is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.eye(4)[[0, 0, 1, 1]] + 0.1 * np.eye(4)
        >>> float(cycle_knn(x, x, k=1))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    both = stack(tables)
    returning = share(_count.pairs(both)[0, 1], len(tables[0].indices), both.value.dtype)
    return nan_unless(finite & ~all_equal(both).any(), returning)


class _Edges(NamedTuple):
    """The edges from rows to their neighbours as ascending int64 [n k], with the row in the upper 32 bits.

    Args:
        steps: from a row to its neighbours, which are in the lower bits.
        returns: to a row from those whose neighbour it is.
    """

    steps: np.ndarray
    returns: np.ndarray


def _edges(tables: Lookup, order: jax.Array | None) -> Lookup | _Edges:
    """Return the edges of tables [m, n, k] in NumPy, and in JAX the tables; see `neighbour_count`."""
    if order is not None or not isinstance(tables.indices, np.ndarray):
        return sorted_tables(tables, order)
    m, n, _ = tables.indices.shape
    to, row = tables.indices.astype(np.int64), np.arange(n, dtype=np.int64)[:, None]
    return _Edges((row << 32 | to).reshape(m, -1), np.sort((to << 32 | row).reshape(m, -1), axis=1))


def _returning(x: Any, y: Any) -> Any:
    """Count the rows to which a step in y, then in x leads back; tables or `_Edges` of both, see `_edges`."""
    if isinstance(x, _Edges):
        both = np.sort(np.concatenate([x.returns, y.steps]), kind="stable")  # which merges two sorted runs
        rows = both[:-1][both[1:] == both[:-1]] >> 32
        return np.int32(bool(len(rows)) + np.count_nonzero(np.diff(rows)))
    n, _ = y.indices.shape
    start = jnp.broadcast_to(jnp.arange(n, dtype=y.indices.dtype)[:, None], y.indices.shape)
    return x.find(y.indices, start)[0].any(1).sum(dtype=jnp.int32)


def _score(returning: np.ndarray, n: int, k: int) -> np.ndarray:
    return returning / n


def cycle_chance(table: Lookup, candidates: np.ndarray | None = None) -> float:
    """Compute the mean score over all permutations of y, from the table of x.

    For each row i it is the probability that one of k rows drawn from its candidates has i among its neighbours in x.

    Args:
        table: of x.
        candidates: int [n], the number of rows that can be neighbours of each row, at least k; default n - 1.
    """
    n, k = table.indices.shape
    among = np.full(n, n - 1) if candidates is None else candidates
    in_degree = np.bincount(np.asarray(table.indices).ravel(), minlength=n)
    missed = np.prod([np.maximum(1 - in_degree / (among - drawn), 0) for drawn in range(k)], 0)
    return float(1 - missed.mean())


_count = neighbour_count(_returning, symmetric=False, arrange=_edges)

METRICS = (
    build_neighbour_metric(
        _count,
        _score,
        name="cycle_knn",
        long_name="cycle k-NN",
        estimator="share of samples with a returning path",
        symmetric=False,
        chance_level=lambda table, context: cycle_chance(table, context.row_candidates),
        chance="1 - C(n-1-d, k) / C(n-1, k), averaged over the in-degrees d in x; at most k^2 / (n - 1)",
        meaning="For what share of samples can a neighbour step in each of the two models lead back to the start?",
        citation="Huh et al. 2024, arXiv:2405.07987",
    ),
)
