"""Cosine similarities of rows to the neighbours that they have in two models, for many pairs of models at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base import Threads, block_size, blocks, each_row, namespace
from ...gram import gram_of
from ...neighbours import position

# Entries of the rows that NumPy gathers at once.
CHUNK = 2**21
# A product of two rows that are gathered takes as long as this many in a matrix product.
GATHERED = 12


def cosine_of_products(product: Any, first: Any, second: Any) -> Any:
    """Divide inner products by the roots of two squared lengths; 0 where one of these is 0."""
    xp = namespace(product)
    good = (first > 0) & (second > 0)
    return xp.where(good, product / (xp.sqrt(xp.where(good, first, 1)) * xp.sqrt(xp.where(good, second, 1))), 0)


def cosines_to(points: Any, index: Any, rows: Any = None) -> Any:
    """Compute the inner products of unit rows [n, d] with others.

    Args:
        points: floating [n, d].
        index: int [q, k], the others.
        rows: int [q], the rows; default all.

    Returns:
        [q, k].
    """
    (q, k), d = index.shape, points.shape[1]
    if isinstance(points, np.ndarray):
        rows = np.arange(q) if rows is None else rows
        found = np.empty((q, k), points.dtype)
        for start in range(0, q, size := max(1, CHUNK // (k * d))):
            chunk = slice(start, start + size)
            found[chunk] = np.matmul(points[index[chunk]], points[rows[chunk]][:, :, None])[:, :, 0]
        return found
    index, own = jnp.asarray(index), jnp.arange(q, dtype=jnp.int32) if rows is None else jnp.asarray(rows)

    def block(places: jax.Array) -> jax.Array:
        places = jnp.minimum(places, q - 1)
        return each_row(lambda row, others: (points[others] * points[row]).sum(1), own[places], index[places])

    return jax.lax.map(block, blocks(q, block_size(q, k * d))).reshape(-1, k)[:q]


class NeighbourCosines(NamedTuple):
    """A model of n samples with the neighbours of q of them.

    Args:
        points: [n, d], rows scaled to unit length.
        indices: int32 [q, k], neighbours, ascending.
        own: [q, k], the cosine similarities to these; NaN if all rows are equal.
    """

    points: Any
    indices: np.ndarray
    own: np.ndarray


class Pairing:
    """The rows of a second model that are compared with those of a first one.

    Args:
        order: int [n], row ``order[i]`` of the second is compared with row i of the first.
        rows: int [q], rows of the first; the second are the same rows.
        place: int [n], their positions.
    """

    def __init__(self, order: np.ndarray, rows: np.ndarray, place: np.ndarray) -> None:
        self.order, self.inverse = order, np.empty_like(order)
        self.inverse[order] = np.arange(len(order), dtype=order.dtype)
        self.second = place[order[rows]]  # position of the row that the row at a position is compared with
        self.first = np.empty_like(self.second)
        self.first[self.second] = np.arange(len(rows), dtype=self.second.dtype)


class PairedModels(NamedTuple):
    """A score to be computed: models by their number, and how their rows are paired."""

    first: int
    second: int
    pairing: Pairing
    other: NeighbourCosines  # the second, whose neighbours are in its own row numbers


def second_order_scores(
    models: Sequence[NeighbourCosines],
    rows: np.ndarray,
    jobs: Sequence[PairedModels],
    report: Callable[[int], None],
    *,
    one_by_one: bool,
) -> np.ndarray:
    """Compute the second-order cosine similarity of every row for some jobs.

    Args:
        models: m, of the same n samples.
        rows: int [q], the rows.
        jobs: the pairs of models, and how their rows are paired.
        report: called with the number of models that are done.
        one_by_one: never compute all similarities of a row, so that its score does not depend on the other rows.

    Returns:
        [len(jobs), q].

    The vector of similarities of a row has those to the neighbours in the first model, and then those to neighbours in
    the second one alone. Those of a model to its own neighbours are known. Those to the neighbours in the other one are
    taken from a block of rows of its matrix of similarities, which all jobs share, or are computed one by one if they
    are few. Cost n^2 d for each model, or q k d for each job.
    """
    dtype = np.result_type(*(model.own for model in models))
    product, first, second = np.zeros((3, len(jobs), len(rows)), dtype)
    for at, job in enumerate(jobs):
        own = models[job.first].own
        first[at] = np.einsum("ij,ij->i", own, own)

    def add(at: int, model: int, where: slice, similarity: Any, known: Any) -> None:
        pairing, other, side = jobs[at].pairing, jobs[at].other, models[jobs[at].first]
        if jobs[at].first == model:
            there = pairing.second[where]
            index = pairing.inverse[other.indices[there]]
            new = ~known(index)
            seen, beside = np.where(new, similarity(index), 0), np.where(new, other.own[there], 0)
            product[at, where] += np.einsum("ij,ij->i", seen, beside)
            first[at, where] += np.einsum("ij,ij->i", seen, seen)
            second[at, where] += np.einsum("ij,ij->i", beside, beside)
        if jobs[at].second == model:
            there = pairing.first[where]
            seen = similarity(pairing.order[side.indices[there]])
            product[at, there] += np.einsum("ij,ij->i", side.own[there], seen)
            second[at, there] += np.einsum("ij,ij->i", seen, seen)

    with Threads() as pool:
        for model, (points, indices, _) in enumerate(models):
            those = [at for at, job in enumerate(jobs) if model in (job.first, job.second)]
            sides = sum((jobs[at].first == model) + (jobs[at].second == model) for at in those)
            worth = 0 if one_by_one else GATHERED * sides
            for block in _blocks(points, indices, rows, worth):
                for _ in pool.map(lambda at, model=model, block=block: add(at, model, *block), those):
                    pass
            report(model + 1)
    return np.asarray(cosine_of_products(product, first, second))


def _blocks(points: Any, indices: np.ndarray, rows: np.ndarray, worth: int) -> Iterator[tuple[slice, Any, Any]]:
    """Yield blocks of the q rows of a model, with functions of int [b, k] that look columns up.

    Args:
        points: [n, d].
        indices: int32 [q, k], ascending.
        rows: int [q].
        worth: columns that have to be looked up in each row, in multiples of k, for the whole row to be computed.

    Yields:
        The block; the similarities of its rows to those of the given numbers; whether these are neighbours.
    """
    (q, k), n = indices.shape, len(points)
    whole = n <= worth * k
    size = block_size(q, n if whole else k)
    for start in range(0, q, size):
        where = slice(start, min(start + size, q))
        block, own = rows[where], indices[where]
        if not whole:
            gathered = np.asarray(points)
            yield (
                where,
                partial(cosines_to, gathered, rows=block),
                lambda index, own=own: position(index.T, own.T).T >= 0,
            )
            continue
        table = np.asarray(gram_of(points, block)).ravel()
        neighbour = np.zeros(len(block) * n, bool)
        begin = n * np.arange(len(block), dtype=np.int64)[:, None]
        neighbour[begin + own] = True
        yield where, partial(_taken, table, begin), partial(_taken, neighbour, begin)


def _taken(table: np.ndarray, begin: np.ndarray, index: np.ndarray) -> np.ndarray:
    return table.take(begin + index)
