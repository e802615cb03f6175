"""Kernels masked to neighbours: edges in place of n x n matrices, sums over the edges that two models share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...base import HIGHEST, block_size, blocks, centred, unit
from ...neighbours import Neighbours, lookup, position
from ...permutation import Score, Shared

Similarity = Literal["cosine", "inner_product"]
# What is summed of the masked kernels P and Q of two models, P_ij standing for the similarity of i to its neighbour j:
# product sum P_ij Q_ij, trace sum P_ij Q_ji, and with their row and column sums, rows r_P . r_Q, columns c_P . c_Q,
# through c_P . r_Q = 1'PQ1, back r_P . c_Q = 1'QP1, sums (1'P1)(1'Q1).
Term = Literal["product", "trace", "rows", "columns", "through", "back", "sums"]
# What a term is once the two models change places.
_SWAPPED: Mapping[Term, Term] = {"through": "back", "back": "through"}


class Edges(NamedTuple):
    """The kernel of one representation, masked to neighbours.

    Args:
        indices: int32 [k, n], column i holding the neighbours of row i in ascending order.
        weight: [k, n], the kernel there, in units of the largest.
        mutual: bool [k, n], whether the row is in turn a neighbour of its neighbour.
    """

    indices: jax.Array
    weight: jax.Array
    mutual: jax.Array


@jax.jit
def edges(table: Neighbours) -> Edges:
    """Lay out the kernel at the neighbours of each row; NaN where all rows are alike."""
    ordered = lookup(table)
    rows = jnp.broadcast_to(jnp.arange(len(ordered.indices), dtype=ordered.indices.dtype)[:, None], table.indices.shape)
    mutual, _ = ordered.find(ordered.indices, rows)
    return Edges(ordered.indices.T, _in_range(ordered.value.T), mutual.T)


@partial(jax.jit, static_argnames="metric")
def with_self(x: jax.Array, table: Neighbours, *, metric: Similarity) -> Neighbours:
    """Let rows be their own neighbours, as in a search that does not leave them out.

    A row comes first among those equally similar to it. By cosine every row is among its own neighbours; by inner
    product a row is not, whose k others are all more similar to it than itself.
    """
    own = (x != 0).any(1).astype(x.dtype) if metric == "cosine" else (x * x).sum(1)
    rows = jnp.arange(len(x), dtype=table.indices.dtype)
    near = own >= table.value[:, -1]
    return table._replace(
        indices=table.indices.at[:, -1].set(jnp.where(near, rows, table.indices[:, -1])),
        value=table.value.at[:, -1].set(jnp.where(near, own, table.value[:, -1])),
    )


@partial(jax.jit, static_argnames=("metric", "sides"))
def recentred(x: jax.Array, edges: Edges, *, metric: Similarity, sides: Literal["rows", "both"]) -> Edges:
    """Take means of the whole kernel off it, before it is masked: those of its rows, or of rows and columns.

    With rows u_i = c_i + mean(u), K_ij = u_i . u_j less its row mean is c_i . c_j + mean(u) . c_j, and centred on both
    sides it is c_i . c_j: no term that an offset makes large. Cost O(n k d), in blocks of rows.
    """
    points, exponent = centred(unit(x) if metric == "cosine" else x)
    n, d = x.shape
    index = edges.indices.T

    def block(rows: jax.Array) -> jax.Array:
        own = jnp.minimum(rows, n - 1)
        return jnp.einsum("bd,bkd->bk", points[own], points[index[own]], precision=HIGHEST)

    size = block_size(n, index.shape[1] * d)
    weight = jax.lax.map(block, blocks(n, size)).reshape(-1, index.shape[1])[:n].T
    if sides == "rows":
        if metric == "cosine":
            # mean(u) . c_j from the lengths of unit rows, 1 or 0: as a product it would keep their rounding, which far
            # from the origin is as large as the product itself.
            squares = (points * points).sum(1)
            empty = (x == 0).all(1).astype(x.dtype)
            along = (squares.mean() - squares + jnp.ldexp(empty.sum() / n - empty, -2 * exponent)) / 2
        else:
            along = jnp.matmul(points, jnp.ldexp(x.mean(0), -exponent), precision=HIGHEST)
        weight = weight + along[edges.indices]
    return edges._replace(weight=_in_range(jnp.where(jnp.isnan(edges.weight), jnp.nan, weight)))


def _in_range(weight: jax.Array) -> jax.Array:
    """Divide by the largest: a scale cancels in every ratio, and squares and their sums stay in range."""
    largest = jax.lax.stop_gradient(jnp.abs(weight).max())
    return weight / jnp.where(largest > 0, largest, 1)


def shared_sum(a: Edges, b: Edges, terms: Mapping[Term, float]) -> tuple[jax.Array, jax.Array]:
    """Sum terms over the edges of both models, for (a, b) and (b, a).

    Cost that of `position`; a sum over columns gathers what a neighbour's row holds. Memory O(n k).
    """
    at = position(a.indices, b.indices)
    edge, at = at >= 0, jnp.maximum(at, 0)
    p = jnp.where(edge, a.weight, 0)
    q = jnp.where(edge, jnp.take_along_axis(b.weight, at, 0), 0)
    rows_p, rows_q = p.sum(0), q.sum(0)

    def total(values: jax.Array) -> jax.Array:
        return values.sum(0).sum()

    # Thunks, since each compiles to loops over all edges; what two orders share, XLA computes once.
    compute = {
        "product": lambda: total(p * q),
        "trace": lambda: total(jnp.where(a.mutual & jnp.take_along_axis(b.mutual, at, 0), p * q, 0)),
        "rows": lambda: (rows_p * rows_q).sum(),
        "columns": lambda: total(p * jnp.zeros_like(rows_q).at[a.indices].add(q)[a.indices]),
        "through": lambda: total(p * rows_q[a.indices]),
        "back": lambda: total(q * rows_p[a.indices]),
        "sums": lambda: rows_p.sum() * rows_q.sum(),
    }
    there = sum(factor * compute[term]() for term, factor in terms.items())
    back = sum(factor * compute[_SWAPPED.get(term, term)]() for term, factor in terms.items())
    return jnp.asarray(there), jnp.asarray(back)


def shared_sums(models: Edges, terms: Mapping[Term, float], count: int) -> Score:
    """Return what `shared_sum` is, of models with a leading axis, for the edges shared under each permutation.

    Args:
        models: of m models.
        terms: as there.
        count: permutations, K.

    Cost O(s) for s shared edges, and O(K n) for a sum over rows or columns.
    """
    n = models.indices.shape[-1]
    weights = np.asarray(models.weight, np.float64).reshape(len(models.weight), -1)
    mutual = np.asarray(models.mutual).reshape(len(models.mutual), -1)

    def score(a: int, b: int, shared: Shared) -> tuple[np.ndarray, np.ndarray]:
        p, q = weights[a][shared.first], weights[b][shared.second]
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
        turned: list[Term] = [_SWAPPED.get(term, term) for term in terms]
        found = {term: compute[term]() for term in {*terms, *turned}}
        factors = terms.values()
        there = sum((factor * found[term] for term, factor in zip(terms, factors, strict=True)), np.zeros(count))
        back = sum((factor * found[term] for term, factor in zip(turned, factors, strict=True)), np.zeros(count))
        return there, back

    return score


# How two edges, or two loops (a row that is its own neighbour), or one of each can lie among n samples, each with the
# power of how many ways that is: n (n - 1) ... of so many factors.
_TYPES = {
    "same": 2, "reverse": 2, "one source": 3, "one target": 3, "head to tail": 3, "tail to head": 3, "apart": 4,
    "loop on loop": 1, "loop, loop": 2, "loop, edge from": 2, "loop, edge to": 2, "loop, edge": 3,
    "edge from, loop": 2, "edge to, loop": 2, "edge, loop": 3,
}  # fmt: skip
_MEETING: Mapping[Term, tuple[str, ...]] = {
    "product": ("same", "loop on loop"),
    "trace": ("reverse", "loop on loop"),
    "rows": ("same", "one source", "loop on loop", "loop, edge from", "edge from, loop"),
    "columns": ("same", "one target", "loop on loop", "loop, edge to", "edge to, loop"),
    "through": ("reverse", "head to tail", "loop on loop", "loop, edge from", "edge to, loop"),
    "back": ("reverse", "tail to head", "loop on loop", "loop, edge to", "edge from, loop"),
    "sums": tuple(_TYPES),
}


def incidences(edges: Edges) -> np.ndarray:
    """Sum the weights of one edge over all pairs of edges of each type, float64 [2, types].

    The first row has the weight at the first edge of the pair, the second at the second.
    """
    index, weight = np.asarray(edges.indices), np.asarray(edges.weight, np.float64)
    n = index.shape[1]
    loop = index == np.arange(n)
    kernel = np.where(loop, 0, weight), np.where(loop, weight, 0).sum(0)
    mask = np.where(loop, 0.0, 1.0), loop.sum(0).astype(np.float64)
    same, reverse = kernel[0].sum(), (kernel[0] * np.asarray(edges.mutual)).sum()
    found = []
    for (p, loops_p), (q, loops_q) in ((kernel, mask), (mask, kernel)):
        rows_p, rows_q = p.sum(0), q.sum(0)
        columns_p, columns_q = (np.bincount(index.ravel(), values.ravel(), n) for values in (p, q))
        counts = {
            "same": same,
            "reverse": reverse,
            "one source": rows_p @ rows_q - same,
            "one target": columns_p @ columns_q - same,
            "head to tail": columns_p @ rows_q - reverse,
            "tail to head": rows_p @ columns_q - reverse,
            "loop on loop": loops_p @ loops_q,
            "loop, edge from": loops_p @ rows_q,
            "loop, edge to": loops_p @ columns_q,
            "edge from, loop": rows_p @ loops_q,
            "edge to, loop": columns_p @ loops_q,
        }
        edge, loops = rows_p.sum(), loops_p.sum()
        edge_q, loops_all = rows_q.sum(), loops_q.sum()
        counts["apart"] = edge * edge_q - sum(list(counts.values())[:6])
        counts["loop, loop"] = loops * loops_all - counts["loop on loop"]
        counts["loop, edge"] = loops * edge_q - counts["loop, edge from"] - counts["loop, edge to"]
        counts["edge, loop"] = edge * loops_all - counts["edge from, loop"] - counts["edge to, loop"]
        found.append([counts[name] for name in _TYPES])
    return np.array(found)


def permutation_mean(models: np.ndarray, n: int, terms: Mapping[Term, float]) -> np.ndarray:
    """Average `shared_sum` over all n! permutations of the second model's rows, exactly.

    Args:
        models: the `incidences` of m models, [m, 2, types].
        n: samples.
        terms: as in `shared_sum`.

    Returns:
        [m, m]. A product of two edges' weights counts where both are edges of both models; a permutation takes a pair
        of edges to every pair of its type equally often, so each type gives the product of the two models' sums over
        the number of its pairs.
    """
    ways = np.array([np.prod(np.arange(n, n - samples, -1.0)) for samples in _TYPES.values()])
    factor = np.array([sum(f for term, f in terms.items() if name in _MEETING[term]) for name in _TYPES])
    return (models[:, 0] * factor / np.where(ways > 0, ways, 1)) @ models[:, 1].T
