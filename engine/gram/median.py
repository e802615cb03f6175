"""The median of the non-zero distances between rows: the bandwidth of the RBF kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, block_size, each_row
from .prepared import Norms, Prepared, prepare

# Below so many pairs of rows all squared distances are kept (256 MiB in float32) while their median is sought; above,
# they are computed anew for every count.
KEPT_DISTANCES = 2**26
# Rows, about, of each of the groups whose distances are the sample from which the median is first guessed.
GROUP = 64
# Standard errors of that guess within which the median is sought first.
ERRORS = 4


def median_distance(x: jax.Array) -> jax.Array:
    """Median of the non-zero Euclidean distances between rows, the mean of the middle two for an even count.

    Args:
        x: floating [n, d].

    Returns:
        Scalar, infinite where no distance is above zero.

    Exact, as an order statistic of what the Gram product gives, without sorting n^2 distances (inside `jax.jit` from
    65,536 rows on, counts are rounded to float32). Pairs nearer than rounding can tell, squared distance below 4 eps
    (|a|^2 + |b|^2), count as zero. Outside of `jax.jit` each pair is visited once, half a Gram product, and the numbers
    near a guess from a sample are sorted out on the host; inside they are counted against thresholds, and made anew
    each time where they are too many to keep. Memory O(b n) for blocks of b rows, and 0.36 n^1.5 numbers around
    the guess; inside of `jax.jit` what `KEPT_DISTANCES` allows.
    """
    if isinstance(x, jax.core.Tracer):
        return median_by_counts(x)
    return _selected(prepare(x))


def median_of_prepared(prepared: Prepared) -> jax.Array:
    """Do what `median_distance` does for a view, outside of `jax.jit`."""
    return _selected(prepared)


# This and `_among` know the width of a model, and are compiled for each; they are short.
@partial(jax.jit, static_argnames=("size",))
def _gram(points: jax.Array, start: jax.Array, size: int) -> jax.Array:
    """Inner products [size, n // 2 + size] of rows with those that follow them, around the end."""
    n = len(points)
    mine = jnp.minimum(start + jnp.arange(size, dtype=jnp.int32), n - 1)
    theirs = (start + jnp.arange(n // 2 + size, dtype=jnp.int32)) % n
    return jnp.matmul(points[mine], points[theirs].T, precision=HIGHEST)


@jax.jit
def _squared(norms: Norms, gram: jax.Array, start: jax.Array) -> jax.Array:
    """Squared distances of rows to those that follow them; inf where none is to be counted.

    Row i meets rows i + 1 to i + n // 2 modulo n, so that every pair is met once.
    """
    squares, eps = norms.squares, jnp.finfo(gram.dtype).eps
    n, half = len(squares), len(squares) // 2
    query = start + jnp.arange(gram.shape[0], dtype=jnp.int32)
    other = start + jnp.arange(gram.shape[1], dtype=jnp.int32)
    both = squares[jnp.minimum(query, n - 1)][:, None] + squares[other % n][None, :]
    far = both - 2 * gram
    steps = other[None, :] - query[:, None]
    meets = (steps >= 1) & (steps <= half) & (query < n)[:, None]
    if n % 2 == 0:
        meets &= (steps < half) | (query < half)[:, None]
    return jnp.where(meets & (far > 4 * eps * both), far, jnp.inf)


@jax.jit
def _within(prepared: Prepared, groups: jax.Array) -> jax.Array:
    """Squared distances [g, r, r] of the rows of each group [g, r], -1 for none; inf where none is to be counted."""
    points, squares = prepared.points[groups], prepared.norms.squares[groups]
    gram = jnp.matmul(points, points.swapaxes(1, 2), precision=HIGHEST)
    far = squares[:, :, None] + squares[:, None, :] - 2 * gram
    meets = (groups[:, :, None] < groups[:, None, :]) & (groups[:, :, None] >= 0)
    return jnp.where((far > 0) & meets, far, jnp.inf)


def _distances(prepared: Prepared, start: Any, size: int) -> jax.Array:
    return _squared(prepared.norms, _gram(prepared.points, start, size), start)


def _rows_at_once(n: int) -> int:
    # A sixteenth, since a block of b rows computes b columns more than it needs.
    return min(block_size(n, n // 2 + 1), max(1, n // 16, min(n, 64)))


def _selected(prepared: Prepared) -> jax.Array:
    n = len(prepared.points)
    size = _rows_at_once(n)
    sample, tail = _sample(prepared)
    largest = np.finfo(sample.dtype).max
    while True:
        # Keep what lies around the middle of the sample; widen until both middle numbers are among it.
        low, high = sample.dtype.type(0), largest
        if n > 1000 and tail < 0.5:
            ends = [int((0.5 - tail) * len(sample)), int((0.5 + tail) * len(sample))]
            low, high = np.partition(sample, ends)[ends]
        kept, below, finite = [], 0, 0
        for start in np.arange(0, n, size, dtype=np.int32):
            far = np.asarray(_distances(prepared, start, size)).ravel()
            # By number: picking by truth value takes four times as long.
            kept.append(far[np.flatnonzero((far >= low) & (far <= high))])
            below += int(np.count_nonzero(far < low))
            finite += int(np.count_nonzero(far <= largest))
        middle = np.concatenate(kept)
        if finite == 0:
            return jnp.asarray(np.inf, prepared.points.dtype)
        first, second = (finite - 1) // 2 - below, finite // 2 - below
        if first >= 0 and second < len(middle):
            middle = np.partition(middle, first)  # of two ranks it would take twice as long
            two = np.sqrt([middle[first], middle[second:].min()])
            return jnp.ldexp(jnp.asarray(two.mean(), prepared.points.dtype), prepared.norms.exponent)
        tail *= 4


def _sample(prepared: Prepared) -> tuple[np.ndarray, float]:
    """Squared distances within random groups of rows, and how far from their middle the median may lie, as a share.

    Every row has as many partners as the others, so that where it lies adds nothing to the error: what is left is that
    of so many pairs drawn at random.
    """
    n = len(prepared.points)
    order = np.random.default_rng(n).permutation(n).astype(np.int32)
    groups = np.array_split(order, max(1, n // GROUP))
    longest = len(groups[0])
    even = np.stack([np.pad(rows, (0, longest - len(rows)), constant_values=-1) for rows in groups])
    far = np.asarray(_within(prepared, even))
    sample = far[np.isfinite(far)]
    return sample, ERRORS * 0.5 / max(1, len(sample)) ** 0.5


@jax.jit
def median_by_counts(x: jax.Array) -> jax.Array:
    """Return the median distance by counting distances below a guess, without keeping them."""
    prepared = prepare(x)
    n, dtype = len(x), x.dtype
    width = dtype.itemsize * 8
    integer = jnp.uint32 if width == 32 else jnp.uint64
    size = _rows_at_once(n)
    starts = jnp.arange(0, n, size, dtype=jnp.int32)
    kept = n * (n // 2 + size) <= KEPT_DISTANCES
    # Blocks are what the passes below map over: where they start, or the distances themselves where they are kept.
    parts = jax.lax.map(lambda start: _distances(prepared, start, size), starts) if kept else starts

    def distances(part: jax.Array) -> jax.Array:
        return part if kept else _distances(prepared, part, size)

    def count(thresholds: jax.Array) -> jax.Array:
        # Summed by a product, within one thread of a CPU: a sum would wait for others. Counts below 2^24 are exact.
        def of_row(far: jax.Array) -> jax.Array:
            bits = jax.lax.bitcast_convert_type(far, integer)
            below = (bits[None] <= thresholds[:, None]).astype(jnp.float32)
            return jnp.matmul(below, jnp.ones(len(far), jnp.float32), precision=HIGHEST)

        def one(part: jax.Array) -> jax.Array:
            return each_row(of_row, distances(part)).astype(jnp.uint32).sum(0)

        return jax.lax.map(one, parts).astype(jnp.uint32 if n < 2**16 else jnp.float32).sum(0)

    # The bits of a non-negative float order like an integer: four of them are found with every count.
    finite = count(jax.lax.bitcast_convert_type(jnp.finfo(dtype).max.astype(dtype), integer)[None])[0]
    rank = finite - finite // 2  # of the lower middle number, counted from 1

    def refine(step: jax.Array, low: jax.Array) -> jax.Array:
        mean_product = (width - 4 * (step + 1)).astype(integer)
        edges = low + (jnp.arange(1, 17, dtype=integer) << mean_product) - 1
        return low + ((count(edges) < rank).sum(dtype=integer) << mean_product)

    lower = jax.lax.fori_loop(0, width // 4, refine, jnp.zeros((), integer))

    def above(part: jax.Array) -> jax.Array:
        far = distances(part)
        return jnp.where(jax.lax.bitcast_convert_type(far, integer) > lower, far, jnp.inf).min()

    low = jax.lax.bitcast_convert_type(lower, dtype)
    next_up = jax.lax.map(above, parts).min()
    high = jnp.where(count(lower[None])[0] >= finite // 2 + 1, low, next_up)
    return jnp.where(finite > 0, jnp.ldexp((jnp.sqrt(low) + jnp.sqrt(high)) / 2, prepared.norms.exponent), jnp.inf)
