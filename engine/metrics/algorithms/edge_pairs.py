"""The exact mean of sums over shared edges under permutations, from the relative positions of two edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .masked_kernels import Edges, Term

# Relative positions of two edges, of two loops (a row that is its own neighbour), or of one of each.
_TYPES = (
    "same", "reverse", "one source", "one target", "head to tail", "tail to head", "disjoint",
    "loop on loop", "loop, loop", "loop, edge from", "loop, edge to", "loop, edge",
    "edge from, loop", "edge to, loop", "edge, loop",
)  # fmt: skip
_MEETING: Mapping[Term, tuple[str, ...]] = {
    "product": ("same", "loop on loop"),
    "trace": ("reverse", "loop on loop"),
    "rows": ("same", "one source", "loop on loop", "loop, edge from", "edge from, loop"),
    "columns": ("same", "one target", "loop on loop", "loop, edge to", "edge to, loop"),
    "through": ("reverse", "head to tail", "loop on loop", "loop, edge from", "edge to, loop"),
    "back": ("reverse", "tail to head", "loop on loop", "loop, edge to", "edge from, loop"),
    "sums": _TYPES,
}


def incidences(edges: Edges) -> np.ndarray:
    """Sum the weight of one edge of a pair over all pairs of edges of each type, float64 [2, types].

    Row 0 sums the weights of the first edge of each pair, row 1 those of the second.
    """
    index, weight = np.asarray(edges.indices), np.asarray(edges.weight, np.float64)
    n = index.shape[1]
    loop = index == np.arange(n)
    beside = np.where(loop, 0, weight) if loop.any() else weight
    same, reverse = beside.sum(), beside[np.asarray(edges.mutual)].sum()

    def columns(values: np.ndarray) -> np.ndarray:
        return np.bincount(index.ravel(), values.ravel(), n)

    return pair_types(
        weight,
        loop,
        same=float(same),
        reverse=float(reverse),
        rows=lambda u, v: float(u @ v),
        into=lambda p, v: float(columns(p) @ v),
        one_target=lambda p, q: float(columns(p) @ columns(q) - same),
    )


def pair_types(
    weight: np.ndarray,
    loop: np.ndarray,
    *,
    same: float,
    reverse: float,
    rows: Callable[[np.ndarray, np.ndarray], float],
    into: Callable[[np.ndarray, np.ndarray], float],
    one_target: Callable[[np.ndarray, np.ndarray], float],
) -> np.ndarray:
    """Return `incidences` from the sums that edges of some rows estimate.

    Args:
        weight: float64 [k, q], of the edges of q rows.
        loop: bool [k, q], edges from a row to itself.
        same: sum of the weights of all other edges.
        reverse: sum of those of them whose reverse is an edge too.
        rows: of two values [q] of each row, the sum of their products over all rows.
        into: of values [k, q] of edges that are no loops and [q] of rows, the sum over edges of the value of the edge
            times that of the row that it ends in.
        one_target: of two values [k, q] of edges that are no loops, the sum of their products over all pairs of
            different edges that end in the same row.
    """
    kernel = (weight, np.zeros(weight.shape[1]))
    if loop.any():
        kernel = (np.where(loop, 0, weight), np.where(loop, weight, 0).sum(0))
    mask = np.where(loop, 0.0, 1.0), loop.sum(0).astype(np.float64)
    one, sums = np.ones(weight.shape[1]), []
    for (p, loops_p), (q, loops_q) in ((kernel, mask), (mask, kernel)):
        rows_p, rows_q = p.sum(0), q.sum(0)
        counts = {
            "same": same,
            "reverse": reverse,
            "one source": rows(rows_p, rows_q) - same,
            "one target": one_target(p, q),
            "head to tail": into(p, rows_q) - reverse,
            "tail to head": into(q, rows_p) - reverse,
            "loop on loop": rows(loops_p, loops_q),
            "loop, edge from": rows(loops_p, rows_q),
            "loop, edge to": into(q, loops_p),
            "edge from, loop": rows(rows_p, loops_q),
            "edge to, loop": into(p, loops_q),
        }
        edge, loops, edge_q, loops_all = (rows(each, one) for each in (rows_p, loops_p, rows_q, loops_q))
        counts["disjoint"] = edge * edge_q - sum(list(counts.values())[:6])
        counts["loop, loop"] = loops * loops_all - counts["loop on loop"]
        counts["loop, edge"] = loops * edge_q - counts["loop, edge from"] - counts["loop, edge to"]
        counts["edge, loop"] = edge * loops_all - counts["edge from, loop"] - counts["edge to, loop"]
        sums.append([counts[name] for name in _TYPES])
    return np.array(sums)


def permutation_mean(
    models: np.ndarray, n: int, terms: Mapping[Term, float], candidates: np.ndarray | None = None
) -> np.ndarray:
    """Compute the exact mean of `shared_sum` over all n! permutations of the second model's rows.

    A product of the weights of two edges contributes if both are edges of both models. The permutations map a pair of
    edges to every pair of the same type equally often, so that each type contributes the product of the sums of the two
    models divided by the number of pairs of this type.

    Where neighbours have other labels, edges and pairs of edges between two samples of one label do not count among
    those that there can be. The mean is then exact over models whose edges are equally likely at all others, and nearly
    that over the permutations which keep the samples of a label together.

    Args:
        models: the `incidences` of m models, [m, 2, types].
        n: number of samples.
        terms: as in `shared_sum`.
        candidates: int [n], the number of rows that can be neighbours of each row, which is the number of rows that it
            can be a neighbour of; default n - 1.

    Returns:
        [m, m].
    """
    numbers = np.unique(np.full(n, n - 1) if candidates is None else candidates, return_counts=True)
    # Of Python integers, of which n^4 is one.
    each = list(zip(*(part.tolist() for part in numbers), strict=True))
    edges = sum(rows * one for one, rows in each)
    meeting = sum(rows * one * (one - 1) for one, rows in each)
    counts = {"one source": meeting, "one target": meeting, "head to tail": meeting, "tail to head": meeting}
    counts |= {"disjoint": edges**2 - 2 * edges - 4 * meeting, "loop on loop": n, "loop, loop": n * (n - 1)}
    counts |= {"loop, edge": edges * (n - 2), "edge, loop": edges * (n - 2)}
    ways = np.array([float(counts.get(name, edges)) for name in _TYPES])
    factor = np.array([sum(f for term, f in terms.items() if name in _MEETING[term]) for name in _TYPES])
    return (models[:, 0] * factor / np.where(ways > 0, ways, 1)) @ models[:, 1].T
