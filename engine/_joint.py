"""Neighbours in the space of two representations side by side, without ever making that space."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ._neighbours import Candidates, Neighbours, candidates, measure, nearest
from ._pass import BLOCK_BYTES, Threads, gram_of
from ._view import Norms, View


def joint_distances(
    views: Sequence[View], pairs: Sequence[tuple[int, int]], order: np.ndarray | None = None, *, k: int = 2
) -> list[np.ndarray | None]:
    """Measure the k nearest neighbours of every row in the joint space of pairs of representations.

    Squared distances add up, and so do Gram products: one of each model and block serves all pairs, where each pair of
    its own would take n^2 (d_a + d_b). For `order` the second of each pair has its rows permuted.

    Args:
        views: of n samples.
        pairs: numbers of the two.
        order: int [n], permutation of the rows of the second, or None.
        k: neighbours, 1 <= k <= n - 1.

    Returns:
        For each pair distances [n, k], nearest first, in the units of the first; None where rows lie so close that
        rounding does not tell which are the nearest.

    Cost of m n^2 d for products and m^2 n^2 / 2 for pairs, memory O(m b n).
    """
    n = len(views[0].rows)
    seconds = list(views) if order is None else [_permuted(seen, jnp.asarray(order)) for seen in views]
    size = max(1, min(n, BLOCK_BYTES // (2 * len(views) * n * views[0].points.dtype.itemsize)))
    found: list[list[np.ndarray] | None] = [[] for _ in pairs]
    with Threads() as pool:
        for start in range(0, n, size):
            own = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
            first = list(pool.map(lambda seen, own=own: gram_of(seen.points, own), views))
            other = first if order is None else list(pool.map(lambda s, own=own: gram_of(s.points, own), seconds))

            def one(at: int, own: np.ndarray = own, first: list = first, other: list = other) -> np.ndarray | None:
                a, b = pairs[at]
                return None if found[at] is None else _two(views[a], seconds[b], first[a], other[b], own, k)

            for at, part in enumerate(pool.map(one, range(len(pairs)))):
                kept = found[at]
                if part is None:
                    found[at] = None
                elif kept is not None:
                    kept.append(part)
    return [None if parts is None else np.concatenate(parts)[:n] for parts in found]


def _two(a: View, b: View, gram_a: jax.Array, gram_b: jax.Array, own: np.ndarray, k: int) -> np.ndarray | None:
    norms, factor, near = _near(a.norms, b.norms, gram_a, gram_b, own, k)
    vague = np.asarray(near.vague)
    if (np.asarray(near.doubtful) & vague).any():
        return None
    measured = near.rough
    if vague.any():
        measured = _measure(a, own, near.indices) + factor * _measure(b, own, near.indices)
    return np.asarray(_nearest(norms, own, near.indices, measured, k).value)


@jax.jit
def _permuted(seen: View, order: jax.Array) -> View:
    vectors = {name: value[order] for name, value in seen.norms._asdict().items() if value.ndim == 1}
    return View(seen.rows[order], seen.points[order], seen.norms._replace(**vectors))


def _near_of(
    a: Norms, b: Norms, gram_a: jax.Array, gram_b: jax.Array, own: jax.Array, k: int
) -> tuple[Norms, jax.Array, Candidates]:
    factor = jnp.ldexp(jnp.ones((), gram_a.dtype), 2 * (b.exponent - a.exponent))  # of one unit squared in the other
    norms = a._replace(
        squares=a.squares + factor * b.squares, slack=jnp.maximum(a.slack, b.slack), alike=a.alike & b.alike
    )
    return norms, factor, candidates(norms, gram_a + factor * gram_b, own, k, "euclidean")


def _nearest_of(norms: Norms, own: jax.Array, index: jax.Array, measured: jax.Array, k: int) -> Neighbours:
    return nearest(norms, own, index, measured, k, "euclidean")


_near = jax.jit(_near_of, static_argnames="k")
_nearest = jax.jit(_nearest_of, static_argnames="k")
_measure = jax.jit(lambda seen, own, index: measure(seen, own, index, "euclidean"))
