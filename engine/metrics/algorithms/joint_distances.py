"""Neighbour distances in the joint space of two representations, without concatenating them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...base import BLOCK_BYTES, Threads, use_numpy
from ...gram import Norms, Prepared, gram_of
from ...neighbours import candidates, candidates_numpy, exact_distances, select_k_nearest, select_k_nearest_numpy


def joint_distances(
    representations: Sequence[Prepared],
    pairs: Sequence[tuple[int, int]],
    orders: Sequence[np.ndarray | None] = (None,),
    *,
    k: int = 2,
) -> list[list[np.ndarray | None]]:
    """Compute the distances of every row to its k nearest neighbours in the joint space of pairs of representations.

    Squared distances in the joint space are sums, and so are Gram products: one product per model and block serves all
    pairs, instead of n^2 (d_a + d_b) for each pair.

    Args:
        representations: m prepared representations of n samples.
        pairs: indices of the two representations of each pair.
        orders: orders of the rows of the second of each pair, int [n] each; None leaves them unchanged.
        k: number of neighbours, 1 <= k <= n - 1.

    Returns:
        For each order and each pair, distances [n, k], nearest first, in the units of the first representation. None if
        rows are so close that the nearest ones cannot be determined because of rounding.

    Cost m n^2 d for products, and for each order the same again plus m^2 n^2 / 2 for the pairs; memory O(m b n), plus
    one permuted copy of the representations for each order.
    """
    n = len(representations[0].rows)
    seconds = [
        representations if order is None else [_permuted(prepared, jnp.asarray(order)) for prepared in representations]
        for order in orders
    ]
    room = n * len(representations) * (1 + len(orders)) * representations[0].points.dtype.itemsize
    size = max(1, min(n, BLOCK_BYTES // room))
    jobs = [(second, a, b) for second in range(len(orders)) for a, b in pairs]
    norms = [_joint_norms(representations[a].norms, seconds[second][b].norms) for second, a, b in jobs]
    blocks: list[list[np.ndarray] | None] = [[] for _ in jobs]
    with Threads() as pool:
        for start in range(0, n, size):
            query = np.minimum(np.arange(start, start + size, dtype=np.int32), n - 1)
            multiply = partial(_gram, query=query)
            first = list(pool.map(multiply, representations))
            others = [first if second is representations else list(pool.map(multiply, second)) for second in seconds]
            grams = {(second, a, b): (first[a], others[second][b]) for second, a, b in jobs}

            def measure(
                job: tuple[int, int, int], joint: Any, kept: Any, query: Any = query, grams: Any = grams
            ) -> Any:
                if kept is None:
                    return None
                second, a, b = job
                return _block_distances((representations[a], seconds[second][b]), joint, grams[job], query, k)

            parts = list(pool.map(measure, jobs, norms, blocks))
            both = zip(blocks, parts, strict=True)
            blocks = [None if kept is None or part is None else [*kept, part] for kept, part in both]
    values = [None if kept is None else np.concatenate(kept)[:n] for kept in blocks]
    return [values[start : start + len(pairs)] for start in range(0, len(jobs), len(pairs))]


def _gram(prepared: Prepared, query: np.ndarray) -> jax.Array:
    return gram_of(prepared.points, query)


def _block_distances(
    representations: tuple[Prepared, Prepared],
    joint: tuple[Norms, jax.Array],
    grams: tuple[jax.Array, jax.Array],
    query: np.ndarray,
    k: int,
) -> np.ndarray | None:
    (norms, factor), (gram, other) = joint, grams
    if host := use_numpy(gram):
        near = candidates_numpy(norms, gram, query, k, "euclidean", beside=(factor, other))
    else:
        near = _candidates(norms, gram + factor * other, query, k, "euclidean")
    imprecise = np.asarray(near.imprecise)
    if (np.asarray(near.incomplete) & imprecise).any():
        return None
    measured = near.approx_distance
    if imprecise.any():
        first, second = (_exact_distances(prepared, query, near.indices) for prepared in representations)
        measured = first + factor * second
    return np.asarray(
        (select_k_nearest_numpy if host else _select_k_nearest)(
            norms, query, near.indices, measured, k, "euclidean"
        ).value
    )


@jax.jit
def _permuted(prepared: Prepared, order: jax.Array) -> Prepared:
    vectors = {name: value[order] for name, value in prepared.norms._asdict().items() if value.ndim == 1}
    return Prepared(prepared.rows[order], prepared.points[order], prepared.norms._replace(**vectors))


@jax.jit
def _joint_norms(a: Norms, b: Norms) -> tuple[Norms, jax.Array]:
    """Return the norms of the joint space, and the factor from squared units of the second to those of the first."""
    factor = jnp.ldexp(jnp.ones((), a.squares.dtype), 2 * (b.exponent - a.exponent))
    norms = a._replace(
        squares=a.squares + factor * b.squares,
        gram_rtol=jnp.maximum(a.gram_rtol, b.gram_rtol),
        all_equal=a.all_equal & b.all_equal,
        one_apart=a.all_equal & b.all_equal,
    )
    return norms, factor


_candidates = jax.jit(candidates, static_argnames=("k", "metric"))
_select_k_nearest = jax.jit(select_k_nearest, static_argnames=("k", "metric"))
_exact_distances = jax.jit(lambda prepared, query, index: exact_distances(prepared, query, index, "euclidean"))
