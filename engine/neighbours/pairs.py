"""Comparison of neighbour tables, and scores of all pairs of tables in one compiled call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ..base import Threads, centred, check_k, count_cores, namespace, on_host, pair, scalar, use_numpy
from ..gram import prepare
from .bounds import NeighbourMetric
from .lookup import Lookup, lookup
from .search import Neighbours, check_metric, neighbours
from .tables import find_table

# Up to this k, all k^2 pairs of neighbours of a row are compared, which vectorises; k log k look-ups do not.
MAX_K_BRUTE_FORCE = 64

# Jobs of each core into which the pairs of models are divided.
JOBS = 4

Table = TypeVar("Table")


def pair_tables(x: Any, y: Any, *, k: int, metric: NeighbourMetric, centre: bool) -> tuple[list[Lookup], Any]:
    """Find the neighbours in two representations of the same samples.

    Args:
        x: [n, d1], see `hyle.engine.as_array`.
        y: [n, d2].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        centre: whether to subtract the column means first.

    Returns:
        The two tables, NumPy arrays where `on_host` returns these, and a bool scalar, whether all entries of x and y
        are finite.

    Raises:
        ValueError: an unknown metric, k out of range, different numbers of rows.
        TypeError: not real numbers.

    Warns:
        UserWarning: a representation is constant or not finite.
    """
    check_metric(metric)
    rows = pair(x, y, least=2, warn=True)
    check_k(k, len(rows[0]))
    first, second = on_host(*rows)
    xp = namespace(first, second)
    finite = xp.isfinite(first).all() & xp.isfinite(second).all()
    with np.errstate(all="ignore"):  # rows that are not finite
        return [lookup(sets(centred(v)[0] if centre else v, k, metric)) for v in (first, second)], finite


def sets(x: jax.Array, k: int, metric: NeighbourMetric) -> Neighbours:
    """Find the k nearest neighbours of every row, as sets.

    The order of cosine and inner-product neighbours may be wrong by rounding errors.

    Args:
        x: floating [n, d].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
    """
    if isinstance(x, jax.core.Tracer) or jax.default_backend() != "cpu":
        return neighbours(x, k, metric)
    prepared = prepare(np.asarray(x) if use_numpy(x) else x)
    if isinstance(prepared.points, jax.core.Tracer):  # of a constant inside `jax.jit`, which other threads cannot trace
        return neighbours(x, k, metric)
    return find_table(prepared, k, metric)


def stack(tables: Sequence[Table]) -> Table:
    """Stack tables of the same shape along a leading axis of models."""
    return jax.tree.map(lambda *leaves: namespace(*leaves).stack(leaves), *tables)


def stack_each(tables: Iterable[Table], m: int) -> Table:
    """Return what `stack` does, of m tables that are computed one after the other and kept in the result only."""
    remaining = iter(tables)
    first = next(remaining)
    if namespace(*jax.tree.leaves(first)) is not np:
        return stack([first, *remaining])
    whole = jax.tree.map(lambda leaf: np.empty((m, *leaf.shape), leaf.dtype), first)
    for model, table in enumerate(itertools.chain([first], remaining)):
        for into, leaf in zip(jax.tree.leaves(whole), jax.tree.leaves(table), strict=True):
            into[model] = leaf
    return whole


def all_pairs(score: Callable[[Any, Any], tuple[Any, Any]], tables: Any, others: Any = None) -> Any:
    """Compute the score of every pair of tables, including each table with itself.

    Args:
        score: function of tables a and b that returns the scores of (a, b) and of (b, a), two scalars, so that
            intermediates of both orders are computed once. Arrays [...] in place of scalars give [m, m, ...].
        tables: a pytree of arrays with a leading axis of m models.
        others: the same, for the second table of each pair; default ``tables``.

    Returns:
        [m, m], entry (a, b) with x = a and y = b. Pairs are processed one after the other: memory is that of a single
        score. NumPy tables are scored in NumPy, one pair on each core, and nothing is compiled.
    """
    m = len(jax.tree.leaves(tables)[0])
    first, second = np.triu_indices(m)
    if namespace(*jax.tree.leaves((tables, others))) is np:
        models = [jax.tree.map(lambda leaf, at=at: leaf[at], tables) for at in range(m)]
        seconds = models if others is None else [jax.tree.map(lambda leaf, at=at: leaf[at], others) for at in range(m)]
        scores = each_pair(lambda a, b: score(models[a], seconds[b]), first, second)
        forward, backward = (np.stack([np.asarray(value) for value in side]) for side in zip(*scores, strict=True))
        values = np.zeros((m, m, *forward.shape[1:]), forward.dtype)
        values[second, first] = backward
        values[first, second] = forward
        return values
    sides = (tables, tables if others is None else others)

    def of_pair(ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return score(*(jax.tree.map(lambda leaf, at=at: leaf[at], side) for at, side in zip(ends, sides, strict=True)))

    forward, backward = jax.lax.map(of_pair, (jnp.asarray(first, jnp.int32), jnp.asarray(second, jnp.int32)))
    empty = jnp.zeros((m, m, *forward.shape[1:]), forward.dtype)
    return empty.at[second, first].set(backward).at[first, second].set(forward)


def each_pair(score: Callable[[int, int], Any], first: np.ndarray, second: np.ndarray) -> list[Any]:
    """Score pairs of models in threads, each of which scores several.

    Args:
        score: function of the indices of two models.
        first: int [p].
        second: int [p].

    Returns:
        p scores.
    """
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    size = max(1, len(pairs) // (JOBS * count_cores()))
    with Threads() as pool:
        parts = pool.map(lambda at: [score(*ends) for ends in pairs[at : at + size]], range(0, len(pairs), size))
        return [value for part in parts for value in part]


def count_common(a: Any, b: Any) -> Any:
    """Count the neighbours that two tables [k, n] have in common, of all rows together; see `position`."""
    if namespace(a, b) is not np or len(b) > MAX_K_BRUTE_FORCE:
        return (position(a, b) >= 0).sum(dtype=jnp.int32)
    equal = np.empty(a.shape, bool)
    return np.int32(sum(int(np.count_nonzero(np.equal(a, indices, out=equal))) for indices in b))


def relabelled(order: jax.Array, indices: jax.Array, *beside: jax.Array, ascending: bool = False) -> list[jax.Array]:
    """Permute the samples of neighbour tables: row order[i] becomes row i, in columns and in neighbour indices.

    Args:
        order: int32 [n], a permutation.
        indices: int32 [..., k, n], with the neighbours of row i in column i.
        beside: arrays [..., k, n], values that belong to the neighbours.
        ascending: whether to sort the neighbours of each row by index. More than `MAX_K_BRUTE_FORCE` neighbours are
            sorted in any case, as `position` requires.

    Returns:
        The permuted ``indices``, and each of ``beside``.
    """
    inverse = jnp.zeros_like(order).at[order].set(jnp.arange(len(order), dtype=order.dtype), unique_indices=True)
    permuted = [inverse[indices[..., order]], *(values[..., order] for values in beside)]
    if ascending or indices.shape[-2] > MAX_K_BRUTE_FORCE:
        return list(jax.lax.sort(permuted, dimension=indices.ndim - 2, num_keys=1))
    return permuted


def position(a: Any, b: Any) -> Any:
    """Find the positions of the neighbours of one table in another.

    Args:
        a: int32 [k, n], with the distinct neighbours of row i in column i.
        b: the same, ascending in each column.

    Returns:
        int32 [k, n], such that ``b[position[p, i], i] == a[p, i]``; -1 for neighbours that are not in b.

    Rows are along the last axis, so that comparisons are between whole vectors. Cost O(n k^2) up to
    `MAX_K_BRUTE_FORCE` neighbours and O(n k log k) beyond; memory O(n k).
    """
    k, n = b.shape
    xp = namespace(a, b)
    if k > MAX_K_BRUTE_FORCE:
        found, where = Lookup(b.T, b.T).find(xp.broadcast_to(xp.arange(n, dtype=b.dtype), a.shape), a)
        return xp.where(found, where, -1)
    if xp is np:
        positions = np.full(a.shape, -1, np.int32)
        for p in range(k):
            positions[a == b[p]] = p
        return positions

    def compare(p: jax.Array, positions: jax.Array) -> jax.Array:
        return jnp.where(a == b[p], p, positions)

    return jax.lax.fori_loop(0, k, compare, jnp.full_like(a, -1), unroll=8)


def share(part: Any, whole: int, dtype: Any) -> jax.Array:
    """Divide by a constant, so that whole / whole is 1, although XLA may multiply by a rounded reciprocal."""
    if isinstance(part, np.ndarray | np.generic):
        return scalar(np.asarray(part) / whole, dtype)
    all_of_it = jnp.asarray(whole, dtype)
    return jnp.where(part == all_of_it, 1, part / all_of_it)
