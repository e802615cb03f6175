"""Neighbours in the space of two representations side by side, without ever making that space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...base import BLOCK_BYTES, Threads, on_host
from ...gram import Norms, View, gram_of
from ...neighbours import candidates, candidates_on_host, measure, nearest, nearest_on_host


def joint_distances(
    views: Sequence[View],
    pairs: Sequence[tuple[int, int]],
    orders: Sequence[np.ndarray | None] = (None,),
    *,
    k: int = 2,
) -> list[list[np.ndarray | None]]:
    """Measure the k nearest neighbours of every row in the joint space of pairs of representations.

    Squared distances add up, and so do Gram products: one of each model and block serves all pairs, where each pair of
    its own would take n^2 (d_a + d_b).

    Args:
        views: of n samples.
        pairs: numbers of the two.
        orders: of the rows of the second of each pair, int [n] each, or None for those as they are.
        k: neighbours, 1 <= k <= n - 1.

    Returns:
        For each order and pair distances [n, k], nearest first, in the units of the first; None where rows lie so close
        that rounding does not tell which are the nearest.

    Cost of m n^2 d for products, and for each order as much again and m^2 n^2 / 2 for pairs; memory O(m b n), and for
    each order that of the views.
    """
    n = len(views[0].rows)
    seconds = [views if order is None else [_permuted(seen, jnp.asarray(order)) for seen in views] for order in orders]
    room = n * len(views) * (1 + len(orders)) * views[0].points.dtype.itemsize
    size = max(1, min(n, BLOCK_BYTES // room))
    jobs = [(second, a, b) for second in range(len(orders)) for a, b in pairs]
    norms = [_side_by_side(views[a].norms, seconds[second][b].norms) for second, a, b in jobs]
    found: list[list[np.ndarray] | None] = [[] for _ in jobs]
    with Threads() as pool:
        for start in range(0, n, size):
            own = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
            multiply = partial(_gram, own=own)
            first = list(pool.map(multiply, views))
            others = [first if second is views else list(pool.map(multiply, second)) for second in seconds]
            grams = {(second, a, b): (first[a], others[second][b]) for second, a, b in jobs}

            def one(job: tuple[int, int, int], joint: Any, kept: Any, own: Any = own, grams: Any = grams) -> Any:
                second, a, b = job
                return None if kept is None else _two((views[a], seconds[second][b]), joint, grams[job], own, k)

            parts = list(pool.map(one, jobs, norms, found))
            both = zip(found, parts, strict=True)
            found = [None if kept is None or part is None else [*kept, part] for kept, part in both]
    values = [None if kept is None else np.concatenate(kept)[:n] for kept in found]
    return [values[start : start + len(pairs)] for start in range(0, len(jobs), len(pairs))]


def _gram(seen: View, own: np.ndarray) -> jax.Array:
    return gram_of(seen.points, own)


def _two(
    views: tuple[View, View],
    joint: tuple[Norms, jax.Array],
    grams: tuple[jax.Array, jax.Array],
    own: np.ndarray,
    k: int,
) -> np.ndarray | None:
    (norms, factor), (gram, other) = joint, grams
    if host := on_host(gram):
        near = candidates_on_host(norms, gram, own, k, "euclidean", beside=(factor, other))
    else:
        near = _candidates(norms, gram + factor * other, own, k, "euclidean")
    vague = np.asarray(near.vague)
    if (np.asarray(near.doubtful) & vague).any():
        return None
    measured = near.rough
    if vague.any():
        first, second = (_measure(seen, own, near.indices) for seen in views)
        measured = first + factor * second
    return np.asarray((nearest_on_host if host else _nearest)(norms, own, near.indices, measured, k, "euclidean").value)


@jax.jit
def _permuted(seen: View, order: jax.Array) -> View:
    vectors = {name: value[order] for name, value in seen.norms._asdict().items() if value.ndim == 1}
    return View(seen.rows[order], seen.points[order], seen.norms._replace(**vectors))


@jax.jit
def _side_by_side(a: Norms, b: Norms) -> tuple[Norms, jax.Array]:
    """Give the norms of two representations side by side, and one unit squared of the second in those of the first."""
    factor = jnp.ldexp(jnp.ones((), a.squares.dtype), 2 * (b.exponent - a.exponent))
    norms = a._replace(
        squares=a.squares + factor * b.squares, slack=jnp.maximum(a.slack, b.slack), alike=a.alike & b.alike
    )
    return norms, factor


_candidates = jax.jit(candidates, static_argnames=("k", "metric"))
_nearest = jax.jit(nearest, static_argnames=("k", "metric"))
_measure = jax.jit(lambda seen, own, index: measure(seen, own, index, "euclidean"))
