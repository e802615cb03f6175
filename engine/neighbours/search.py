"""The k nearest neighbours of every row, exact, in blocks of rows."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from ..base import InputError, block_size, blocks, each_row, root
from ..gram import Norms, Prepared, prepare

NeighbourMetric = Literal["cosine", "euclidean", "inner_product"]
# Beyond the k wanted, so many candidates are measured again: the Gram product misorders near ties.
EXTRA_CANDIDATES = 6


class Neighbours(NamedTuple):
    """The neighbour table of one representation.

    Args:
        indices: int32 [n, k], nearest first, the row itself left out, ties to the lowest index.
        value: [n, k], Euclidean distance, cosine similarity or inner product, as the metric says; NaN where all rows
            are alike, so that nobody is nearer than another.
        tied: bool [n], true where the k-th and the next neighbour are equally near.
    """

    indices: jax.Array
    value: jax.Array
    tied: jax.Array


def distance_rtol(dtype: Any) -> float:
    """Tell what an error of a squared distance, never exceeded, may be of it: 2e-5 in float32, 4e-11 in float64."""
    return float(jnp.finfo(dtype).eps) ** (2 / 3)


def check_metric(metric: str) -> None:
    """Raise unless this is a neighbour metric."""
    if metric not in get_args(NeighbourMetric):
        raise InputError(f"unknown neighbour metric {metric!r}: use {', '.join(get_args(NeighbourMetric))}")


@partial(jax.jit, static_argnames=("k", "metric"))
def neighbours(
    x: jax.Array, k: int, metric: NeighbourMetric = "euclidean", where: jax.Array | None = None
) -> Neighbours:
    """Find the k nearest neighbours of every row.

    Args:
        x: floating [n, d].
        k: 1 <= k <= n - 1.
        metric: ``euclidean`` (nearest first), ``cosine`` or ``inner_product`` (most similar first). Cosine ranks unit
            rows by their distance, which keeps its digits where the similarities all lie near 1.
        where: bool [n]; rows where it is False are nobody's neighbour.

    Candidates come from the Gram product, which knows a squared distance to some eps (|a|^2 + |b|^2), and are measured
    again by subtraction. A row whose k-th neighbour is not nearer, beyond that error, than all that were left out (many
    ties, or tight clusters far apart) is measured against all others, so that the order is exact always, whatever the
    size of the blocks.
    Cost: one product n x n x d, and n k d for the second measurement; memory O(b n + n k) for blocks of b rows.
    """
    n = len(x)
    prepared = prepare(x)

    def block(rows: jax.Array) -> Neighbours:
        query = jnp.minimum(rows, n - 1)
        return search(prepared, prepared.gram(query), query, k, metric, where)

    found = jax.lax.map(block, blocks(n, block_size(n, n)))
    return Neighbours(*(part.reshape(-1, *part.shape[2:])[:n] for part in found))


def search(
    prepared: Prepared,
    gram: jax.Array,
    query: jax.Array,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Find the k nearest neighbours of rows own [b] from their Gram product [b, n]."""
    found = candidates(prepared.norms, gram, query, k, metric, where)
    index = recompute_exact(prepared, query, found.indices, found.incomplete, metric, where)
    return select_k_nearest(
        prepared.norms, query, index, exact_distances(prepared, query, index, metric), k, metric, where
    )


class Candidates(NamedTuple):
    """Rows that may be among the k nearest.

    Args:
        indices: int32 [b, k + SPARE].
        approx_distance: [b, k + SPARE], their measure as the Gram product has it; small is near.
        incomplete: bool [b], whether one that is nearer may have been left out.
        imprecise: bool [b], whether the rough measure of one of the k nearest may be wrong by more than `distance_rtol`
            of it.
        set_uncertain: bool [b], whether the rough measure does not tell for certain which k of them are the nearest.
        order_uncertain: bool [b], whether it does not tell for certain in which order these are.
    """

    indices: jax.Array
    approx_distance: jax.Array
    incomplete: jax.Array
    imprecise: jax.Array
    set_uncertain: jax.Array
    order_uncertain: jax.Array


def candidates(
    norms: Norms,
    gram: jax.Array,
    query: jax.Array,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
    recall: float | None = None,
) -> Candidates:
    """Find the candidates of the query rows: the k + `EXTRA_CANDIDATES` nearest by the Gram product [b, n].

    With a recall below 1 they come from `jax.lax.approx_max_k`, which finds that share of them, and none is doubtful.
    """
    n = gram.shape[1]
    below, spare = distance_lower_bound(norms, gram, query, metric, where), min(n - 1, k + EXTRA_CANDIDATES)
    if recall is not None:
        negative, index = jax.lax.approx_max_k(-below, spare, recall_target=recall)
        no, yes = jnp.zeros(len(query), bool), jnp.ones(len(query), bool)
        return Candidates(index, -negative, no, yes, yes, yes)
    negative, index = jax.lax.top_k(-below, spare)
    return certify_candidates(norms, query, -negative, index, k, metric)


def certify_candidates(
    norms: Norms, query: jax.Array, low: jax.Array, index: jax.Array, k: int, metric: NeighbourMetric
) -> Candidates:
    """Certify candidates [b, c] of the query rows [b], of whose distances lower bounds are known.

    The k nearest are taken for mixed up: whoever has them in order of low may know better.
    """
    n, spare = len(norms.squares), index.shape[1]
    high = distance_upper_bound(norms, query, low, index, metric)
    # No slices: XLA on the CPU sorts whole rows where the result of top_k is sliced.
    place = jnp.arange(spare)
    kth = jnp.where(place < k, high, -jnp.inf).max(1)
    set_uncertain = (kth >= jnp.where(place == k, low, jnp.inf).min(1)) & (kth < jnp.inf)
    incomplete = (kth >= low.max(1)) & (kth < jnp.inf) & (spare < n - 1)
    approx_distance = (high + low) / 2
    imprecise = ((high - low) > 2 * distance_rtol(low.dtype) * approx_distance) & (place < k)
    return Candidates(index, approx_distance, incomplete, imprecise.any(1), set_uncertain, jnp.ones(len(query), bool))


def recompute_exact(
    prepared: Prepared,
    query: jax.Array,
    index: jax.Array,
    incomplete: jax.Array,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> jax.Array:
    """Replace the candidates of doubtful rows by those found from measuring every row."""
    # A loop of unknown length has no reverse derivative, and needs none: it gives row numbers.
    prepared = jax.lax.stop_gradient(prepared)
    everyone = jnp.arange(len(prepared.rows), dtype=jnp.int32)

    def one(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        incomplete, index = state
        which = incomplete.argmax()
        exact = _exact_distances(prepared, query[which], slice(None), metric)
        lost = everyone == query[which] if where is None else (everyone == query[which]) | ~where
        _, select_k_nearest = jax.lax.top_k(-jnp.where(lost, jnp.inf, exact), index.shape[1])
        return incomplete.at[which].set(False), index.at[which].set(select_k_nearest)

    return jax.lax.while_loop(lambda state: state[0].any(), one, (incomplete, index))[1]


def exact_distances(prepared: Prepared, query: jax.Array, index: jax.Array, metric: NeighbourMetric) -> jax.Array:
    """Measure rows own [b] against their candidates [b, c] by subtraction; small is near."""
    return each_row(lambda row, others: _exact_distances(prepared, row, others, metric), query, index)


def exact_distances_where(
    prepared: Prepared,
    query: jax.Array,
    index: jax.Array,
    approx_distance: jax.Array,
    some: jax.Array,
    metric: NeighbourMetric,
) -> jax.Array:
    """Measure some of the rows own [b] against their candidates [b, c], keeping the rough measure of the others."""

    def one(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        some, approx_distance = state
        which = some.argmax()
        exact = _exact_distances(prepared, query[which], index[which], metric)
        return some.at[which].set(False), approx_distance.at[which].set(exact)

    return jax.lax.while_loop(lambda state: state[0].any(), one, (some, approx_distance))[1]


def _exact_distances(
    prepared: Prepared, row: jax.Array, index: jax.Array | slice, metric: NeighbourMetric
) -> jax.Array:
    # Rows as they are given, not centred: where these are integers, exact ties stay exact.
    factor, inverse = 1 / prepared.norms.scale, prepared.norms.inverse
    others, mine = prepared.rows[index], prepared.rows[row]
    if metric == "inner_product":
        others = jax.lax.optimization_barrier(others)  # else XLA gathers number by number
        return -((others * factor) * (mine * factor)).sum(1)
    if metric == "cosine":
        others, mine = others * (factor * inverse[index])[:, None], mine * (factor * inverse[row])
    else:
        others, mine = others * factor, mine * factor
    apart = jax.lax.optimization_barrier(others - mine)  # as above
    exact = (apart * apart).sum(1)  # not by matmul, which rounds its last rows otherwise: equal rows would not tie
    return jnp.where((inverse[row] == 0) | (inverse[index] == 0), 2, exact) if metric == "cosine" else exact


def select_k_nearest(
    norms: Norms,
    query: jax.Array,
    index: jax.Array,
    exact: jax.Array,
    k: int,
    metric: NeighbourMetric,
    where: jax.Array | None = None,
) -> Neighbours:
    """Take the k nearest of the candidates [b, c] by what was measured; ties to the lowest index."""
    lost = index == query[:, None]
    if where is not None:
        lost |= ~where[index]
    exact = jnp.where(lost, jnp.inf, exact)
    exact, index = each_row(lambda *row: jax.lax.sort(row, num_keys=2), exact, index)
    return build_table(norms, exact, index, k, metric)


def build_table(norms: Norms, exact: jax.Array, index: jax.Array, k: int, metric: NeighbourMetric) -> Neighbours:
    """Make the table of the k nearest, from candidates [b, c] in their order."""
    tied = exact[:, k - 1] == exact[:, k] if exact.shape[1] > k else jnp.zeros(len(exact), bool)
    exact, index = exact[:, :k], index[:, :k]
    if metric == "cosine":
        return Neighbours(index, jnp.where(norms.all_parallel, jnp.nan, 1 - exact / 2), tied)
    value = root(exact) * norms.scale if metric == "euclidean" else -exact * norms.scale * norms.scale
    return Neighbours(index, jnp.where(norms.all_equal, jnp.nan, value), tied)


def distance_lower_bound(
    norms: Norms, gram: jax.Array, query: jax.Array, metric: NeighbourMetric, where: jax.Array | None = None
) -> jax.Array:
    """Return what is at most the measure of every pair [b, n]; infinite for rows that are nobody's neighbour."""
    if metric == "euclidean":
        below = norms.distances(gram, query, norms.gram_rtol)
    elif metric == "cosine":
        below = norms.chords(gram, query, 2 * norms.gram_rtol)
    else:
        length = jnp.sqrt(norms.squares) + norms.mean
        below = -norms.products(gram, query) - norms.gram_rtol * length[query][:, None] * length[None, :]
    barred = jnp.arange(gram.shape[1], dtype=jnp.int32)[None, :] == query[:, None]
    return jnp.where(barred if where is None else barred | ~where[None, :], jnp.inf, below)


def distance_upper_bound(
    norms: Norms, query: jax.Array, low: jax.Array, index: jax.Array, metric: NeighbourMetric
) -> jax.Array:
    """Return what is at least the measure of rows own [b] to candidates [b, c], from what is at most that."""
    gram_rtol = norms.gram_rtol
    if metric == "euclidean":
        width = 2 * gram_rtol * norms.squares
        return low + width[query][:, None] + width[index]
    if metric == "cosine":
        width = 4 * gram_rtol * (jnp.abs(norms.chord_offset) + norms.squares)
        return low + 2 * (width[query][:, None] + width[index]) * (norms.inverse[query][:, None] * norms.inverse[index])
    length = jnp.sqrt(norms.squares) + norms.mean
    return low + 2 * gram_rtol * length[query][:, None] * length[index]


class Lookup(NamedTuple):
    """A neighbour table sorted by index, for asking whether one row is another's neighbour.

    Args:
        indices: int32 [n, k], ascending in each row.
        value: [n, k], as in `Neighbours`.
    """

    indices: jax.Array
    value: jax.Array

    def find(self, rows: jax.Array, wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Look up neighbours by binary search, O(log k) each.

        Args:
            rows: int [...], whose neighbours.
            wanted: int [...], the neighbour looked for.

        Returns:
            (found, position): bool and int [...]; the position in the row means nothing where not found.
        """
        k = self.indices.shape[1]

        def halve(step: jax.Array, low: jax.Array) -> jax.Array:
            middle = low + (2 ** (k - 1).bit_length() >> (step + 1))
            return jnp.where((middle < k) & (self.indices[rows, jnp.minimum(middle, k - 1)] <= wanted), middle, low)

        position = jax.lax.fori_loop(0, (k - 1).bit_length(), halve, jnp.zeros_like(wanted))
        return self.indices[rows, position] == wanted, position


@jax.jit
def lookup(table: Neighbours) -> Lookup:
    """Sort a neighbour table by index."""
    return Lookup(*jax.lax.sort((table.indices, table.value), num_keys=1))
