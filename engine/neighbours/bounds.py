"""Bounds of the distances that Gram products yield, and how certain the nearest candidates are by them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..base import namespace
from ..gram import Norms

NeighbourMetric = Literal["cosine", "euclidean", "inner_product"]
# Rows with a larger reciprocal norm, in units of the largest deviation, have exact cosines with all others computed.
LARGEST_INVERSE = 1e15


class Candidates(NamedTuple):
    """Candidates for the k nearest neighbours of b query rows, with the certainty of their approximate distances.

    A distance is the squared Euclidean distance, the squared chord (cosine) or the negative inner product, in the units
    of the points; smaller is nearer.

    Args:
        indices: int32 [b, c], c = min(n - 1, k + EXTRA_CANDIDATES).
        approx_distance: [b, c], distances to the candidates from the Gram product.
        incomplete: bool [b], whether a row that is no candidate may be nearer than the k-th nearest candidate.
        imprecise: bool [b], whether the relative error of one of the k smallest approximate distances may exceed
            `distance_rtol`.
        set_uncertain: bool [b], whether the approximate distances leave open which k candidates are the nearest.
        order_uncertain: bool [b], whether they leave open the order of these.
    """

    indices: Any
    approx_distance: Any
    incomplete: Any
    imprecise: Any
    set_uncertain: Any
    order_uncertain: Any


def is_excluded(where: Any, query: Any, index: Any) -> Any:
    """Return whether rows are excluded as neighbours of query rows, bool of the shape of ``where[index]``.

    Args:
        where: bool [n], False for rows that are excluded as neighbours; or int32 [n], labels: a row is no neighbour of
            the rows with its label.
        query: int32, row numbers that broadcast against the rows.
        index: row numbers, or a slice for all rows.
    """
    return ~where[index] if where.dtype == bool else where[index] == where[query]


def distance_lower_bound(
    norms: Norms, gram: Any, query: Any, metric: NeighbourMetric, where: Any = None, columns: Any = None
) -> Any:
    """Compute lower bounds of the distances of the query rows to other rows.

    Args:
        norms: of the representation.
        gram: [b, c], inner products of the query points with those of the columns, see `Prepared.gram`.
        query: int32 [b].
        metric: see `neighbours`.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.
        columns: int32 [c], the rows of the columns; default all n.

    Returns:
        [b, c], distances as in `Candidates`; infinite for a row itself and for excluded rows.
    """
    some = slice(None) if columns is None else columns
    if metric == "euclidean":
        below = norms.distances(gram, query, norms.gram_rtol, some)
    elif metric == "cosine":
        below = norms.chords(gram, query, 2 * norms.gram_rtol, some)
    else:
        length = namespace(norms.squares).sqrt(norms.squares) + norms.mean
        below = -norms.products(gram, query, some) - norms.gram_rtol * length[query][:, None] * length[some][None, :]
    if isinstance(below, np.ndarray) and columns is None:
        below[np.arange(len(query)), query] = np.inf
        if where is not None and where.dtype == bool:
            below[:, ~where] = np.inf
        elif where is not None:
            below[is_excluded(where, query[:, None], slice(None))] = np.inf
        return below
    if columns is None:
        columns = jnp.arange(gram.shape[1], dtype=jnp.int32)
    excluded = columns[None, :] == query[:, None]
    if where is not None:
        excluded |= is_excluded(where, query[:, None], some)
    return namespace(below).where(excluded, jnp.inf, below)


def distance_upper_bound(norms: Norms, query: Any, low: Any, index: Any, metric: NeighbourMetric) -> Any:
    """Compute upper bounds of the distances of the query rows to candidates from lower bounds.

    Args:
        norms: of the representation.
        query: int32 [b].
        low: [b, c], see `distance_lower_bound`.
        index: int32 [b, c], the candidates.
        metric: see `neighbours`.

    Returns:
        [b, c].
    """
    gram_rtol = norms.gram_rtol
    if metric == "euclidean":
        width = 2 * gram_rtol * norms.squares
        return low + width[query][:, None] + _of(width, index)
    if metric == "cosine":
        width = 4 * gram_rtol * (abs(norms.chord_offset) + norms.squares)
        with np.errstate(over="ignore", invalid="ignore"):
            inverse = norms.inverse[query][:, None] * _of(norms.inverse, index)
            return low + 2 * (width[query][:, None] + _of(width, index)) * inverse
    length = namespace(norms.squares).sqrt(norms.squares) + norms.mean
    return low + 2 * gram_rtol * length[query][:, None] * length[index]


def certify_candidates(
    norms: Norms, query: Any, low: Any, index: Any, k: int, metric: NeighbourMetric, left: Any = None
) -> Candidates:
    """Determine how certain the candidates of the query rows are, from lower bounds of their distances.

    Args:
        norms: of the representation.
        query: int32 [b].
        low: [b, c], lower bounds, ascending; see `distance_lower_bound`.
        index: int32 [b, c], the candidates.
        k: 1 <= k <= c.
        metric: see `neighbours`.
        left: [b], lower bounds of the distances to all rows that are no candidates; default the largest of ``low``.

    Returns:
        The candidates; ``order_uncertain`` is True for every row, since the order is not examined.
    """
    xp = namespace(norms.squares, low)
    n, spare = len(norms.squares), index.shape[1]
    high = distance_upper_bound(norms, query, low, index, metric)
    if xp is np:
        kth, next_low = high[:, :k].max(1), low[:, k] if k < spare else np.float32(np.inf)
    else:  # masks instead of slices: XLA on the CPU sorts whole rows if the result of top_k is sliced
        place = xp.arange(spare)
        kth, next_low = xp.where(place < k, high, -xp.inf).max(1), xp.where(place == k, low, xp.inf).min(1)
    set_uncertain = (kth >= next_low) & (kth < xp.inf)
    incomplete = (kth >= (low.max(1) if left is None else left)) & (kth < xp.inf) & (spare < n - 1)
    approx_distance = (high + low) / 2
    with np.errstate(invalid="ignore"):  # inf - inf where too few rows are left as neighbours: not imprecise
        apart = (high - low) > 2 * distance_rtol(low.dtype) * approx_distance
    imprecise = (apart[:, :k] if xp is np else apart & (place < k)).any(1)
    if metric == "cosine":
        # Of two rows of nearly no length, the bounds are infinite or not a number.
        lost = (norms.inverse[query] > LARGEST_INVERSE) | xp.isnan(high).any(1)
        set_uncertain, incomplete = set_uncertain | lost, incomplete | (lost & (spare < n - 1))
        imprecise |= lost
    return Candidates(index, approx_distance, incomplete, imprecise, set_uncertain, xp.ones(len(query), bool))


def distance_rtol(dtype: Any) -> float:
    """Return the largest relative error allowed for a squared distance: 2e-5 in float32, 4e-11 in float64."""
    return float(jnp.finfo(dtype).eps) ** (2 / 3)


def _of(values: Any, index: Any) -> Any:
    return values.take(index) if isinstance(values, np.ndarray) else values[index]  # NumPy's indexing takes longer
