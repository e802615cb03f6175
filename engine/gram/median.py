"""The median of the non-zero distances between rows, the bandwidth of the RBF kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, block_size, each_row, namespace, scalar, use_numpy
from .half_distances import distances_between
from .prepared import Norms, Prepared, in_numpy, prepare

# Up to this number of pairs of rows, all squared distances are kept (256 MiB in float32) during the search for their
# median; above it, they are recomputed for every count.
KEPT_DISTANCES = 2**26
# Approximate number of rows of each group, within which the distances are sampled for a first estimate of the median.
GROUP = 64
# Number of entries of the points of groups that NumPy processes at once.
CHUNK = 2**21
# The median is first searched within this many standard errors of that estimate.
ERRORS = 4


def median_distance(x: jax.Array) -> jax.Array:
    """Compute the median of the non-zero Euclidean distances between rows.

    Args:
        x: floating [n, d].

    Returns:
        Scalar, the mean of the middle two for an even count; infinite if no distance is above zero.

    An exact order statistic of the distances computed from the Gram product, without sorting n^2 distances (inside
    `jax.jit` from 65,536 rows on, counts are rounded to float32). Distances below the rounding error, squared distance
    at most 4 eps (|a|^2 + |b|^2), count as zero.

    Outside of `jax.jit` each pair is visited once, half a Gram product, and the distances near an estimate from a
    sample are selected; on an accelerator before they are copied to the host. Inside, distances are counted against
    thresholds, and recomputed for every count if they are too many to keep. Memory O(b n) for blocks of b rows, and
    0.36 n^1.5 distances around the estimate; inside of `jax.jit`, up to `KEPT_DISTANCES` distances.
    """
    if isinstance(x, jax.core.Tracer):
        return median_by_counts(x)
    return scalar(_median_by_selection(prepare(np.asarray(x) if use_numpy(x) else x)), x.dtype)


def median_of_prepared(prepared: Prepared, threads: int | None = None) -> Any:
    """Compute `median_distance` of a prepared representation, outside of `jax.jit`: a scalar of NumPy or JAX.

    Args:
        prepared: of n rows.
        threads: that compare the distances in NumPy; default one per core.
    """
    return _median_by_selection(prepared, threads)


# This and `_distances_within` are compiled once for each width d of a model, so keep them short.
@partial(jax.jit, static_argnames=("size",))
def _gram(points: jax.Array, start: jax.Array, size: int) -> jax.Array:
    """Compute inner products [size, n // 2 + size] of rows with those that follow them, cyclically."""
    n = len(points)
    query = jnp.minimum(start + jnp.arange(size, dtype=jnp.int32), n - 1)
    other = (start + jnp.arange(n // 2 + size, dtype=jnp.int32)) % n
    return jnp.matmul(points[query], points[other].T, precision=HIGHEST)


@jax.jit
def _squared(norms: Norms, gram: jax.Array, start: Any) -> jax.Array:
    """Compute squared distances of rows to those that follow them; inf for pairs that do not count.

    Row i is paired with rows i + 1 to i + n // 2 modulo n, so that every pair occurs once.
    """
    squares, eps = norms.squares, jnp.finfo(gram.dtype).eps
    n, half = len(squares), len(squares) // 2
    query = start + jnp.arange(gram.shape[0], dtype=jnp.int32)
    other = start + jnp.arange(gram.shape[1], dtype=jnp.int32)
    both = squares[jnp.minimum(query, n - 1)][:, None] + squares[other % n][None, :]
    far = both - 2 * gram
    steps = other[None, :] - query[:, None]
    paired = (steps >= 1) & (steps <= half) & (query < n)[:, None]
    if n % 2 == 0:
        paired &= (steps < half) | (query < half)[:, None]
    return jnp.where(paired & (far > 4 * eps * both), far, jnp.inf)


def _distances_within(prepared: Prepared, groups: Any) -> Any:
    """Compute squared distances within groups of rows.

    Args:
        prepared: of n rows.
        groups: int32 [g, r], row indices, -1 for padding.

    Returns:
        [g, r, r]; inf for pairs that do not count.
    """
    xp = namespace(prepared.norms.squares)
    squares = prepared.norms.squares[groups]
    if prepared.whole is not None:
        gram = prepared.whole[groups[:, :, None], groups[:, None, :]]
    else:
        points, precision = prepared.points[groups], {} if xp is np else {"precision": HIGHEST}
        gram = xp.matmul(points, points.swapaxes(1, 2), **precision)
    far = squares[:, :, None] + squares[:, None, :] - 2 * gram
    paired = (groups[:, :, None] < groups[:, None, :]) & (groups[:, :, None] >= 0)
    return xp.where((far > 0) & paired, far, xp.inf)


_distances_within_compiled = jax.jit(_distances_within)


def _distances(prepared: Prepared, start: Any, size: int) -> Any:
    return _squared(prepared.norms, _gram(prepared.points, start, size), start)


def _rows_at_once(n: int) -> int:
    # A sixteenth of the rows, since a block of b rows computes b more columns than it needs.
    return min(block_size(n, n // 2 + 1), max(1, n // 16, min(n, 64)))


def _median_by_selection(prepared: Prepared, threads: int | None = None) -> Any:
    n, numpy = len(prepared.points), use_numpy(prepared.points)
    if numpy:
        prepared = in_numpy(prepared)
    sample, tail = _sample(prepared)
    largest = np.finfo(sample.dtype).max
    while True:
        # Keep the distances around the median of the sample; widen the range until it contains both middle distances.
        low, high = sample.dtype.type(0), largest
        if n > 1000 and tail < 0.5:
            ends = [int((0.5 - tail) * len(sample)), int((0.5 + tail) * len(sample))]
            low, high = np.partition(sample, ends)[ends]
        if numpy:
            middle, below, finite = distances_between(prepared, low, high, threads)
        else:
            middle, below, finite = _between_on_device(prepared, low, high, share=2 * min(tail, 0.5))
        if finite == 0:
            return namespace(prepared.norms.squares).asarray(np.inf, prepared.points.dtype)
        first, second = (finite - 1) // 2 - below, finite // 2 - below
        if first >= 0 and second < len(middle):
            middle = np.partition(middle, first)  # partitioning by both ranks would take twice as long
            both = np.sqrt([middle[first], middle[second:].min()])
            xp = namespace(prepared.norms.squares)
            return xp.ldexp(xp.asarray(both.mean(), prepared.points.dtype), prepared.norms.exponent)
        tail *= 4


def _between(far: Any, low: Any, high: Any) -> tuple[np.ndarray, int, int]:
    """Return the distances from low to high, the number of those below, and of those that are finite."""
    far = np.asarray(far).ravel()
    largest = np.finfo(far.dtype).max
    # By index: selecting by a boolean mask takes four times as long.
    inside = far[np.flatnonzero((far >= low) & (far <= high))]
    return inside, int(np.count_nonzero(far < low)), int(np.count_nonzero(far <= largest))


def _between_on_device(prepared: Prepared, low: Any, high: Any, *, share: float) -> tuple[np.ndarray, int, int]:
    """Select as `_between` does of all distances, on the device, and copy only the selected ones to the host.

    Args:
        prepared: of n rows.
        low: smallest distance to keep.
        high: largest to keep.
        share: of the distances that is expected in between; there is room for twice as many.
    """
    n = len(prepared.points)
    size = _rows_at_once(n)
    starts, entries = np.arange(0, n, size, dtype=np.int32), size * (n // 2 + size)
    room = min(entries, int(2 * share * entries) + 1024)
    found = [_compacted(_distances(prepared, start, size), low, high, room) for start in starts]
    parts = [
        (np.asarray(values)[: int(count)], int(below), int(finite))
        if int(count) <= room
        else _between(_distances(prepared, start, size), low, high)
        for start, (values, count, below, finite) in zip(starts, found, strict=True)
    ]
    values = np.concatenate([part[0] for part in parts])
    return values, sum(part[1] for part in parts), sum(part[2] for part in parts)


@partial(jax.jit, static_argnames=("room",))
def _compacted(far: jax.Array, low: Any, high: Any, room: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    flat = far.reshape(-1)
    inside = (flat >= low) & (flat <= high)
    at = jnp.nonzero(inside, size=room, fill_value=flat.size)[0]
    values = flat.at[at].get(mode="fill", fill_value=jnp.inf)
    return values, inside.sum(), (flat < low).sum(), (flat <= jnp.finfo(flat.dtype).max).sum()


def _sample(prepared: Prepared) -> tuple[np.ndarray, float]:
    """Compute a sample of the squared distances and the uncertainty of its median.

    Returns:
        The squared distances within random groups of rows; and `ERRORS` standard errors of the rank of the median in
        the sample, as a fraction of the sample size.

    Every row has the same number of partners, so that its position adds nothing to the error, which is that of as many
    pairs drawn independently at random.
    """
    n = len(prepared.points)
    order = np.random.default_rng(n).permutation(n).astype(np.int32)
    groups = np.array_split(order, max(1, n // GROUP))
    longest = len(groups[0])
    padded = np.stack([np.pad(rows, (0, longest - len(rows)), constant_values=-1) for rows in groups])
    if isinstance(prepared.norms.squares, np.ndarray):
        size = max(1, CHUNK // (longest * max(longest, prepared.points.shape[1])))
        parts = (_distances_within(prepared, padded[at : at + size]) for at in range(0, len(padded), size))
        sample = np.concatenate([far[np.isfinite(far)] for far in parts])
    else:
        far = np.asarray(_distances_within_compiled(prepared, padded))
        sample = far[np.isfinite(far)]
    return sample, ERRORS * 0.5 / max(1, len(sample)) ** 0.5


@jax.jit
def median_by_counts(x: jax.Array) -> jax.Array:
    """Compute `median_distance` by counting distances below thresholds; works inside of `jax.jit`."""
    prepared = prepare(x)
    n, dtype = len(x), x.dtype
    width = dtype.itemsize * 8
    integer = jnp.uint32 if width == 32 else jnp.uint64
    size = _rows_at_once(n)
    starts = jnp.arange(0, n, size, dtype=jnp.int32)
    kept = n * (n // 2 + size) <= KEPT_DISTANCES
    # The passes below map over blocks: their distances if these are kept, else their first rows.
    row_blocks = jax.lax.map(lambda start: _distances(prepared, start, size), starts) if kept else starts

    def distances(block: jax.Array) -> jax.Array:
        return block if kept else _distances(prepared, block, size)

    def count(thresholds: jax.Array) -> jax.Array:
        # Summed by a matrix product, which stays in one thread of a CPU; a sum would wait for other threads. Counts
        # below 2^24 are exact.
        def of_row(far: jax.Array) -> jax.Array:
            bits = jax.lax.bitcast_convert_type(far, integer)
            below = (bits[None] <= thresholds[:, None]).astype(jnp.float32)
            return jnp.matmul(below, jnp.ones(len(far), jnp.float32), precision=HIGHEST)

        def of_block(block: jax.Array) -> jax.Array:
            return each_row(of_row, distances(block)).astype(jnp.uint32).sum(0)

        return jax.lax.map(of_block, row_blocks).astype(jnp.uint32 if n < 2**16 else jnp.float32).sum(0)

    # The bits of non-negative floats, as integers, have the order of the floats: every count determines four more bits.
    finite = count(jax.lax.bitcast_convert_type(jnp.finfo(dtype).max.astype(dtype), integer)[None])[0]
    rank = finite - finite // 2  # of the lower middle distance, from 1

    def refine(step: jax.Array, low: jax.Array) -> jax.Array:
        shift = (width - 4 * (step + 1)).astype(integer)
        edges = low + (jnp.arange(1, 17, dtype=integer) << shift) - 1
        return low + ((count(edges) < rank).sum(dtype=integer) << shift)

    lower = jax.lax.fori_loop(0, width // 4, refine, jnp.zeros((), integer))

    def above(block: jax.Array) -> jax.Array:
        far = distances(block)
        return jnp.where(jax.lax.bitcast_convert_type(far, integer) > lower, far, jnp.inf).min()

    low = jax.lax.bitcast_convert_type(lower, dtype)
    next_up = jax.lax.map(above, row_blocks).min()
    high = jnp.where(count(lower[None])[0] >= finite // 2 + 1, low, next_up)
    return jnp.where(finite > 0, jnp.ldexp((jnp.sqrt(low) + jnp.sqrt(high)) / 2, prepared.norms.exponent), jnp.inf)
