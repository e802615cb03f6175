"""Correlations of distances under permutations of the samples, without sorting the distances again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...base import Threads
from ...context import NULL, MetricContext
from ...permutation import DIAGONALS, Permutations, shifted_products
from .kendall import OrderedPairs, tau_a


def shifted_correlations(
    context: MetricContext, arrays: Sequence[Any], permutations: Permutations, vector: Callable[[Any], np.ndarray]
) -> np.ndarray:
    """Compute inner products of vectors over pairs of samples under permutations along cycles.

    Args:
        context: m models of n samples.
        arrays: the m matrices [n, d_m] from which the vectors are computed.
        permutations: K permutations along cycles.
        vector: of the rows of a model; returns [n // 2 * n], entry (s - 1) n + i for rows i and i + s modulo n, 0 for
            the second occurrence of a pair.

    Returns:
        [K, m, m] in float64, symmetric, see `MetricContext.symmetrise`.

    Cost O(n^2 m^2) for each cycle beyond that of the vectors, memory O(n^2 m).
    """
    n, cycles = context.n, permutations.cycles

    def arranged(arrangement: np.ndarray) -> list[np.ndarray]:
        vectors = []
        for x in arrays:
            rows = vector(x[arrangement]).reshape(n // 2, n)
            padded = np.pad(rows, ((0, DIAGONALS), (0, 0)))
            if n % 2 == 0:  # every pair of this shift occurs twice
                padded[n // 2 - 1, n // 2 :] = rows[-1, : n // 2]
            vectors.append(padded)
        return vectors

    report, first, products = context.stage_callback(NULL), arranged(cycles[0].first), []
    for done, cycle in enumerate(cycles):
        sides = {id(cycle.first): first}
        if cycle.second is not cycle.first:
            sides[id(cycle.second)] = arranged(cycle.second)

        def diagonals(model: int, arrangement: np.ndarray, start: int, size: int, sides: Any = sides) -> jax.Array:
            return jnp.asarray(sides[id(arrangement)][model][start - 1 : start - 1 + size])

        def progress(part: int, total: int, done: int = done) -> None:
            report(done * total + part, len(cycles) * total)

        along = Permutations(cycle.orders, (cycle,))
        products.append(shifted_products([diagonals], context.m, n, along, progress=progress))

    # The sum is over both triangles of the matrix, whereas one triangle has norm 1.
    return context.symmetrise(np.concatenate(products) / 2)


def permuted_taus(
    context: MetricContext,
    permutations: Permutations,
    ordered: Callable[[Any], OrderedPairs],
    *,
    held: bool,
    together: bool,
) -> np.ndarray:
    """Compute tau-a of distances under permutations of the samples.

    Args:
        context: m models of n samples.
        permutations: K permutations, of any kind.
        ordered: of the rows of a model.
        held: keep the order of the distances of all models instead of computing it for every pair of models.
        together: compute several permutations concurrently.

    Returns:
        [K, m, m] in float64, symmetric.

    Cost O(K m^2 n^2 log n): each permutation looks up the ranks of the permuted model and counts their inversions.
    """
    n, report = context.n, context.stage_callback(NULL)
    pairs = np.argwhere(context.in_order)
    values = np.empty((len(permutations), context.m, context.m))
    kept = [ordered(x) for x in context.arrays] if held else None
    with Threads(None if together else 1) as pool:
        for done, (a, b) in enumerate(pairs, 1):
            first, second = (ordered(context.arrays[i]) if kept is None else kept[i] for i in (a, b))
            ranks = _square(second.rank, n)
            shift, row = np.divmod(first.order, n)
            other = (row + shift + 1) % n

            def of_order(
                order: np.ndarray,
                sides: tuple[OrderedPairs, OrderedPairs] = (first, second),
                at: tuple[np.ndarray, np.ndarray] = (row, other),
                ranks: np.ndarray = ranks,
            ) -> float:
                return tau_a(*sides, ranks[order[at[0]], order[at[1]]])

            values[:, a, b] = values[:, b, a] = list(pool.map(of_order, permutations.orders))
            report(done, len(pairs))
    return values


def _square(rank: np.ndarray, n: int) -> np.ndarray:
    """Arrange ranks of pairs [n (n - 1) / 2] as a symmetric matrix [n, n]."""
    shift, row = np.divmod(np.arange(len(rank)), n)
    other = (row + shift + 1) % n
    square = np.zeros((n, n), rank.dtype)
    square[row, other] = square[other, row] = rank
    return square
