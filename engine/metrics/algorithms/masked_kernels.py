"""Kernels masked to neighbours, stored as edges instead of n x n matrices, and sums over the edges two models share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base import HIGHEST, block_size, blocks, centred, namespace, unit
from ...neighbours import MAX_K_BRUTE_FORCE, Lookup, Neighbours, lookup, position
from ...permutation import Score, Shared

Similarity = Literal["cosine", "inner_product"]
# Sums over the masked kernels P and Q of two models, where P_ij is the similarity of i to its neighbour j, and r and c
# are row and column sums: product sum P_ij Q_ij, trace sum P_ij Q_ji, rows r_P . r_Q, columns c_P . c_Q,
# through c_P . r_Q = 1'PQ1, back r_P . c_Q = 1'QP1, sums (1'P1)(1'Q1).
Term = Literal["product", "trace", "rows", "columns", "through", "back", "sums"]
# The term that a term becomes when the two models are swapped.
_SWAPPED: Mapping[Term, Term] = {"through": "back", "back": "through"}
# Rows of which NumPy handles the edges at once.
ROWS = 2**14
# Weights are divided by the largest where it is not within this factor of 1.
RANGE = 2.0**10
# Entries that are compared at once to find whether rows are neighbours of their neighbours.
CHUNK = 2**20


class Edges(NamedTuple):
    """The kernel of one representation, masked to neighbours.

    Args:
        indices: int32 [k, n], column i containing the neighbours of row i in ascending order.
        weight: [k, n], the entries of the kernel, in units of the largest.
        mutual: bool [k, n], whether the row is also a neighbour of its neighbour.
    """

    indices: Any
    weight: Any
    mutual: Any


def edges(table: Neighbours) -> Edges:
    """Return the kernel at the neighbours of each row, in JAX or NumPy; NaN if all rows are equal."""
    return (_edges if isinstance(table.indices, np.ndarray) else _compiled_edges)(table)


def _edges(table: Neighbours) -> Edges:
    return edges_of(lookup(table))


def edges_of(ordered: Lookup) -> Edges:
    """Return what `edges` does, of a table that is sorted by index; in NumPy the arrays of the table where they do."""
    (n, k), xp = ordered.indices.shape, namespace(ordered.indices)
    every = xp.arange(n, dtype=ordered.indices.dtype)[:, None]
    if xp is np and k <= MAX_K_BRUTE_FORCE:
        mutual = np.empty((n, k), bool)
        for start in range(0, n, size := max(1, CHUNK // k**2)):
            rows = slice(start, start + size)
            mutual[rows] = (ordered.indices[ordered.indices[rows]] == every[rows, :, None]).any(2)
    else:
        mutual, _ = ordered.find(ordered.indices, xp.broadcast_to(every, (n, k)))
    return Edges(ordered.indices.T, _in_range(ordered.value.T), mutual.T)


_compiled_edges = jax.jit(_edges)


def with_self(x: Any, table: Neighbours, *, metric: Similarity, rows: np.ndarray | None = None) -> Neighbours:
    """Include each row among its own neighbours, as in a search that does not exclude the row itself.

    Args:
        x: [n, d], all rows.
        table: of these rows.
        metric: the similarity.
        rows: int32 [q], the rows that the table belongs to, for a table in NumPy; default all.

    A row is nearer to itself than other rows of equal similarity. By cosine every row is among its own neighbours; by
    inner product it is not if all its k neighbours are more similar to it than the row itself.
    """
    if isinstance(table.indices, np.ndarray):
        x = np.asarray(x) if rows is None else np.asarray(x[rows])
        self_similarity = (x != 0).any(1).astype(x.dtype) if metric == "cosine" else (x * x).sum(1)
        near = np.flatnonzero(self_similarity >= table.value[:, -1])
        indices, value = np.array(table.indices), np.array(table.value)
        indices[near, -1], value[near, -1] = near if rows is None else rows[near], self_similarity[near]
        return table._replace(indices=indices, value=value)
    return _compiled_with_self(x, table, metric=metric)


@partial(jax.jit, static_argnames="metric")
def _compiled_with_self(x: jax.Array, table: Neighbours, *, metric: Similarity) -> Neighbours:
    self_similarity = (x != 0).any(1).astype(x.dtype) if metric == "cosine" else (x * x).sum(1)
    rows = jnp.arange(len(x), dtype=table.indices.dtype)
    near = self_similarity >= table.value[:, -1]
    return table._replace(
        indices=table.indices.at[:, -1].set(jnp.where(near, rows, table.indices[:, -1])),
        value=table.value.at[:, -1].set(jnp.where(near, self_similarity, table.value[:, -1])),
    )


def recentred(
    x: Any, edges: Edges, *, metric: Similarity, sides: Literal["rows", "both"], rows: np.ndarray | None = None
) -> Edges:
    """Subtract the means of the unmasked kernel from the masked one: its row means, or its row and column means.

    With rows u_i = c_i + mean(u), subtracting the row mean of K_ij = u_i . u_j leaves c_i . c_j + mean(u) . c_j, and
    centring both sides leaves c_i . c_j: no term grows with an offset of the rows. Cost O(n k d), in blocks of rows.

    Args:
        x: [n, d], all rows.
        edges: of these rows; the neighbours are kept.
        metric: the similarity that is the kernel.
        sides: means to subtract: those of the ``rows``, or ``both`` those of the rows and those of the columns.
        rows: int [q], the rows that the edges belong to, for edges in NumPy; default all.
    """
    if isinstance(edges.indices, np.ndarray):
        return _recentred(np.asarray(x), edges, metric, sides, rows)
    return _compiled_recentred(x, edges, metric, sides)


def _recentred(
    x: Any, edges: Edges, metric: Similarity, sides: Literal["rows", "both"], rows: np.ndarray | None = None
) -> Edges:
    xp = namespace(x, edges.indices)
    points, exponent = centred(unit(x) if metric == "cosine" else x)
    weight = _products(points if rows is None else points[rows], points, edges.indices.T).T
    if sides == "rows":
        if metric == "cosine":
            # mean(u) . c_j from the norms of the unit rows, which are 1 or 0. A product would contain their rounding,
            # which far from the origin is as large as the product itself.
            squares = (points * points).sum(1)
            empty = (x == 0).all(1).astype(x.dtype)
            along = (squares.mean() - squares + xp.ldexp(empty.sum() / len(x) - empty, -2 * exponent)) / 2
        else:
            precision = {} if xp is np else {"precision": HIGHEST}
            along = xp.matmul(points, xp.ldexp(x.mean(0), -exponent), **precision)
        weight = weight + along[edges.indices]
    return edges._replace(weight=_in_range(xp.where(xp.isnan(edges.weight), xp.nan, weight)))


_compiled_recentred = jax.jit(_recentred, static_argnames=("metric", "sides"))


def _products(source: Any, points: Any, index: Any) -> Any:
    """Compute the inner products [q, k] of rows [q, d] with the points [n, d] at indices [q, k], in blocks of rows."""
    (n, d), k = source.shape, index.shape[1]
    size = block_size(n, k * d)
    if isinstance(points, np.ndarray):
        parts = [slice(start, start + size) for start in range(0, n, size)]
        return np.concatenate([np.matmul(points[index[part]], source[part, :, None])[..., 0] for part in parts])

    def block(rows: jax.Array) -> jax.Array:
        query = jnp.minimum(rows, n - 1)
        return jnp.einsum("bd,bkd->bk", source[query], points[index[query]], precision=HIGHEST)

    return jax.lax.map(block, blocks(n, size)).reshape(-1, k)[:n]


def _in_range(weight: Any) -> Any:
    """Divide by the largest weight: the scale cancels in every ratio, and squares and their sums stay in range.

    In NumPy, which adds in float64, only where the largest is far from 1.
    """
    xp = namespace(weight)
    if xp is np:
        largest = max(abs(weight.max()), abs(weight.min()))
        if 1 / RANGE < largest < RANGE:
            return weight
    else:
        largest = jax.lax.stop_gradient(xp.abs(weight).max())
    return weight / xp.where(largest > 0, largest, 1)


def shared_sum(a: Edges, b: Edges, terms: Mapping[Term, float]) -> tuple[jax.Array, jax.Array]:
    """Sum terms over the edges that both models share, for (a, b) and (b, a).

    Args:
        a: edges of the first model.
        b: edges of the second model.
        terms: factor of each term.

    Returns:
        The two sums, scalars.

    Cost as for `position`, plus gathers at the neighbours for sums over columns; memory O(n k).
    """
    at = position(a.indices, b.indices)
    edge, at = at >= 0, jnp.maximum(at, 0)
    p = jnp.where(edge, a.weight, 0)
    q = jnp.where(edge, jnp.take_along_axis(b.weight, at, 0), 0)
    rows_p, rows_q = p.sum(0), q.sum(0)

    def total(values: jax.Array) -> jax.Array:
        return values.sum(0).sum()

    # Functions, so that only the requested terms are compiled; XLA computes what the two directions share once.
    compute = {
        "product": lambda: total(p * q),
        "trace": lambda: total(jnp.where(a.mutual & jnp.take_along_axis(b.mutual, at, 0), p * q, 0)),
        "rows": lambda: (rows_p * rows_q).sum(),
        "columns": lambda: total(p * jnp.zeros_like(rows_q).at[a.indices].add(q)[a.indices]),
        "through": lambda: total(p * rows_q[a.indices]),
        "back": lambda: total(q * rows_p[a.indices]),
        "sums": lambda: rows_p.sum() * rows_q.sum(),
    }
    forward = sum(factor * compute[term]() for term, factor in terms.items())
    backward = sum(factor * compute[_SWAPPED.get(term, term)]() for term, factor in terms.items())
    return jnp.asarray(forward), jnp.asarray(backward)


def shared_sum_numpy(a: Edges, b: Edges, terms: Mapping[Term, float]) -> tuple[float, float]:
    """Return what `shared_sum` does, in float64, from sums over some of the rows at a time; NumPy version.

    Memory O(n + b k) for b rows, beside the edges.
    """
    n = a.indices.shape[1]
    rows, columns = np.zeros((2, n)), np.zeros((2, n))
    found: dict[Term, float] = {"product": 0.0, "trace": 0.0}
    for start in range(0, n, ROWS):
        chunk = slice(start, start + ROWS)
        one, other = (Edges(*(np.ascontiguousarray(leaf[:, chunk]) for leaf in edges)) for edges in (a, b))
        at = position(one.indices, other.indices)
        place, column = np.nonzero(at >= 0)
        there, target = at[place, column], one.indices[place, column]
        weights = [np.asarray(w, np.float64) for w in (one.weight[place, column], other.weight[there, column])]
        product = weights[0] * weights[1]
        found["product"] += product.sum()
        found["trace"] += product[one.mutual[place, column] & other.mutual[there, column]].sum()
        for side, weight in enumerate(weights):
            rows[side, chunk] = np.bincount(column, weight, one.indices.shape[1])
            columns[side] += np.bincount(target, weight, n)
    found |= {"rows": rows[0] @ rows[1], "columns": columns[0] @ columns[1], "through": columns[0] @ rows[1]}
    found |= {"back": rows[0] @ columns[1], "sums": rows[0].sum() * rows[1].sum()}
    forward = sum(factor * found[term] for term, factor in terms.items())
    return float(forward), float(sum(factor * found[_SWAPPED.get(term, term)] for term, factor in terms.items()))


def shared_sums(models: Edges, terms: Mapping[Term, float], count: int) -> Score:
    """Build the NumPy version of `shared_sum` for the edges that two models share under each permutation.

    Args:
        models: edges of m models, with a leading axis of models.
        terms: as in `shared_sum`.
        count: number of permutations, K.

    Returns:
        Function of the indices of two models and their shared edges; returns the two sums, [K] each. Cost O(s) for s
        shared edges, and O(K n) for a sum over rows or columns.
    """
    n = models.indices.shape[-1]
    weights = np.asarray(models.weight).reshape(len(models.weight), -1)
    mutual = np.asarray(models.mutual).reshape(len(models.mutual), -1)

    def score(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
        p, q = (np.asarray(w, np.float64) for w in (weights[a][shared.first], weights[b][shared.second]))
        source, target = (shared.number.astype(np.int64) * n + end for end in (shared.source, shared.target))

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(shared.number, values, count)

        def at(ends: np.ndarray, values: np.ndarray) -> np.ndarray:
            return np.bincount(ends, values, count * n)

        compute: Mapping[Term, Callable[[], np.ndarray]] = {
            "product": lambda: total(p * q),
            "trace": lambda: total(p * q * (mutual[a][shared.first] & mutual[b][shared.second])),
            "rows": lambda: total(p * at(source, q)[source]),
            "columns": lambda: total(p * at(target, q)[target]),
            "through": lambda: total(p * at(source, q)[target]),
            "back": lambda: total(q * at(source, p)[target]),
            "sums": lambda: total(p) * total(q),
        }
        swapped: list[Term] = [_SWAPPED.get(term, term) for term in terms]
        sums = {term: compute[term]() for term in {*terms, *swapped}}
        factors = terms.values()
        forward = sum((factor * sums[term] for term, factor in zip(terms, factors, strict=True)), np.zeros(count))
        backward = sum((factor * sums[term] for term, factor in zip(swapped, factors, strict=True)), np.zeros(count))
        return forward, backward

    return score
