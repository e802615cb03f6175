"""Kendall's tau-a of the distances in two representations, from the inversions of a permutation."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .distance_ranks import sort_pairs

# Numbers that are compared with each other directly, a power of two up to 256.
LAST = 64
# Numbers that are added in one step of a sum in floating point, so that its rounding errors stay small.
TERMS = 32


class OrderedPairs(NamedTuple):
    """Distances of each of P pairs of samples once, in ascending order.

    Args:
        order: int [P], position of each distance in ``far.ravel()``, see `squared_distances`.
        rank: int32 [P], by the same positions: how many distances are smaller.
        in_tie: bool [P], whether the distance at this place of the order, counted from 0, equals another one. Since
            tied distances have the rank of the first of them, ``in_tie[rank]`` is the same by positions.
        ties: number of pairs of equal distances.
    """

    order: np.ndarray
    rank: np.ndarray
    in_tie: np.ndarray
    ties: int


def ordered_pairs(far: np.ndarray) -> OrderedPairs:
    """Order squared distances [n // 2, n] as returned by `squared_distances`. Cost O(n^2 log n)."""
    values, order = sort_pairs(far)
    new = np.concatenate([[True], values[1:] != values[:-1]])
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(values)))
    rank = np.empty(len(values), np.int32)
    rank[order] = np.repeat(first.astype(np.int32), size)
    return OrderedPairs(order, rank, ~(new & np.append(new[1:], True)), _tied_pairs(size))


def tau_a(x: OrderedPairs, y: OrderedPairs, rank: np.ndarray | None = None) -> float:
    """Compute tau-a, (concordant - discordant) / all pairs of distances; NaN if all distances of one are equal.

    Args:
        x: the distances in one representation.
        y: those in the other.
        rank: int32 [P], ranks of y in the order of x, where its samples are permuted; default ``y.rank[x.order]``.
            It is overwritten.

    Cost O(P log P) for P distances, memory O(P). Exact up to one rounding in float64.
    """
    pairs = len(x.order)
    total = pairs * (pairs - 1) // 2
    if total in (x.ties, y.ties):
        return float("nan")
    rank = y.rank[x.order] if rank is None else rank
    in_both = 0
    if x.ties:  # equal in x: in the order of y, which adds no inversion
        at = np.flatnonzero(x.in_tie)
        keys = np.sort(x.rank[x.order[at]].astype(np.int64) << 32 | rank[at])
        rank[at] = keys & 0x7FFFFFFF
        in_both = _tied_pairs(np.diff(_starts(keys)))
    if y.ties:  # equal in y: numbered in the order of x, which adds none either
        at = np.flatnonzero(y.in_tie[rank])
        keys = np.sort(rank[at].astype(np.int64) << 32 | at)
        starts = _starts(keys >> 32)
        rank[keys & 0x7FFFFFFF] = (keys >> 32) + np.arange(len(keys)) - np.repeat(starts[:-1], np.diff(starts))
    # Pairs of distances that are neither tied nor concordant are inverted.
    return (total - x.ties - y.ties + in_both - 2 * inversions(rank)) / total


def inversions(order: np.ndarray) -> int:
    """Count the pairs i < j with order[i] > order[j] of a permutation of 0 to P - 1, int32 [P].

    Numbers are divided by their bits from the highest to the lowest, as in a wavelet matrix: in each part half of them
    have a 0, and an inversion is a 1 that stands before a 0 in the same part. The numbers of the last parts, as many as
    `LAST`, are compared directly. Cost O(P log P) in a few vectorised steps per bit, memory O(P). Exact.
    """
    bits = max(LAST.bit_length() - 1, (len(order) - 1).bit_length())
    values = np.arange(1 << bits, dtype=np.int32)  # filled up with numbers in order, which add none
    values[: len(order)] = order
    following, total = np.empty_like(values), 0
    for bit in reversed(range(LAST.bit_length() - 1, bits)):
        half, parts = 1 << bit, 1 << (bits - 1 - bit)
        zero = (values & np.int32(half)) == 0
        at = np.flatnonzero(zero)
        # The places of the zeros within their parts, less those they would have without inversions.
        total += int((at & (2 * half - 1)).sum()) - parts * (half * (half - 1) // 2)
        halves = following.reshape(parts, 2, half)
        halves[:, 0] = values[at].reshape(parts, half)
        halves[:, 1] = values[np.flatnonzero(~zero)].reshape(parts, half)
        values, following = following, values
    last = np.ascontiguousarray((values & np.int32(LAST - 1)).astype(np.uint8).reshape(-1, LAST).T)
    return total + sum(int(np.count_nonzero(last[i] > last[i + 1 :])) for i in range(LAST - 1))


@jax.jit
def compiled_tau_a(x: jax.Array, y: jax.Array) -> jax.Array:
    """Compute `tau_a` of squared distances [n // 2, n] inside `jax.jit`, with inversions counted in integers.

    Their sum is rounded to the dtype of the distances: the error of tau is below 1e-6 in float32.
    """
    n, dtype = x.shape[1], x.dtype
    pairs = n * (n - 1) // 2
    position = jnp.arange(x.size, dtype=jnp.int32)
    a, b = jax.lax.sort((x.reshape(-1), y.reshape(-1)), num_keys=2)
    c, order = jax.lax.sort((b, position), num_keys=1, is_stable=True)
    rank = jnp.zeros_like(position).at[order].set(position, unique_indices=True)

    def share(counts: jax.Array) -> jax.Array:
        return _sum(counts.astype(dtype) / pairs) * (2 / (pairs - 1))

    def ties(*values: jax.Array) -> jax.Array:
        new = jnp.concatenate([jnp.ones(1, bool), jnp.stack([v[1:] != v[:-1] for v in values]).any(0)])
        before = position - jax.lax.cummax(jnp.where(new, position, 0))  # in the same tie
        return share(jnp.where(position < pairs, before, 0))

    bits = max(1, (x.size - 1).bit_length())
    place = jnp.arange(1 << bits, dtype=jnp.int32)

    def step(done: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        values, inverted = carry
        half = jnp.left_shift(jnp.int32(1), bits - 1 - done)
        zero = (values & half) == 0
        start = place & ~(2 * half - 1)
        zeros_before = jnp.cumsum(zero, dtype=jnp.int32) - zero - start // 2  # each part before has as many of both
        inside = place - start
        target = start + jnp.where(zero, zeros_before, half + inside - zeros_before)
        inverted += share(jnp.where(zero, inside - zeros_before, 0))
        return jnp.zeros_like(values).at[target].set(values, unique_indices=True), inverted

    filled = jnp.concatenate([rank, place[x.size :]])
    _, inverted = jax.lax.fori_loop(0, bits, step, (filled, jnp.zeros((), dtype)))
    constant = (a[0] == a[pairs - 1]) | (c[0] == c[pairs - 1])
    return jnp.where(constant, jnp.nan, 1 - ties(a) - ties(c) + ties(a, b) - 2 * inverted)


def _sum(values: jax.Array) -> jax.Array:
    while values.size > 1:
        values = jnp.pad(values, (0, -values.size % TERMS)).reshape(-1, TERMS).sum(1)
    return values[0]


def _starts(keys: np.ndarray) -> np.ndarray:
    """Return the starts of runs of equal keys, and their number."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]]))


def _tied_pairs(size: np.ndarray) -> int:
    size = size.astype(np.int64)
    return int((size * (size - 1) // 2).sum())
