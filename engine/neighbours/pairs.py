"""Neighbour tables side by side, and scores of all pairs of them in one compiled call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ..base import centred, check_k, pair
from ..gram import prepare
from .search import Lookup, NeighbourMetric, Neighbours, check_metric, lookup, neighbours
from .tables import find_table

# Up to so many neighbours each is compared with each: k^2 comparisons a row vectorise, k log k look-ups do not.
MAX_K_BRUTE_FORCE = 64

Table = TypeVar("Table")


def pair_tables(x: Any, y: Any, *, k: int, metric: NeighbourMetric, centre: bool) -> tuple[list[Lookup], jax.Array]:
    """Find the neighbours of two representations of the same samples.

    Returns:
        the two tables, and whether all that came in is finite.

    Raises:
        ValueError: an unknown metric, k out of range, different numbers of rows.
    """
    check_metric(metric)
    rows = pair(x, y, least=2)
    check_k(k, len(rows[0]))
    finite = jnp.isfinite(rows[0]).all() & jnp.isfinite(rows[1]).all()
    return [lookup(sets(centred(v)[0] if centre else v, k, metric)) for v in rows], finite


def sets(x: jax.Array, k: int, metric: NeighbourMetric) -> Neighbours:
    """Find the k nearest neighbours of every row, as sets; x floating [n, d]."""
    if isinstance(x, jax.core.Tracer) or jax.default_backend() != "cpu":
        return neighbours(x, k, metric)
    return find_table(prepare(x), k, metric)


def stack(tables: Sequence[Table]) -> Table:
    """Put a leading axis of models on tables of one shape."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *tables)


def all_pairs(score: Callable[[Any, Any], tuple[jax.Array, jax.Array]], tables: Any, others: Any = None) -> jax.Array:
    """Score every pair of tables, each with itself too.

    Args:
        score: of tables a and b; returns the scalars of (a, b) and of (b, a), so that what both orders share is
            computed once.
        tables: a tree of arrays whose leading axis is that of the m models.
        others: the same of the second of each pair; default the same tables.

    Returns:
        [m, m], entry (a, b) with x = a and y = b. One pair after the other: memory is that of a single score.
    """
    m = len(jax.tree.leaves(tables)[0])
    first, second = np.triu_indices(m)
    sides = (tables, tables if others is None else others)

    def one(ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return score(*(jax.tree.map(lambda leaf, at=at: leaf[at], side) for at, side in zip(ends, sides, strict=True)))

    there, back = jax.lax.map(one, (jnp.asarray(first, jnp.int32), jnp.asarray(second, jnp.int32)))
    return jnp.zeros((m, m), there.dtype).at[second, first].set(back).at[first, second].set(there)


def relabelled(order: jax.Array, indices: jax.Array, *beside: jax.Array, ascending: bool = False) -> list[jax.Array]:
    """Compare the rows of neighbour tables with others: row order[i] takes place i, and whom it names the same way.

    Args:
        order: int32 [n].
        indices: int32 [..., k, n], column i holding the neighbours of row i.
        beside: [..., k, n], what belongs to each neighbour.
        ascending: whether the neighbours of a row are to be in ascending order again, as `position` wants more than
            `MAX_K_BRUTE_FORCE` of them in any case.
    """
    inverse = jnp.zeros_like(order).at[order].set(jnp.arange(len(order), dtype=order.dtype), unique_indices=True)
    found = [inverse[indices[..., order]], *(part[..., order] for part in beside)]
    if ascending or indices.shape[-2] > MAX_K_BRUTE_FORCE:
        return list(jax.lax.sort(found, dimension=indices.ndim - 2, num_keys=1))
    return found


def position(a: jax.Array, b: jax.Array) -> jax.Array:
    """Find the neighbours in one table among those in another.

    Args:
        a: int32 [k, n], column i holding the neighbours of row i, each once.
        b: the same, ascending in each column.

    Returns:
        int32 [k, n], such that ``b[position[p, i], i] == a[p, i]``; -1 where there is none.

    Rows lie along the last axis, so that each comparison is one of whole vectors. Cost O(n k^2) up to
    `MAX_K_BRUTE_FORCE` neighbours and O(n k log k) beyond; memory O(n k).
    """
    k, n = b.shape
    if k > MAX_K_BRUTE_FORCE:
        found, at = Lookup(b.T, b.T).find(jnp.broadcast_to(jnp.arange(n, dtype=b.dtype), a.shape), a)
        return jnp.where(found, at, -1)

    def compare(at: jax.Array, found: jax.Array) -> jax.Array:
        return jnp.where(a == b[at], at, found)

    return jax.lax.fori_loop(0, k, compare, jnp.full_like(a, -1), unroll=8)


def share(part: jax.Array, whole: int, dtype: Any) -> jax.Array:
    """Divide by a constant such that the whole gives 1, where XLA would multiply by a rounded inverse."""
    return part / jax.lax.optimization_barrier(jnp.asarray(whole, dtype))
