"""Detection of rows that repeat an earlier row, exactly or up to the noise of the model that computed them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .centred_rows import Centred
from .equal_rows import first_equal, first_equal_numpy, first_occurrence, first_occurrence_numpy
from .rows import HIGHEST, centred, constant_columns, ldexp

# Distance below which two rows are repetitions, relative to their norm after centring: 32 times the spacing of float32.
TOLERANCE = 2.0**-18
# Rounding of the stored numbers, in units of the spacing of their dtype, of each of two rows.
ROUNDING = 2.0
# Repetitions stand out: there are fewer rows with another at 1 to SHELL times the tolerance than repetitions.
SHELL = 8.0
# Random directions by which rows are sorted and compared first, and the number of following rows that are examined.
DIRECTIONS, FOLLOWING = 4, 128
# Elements of the differences that are computed at once.
CHUNK = 2**22


def distinct_rows(x: jax.Array | np.ndarray) -> Any:
    """Return a mask of the rows that repeat no earlier row; see `repeated_rows`.

    Args:
        x: floating [n, d].

    Returns:
        bool [n], a NumPy array outside of JAX transformations.
    """
    repeated = repeated_rows(x)
    return repeated == np.arange(len(repeated))


def distinct_pairs(first: Any, second: Any) -> Any:
    """Return a mask of the samples that repeat no earlier sample in both of two representations.

    Args:
        first: int32 [n], `repeated_rows` of one representation, n < 2^24.
        second: int32 [n], of the other.

    Returns:
        bool [n].
    """
    if isinstance(first, jax.Array) or isinstance(second, jax.Array):
        return first_occurrence(jnp.stack([first, second], 1).astype(jnp.float32))
    return first_occurrence_numpy(np.stack([first, second], 1).astype(np.float32))


def repeated_rows(x: jax.Array | np.ndarray, points: Centred | None = None) -> Any:
    """Return for each row the first row that it repeats, exactly or up to the noise of a model.

    Args:
        x: floating [n, d].
        points: `Centred` rows of ``x``, where they are known.

    Returns:
        int32 [n], the index of the row itself where it repeats no earlier row. A NumPy array outside of JAX
        transformations, a JAX array inside; both by the same rule.

    A model that embeds a sample twice, in batches of other shapes, sums in another order: the two rows differ by about
    1e-6 of their norm, that is, by several times the relative spacing eps = 1.2e-7 of float32, in which models compute.
    For an estimator of the intrinsic dimension such a pair is as wrong as two equal rows: its distance is that of the
    noise. Two rows are repetitions if their distance is at most::

        2^-18 max(|c|, rms |c|) + 2 eps |m|

    - c is the row after the column means are subtracted, so that the rule is invariant to rotation, scale and
      translation; 2^-18 = 3.8e-6 is 32 eps of float32. It is the same for float64, since storing rows in float64 does
      not remove the noise of their model. The root mean square of all rows is for rows near the mean, which would
      have no tolerance otherwise.
    - m is the mean of the columns that are not constant. Far from the origin, numbers are rounded to multiples of the
      spacing eps |m| of their own dtype, and two roundings of one number may differ by it.

    Distinct rows may be that close as well: of 20,000 uniform numbers, hundreds. But they are close at all scales: in d
    dimensions the number of pairs within a distance grows as its d-th power, whereas no row is a little farther from a
    repeated row than its repetitions. Rows are therefore repetitions only if they outnumber the rows with another row
    at 1 to 8 times the tolerance; at constant density there are at least 7 times as many of these pairs, in one
    dimension. Otherwise only equal rows count.

    Near rows are found by sorting: they have nearly the same coordinate along any direction. Each row is compared with
    those that follow within the tolerance along a random direction, at most 128; if more follow, repetitions are
    removed and the rest is sorted again, so that groups may be of any size. Cost O(n d + n log n), and n d times a
    small number for the comparisons, far below the n^2 d of a neighbour table.
    """
    if isinstance(x, jax.core.Tracer):
        return _repeated_rows(x)
    return _repeated_rows_numpy(np.asarray(x), points)


class _Points(NamedTuple):
    """Centred rows, in units of a power of two.

    Args:
        points: [n, d], an array or `Centred` rows.
        along: [n, DIRECTIONS], their coordinates along random directions.
        tolerance: [n], distances within which a row is a repetition.
    """

    points: Any
    along: Any
    tolerance: Any


# State of the search in JAX: rows still compared, first row that each repeats, rows with others around, go on.
_Pass = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


def _directions(d: int, dtype: Any) -> np.ndarray:
    directions = np.random.default_rng(0).normal(size=(d, DIRECTIONS))
    return (directions / np.linalg.norm(directions, axis=0)).astype(dtype)


@jax.jit
def _repeated_rows(x: jax.Array) -> jax.Array:
    x = jax.lax.stop_gradient(x)
    points, exponent = centred(x)
    squares = (points * points).sum(1)
    mean = jnp.where((x == x[0]).all(0), 0, ldexp(x.mean(0), -exponent))
    rounding = ROUNDING * jnp.finfo(x.dtype).eps * jnp.sqrt((mean * mean).sum())
    tolerance = TOLERANCE * jnp.sqrt(jnp.maximum(squares, squares.mean())) + rounding
    along = jnp.matmul(points, _directions(x.shape[1], x.dtype), precision=HIGHEST)
    equal = first_equal(x)
    return _without_crowds(equal, *_search(_Points(points, along, tolerance), equal))


def _search(of: _Points, equal: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the first row that each row repeats, and the mask of rows with another just beyond the tolerance."""
    n = len(equal)
    every = jnp.arange(n, dtype=jnp.int32)

    def once(state: _Pass) -> _Pass:
        active, first, crowded, _ = state
        order = jnp.argsort(jnp.where(active, of.along[:, 0], jnp.inf)).astype(jnp.int32)
        points, along, tolerance = (column[order] for column in of)
        count = active.sum()

        def follows(step: jax.Array) -> jax.Array:
            ahead = jnp.roll(along[:, 0], -step) - along[:, 0]
            return (every < count - step) & (ahead <= SHELL * tolerance)

        def compare(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
            step, first, crowded = state
            other, difference = jnp.roll(order, -step), jnp.roll(points, -step, 0) - points
            far = jnp.where(follows(step), jnp.sqrt((difference * difference).sum(1)), jnp.inf)
            near, around = far <= tolerance, (far > tolerance) & (far <= SHELL * tolerance)
            late, early = jnp.maximum(order, other), jnp.minimum(order, other)
            first = first.at[late].min(jnp.where(near, early, late))
            crowded = crowded.at[order].max(around).at[other].max(around)
            return step + 1, first, crowded

        start = (jnp.ones((), jnp.int32), first, crowded)
        step, first, crowded = jax.lax.while_loop(
            lambda state: (state[0] <= FOLLOWING) & follows(state[0]).any(), compare, start
        )
        found = active & (first != every)
        return active & ~found, first, crowded, (step > FOLLOWING) & found.any()

    start = (equal == every, equal, jnp.zeros(n, bool), jnp.ones((), bool))
    _, first, crowded, _ = jax.lax.while_loop(lambda state: state[3], once, start)
    # A row may repeat one that itself repeats an earlier one.
    first = jax.lax.while_loop(lambda first: (first[first] != first).any(), lambda first: first[first], first)
    return first, crowded


def _without_crowds(equal: Any, first: Any, crowded: Any) -> Any:
    """Return ``first``, or ``equal`` if rows within the tolerance are not more than those just beyond it."""
    # Equal rows are no evidence: they follow the row that they equal.
    found = ((first != equal) & (equal == np.arange(len(equal)))).sum()
    if isinstance(first, np.ndarray):
        return first if crowded.sum() <= found else equal
    return jnp.where(crowded.sum() <= found, first, equal)


def _repeated_rows_numpy(x: np.ndarray, points: Centred | None = None) -> np.ndarray:
    """Return what `_repeated_rows` does; NumPy version, which compiles nothing for the shape."""
    (n, d), equal, eps = x.shape, first_equal_numpy(x), float(np.finfo(x.dtype).eps)
    squares, along, directions = np.empty(n, x.dtype), np.empty((n, DIRECTIONS), x.dtype), _directions(d, x.dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # rows that are not finite
        points = Centred.of(x) if points is None else points
        for chunk, part in points.chunks():
            np.vecdot(part, part, out=squares[chunk])
            np.matmul(part, directions, out=along[chunk])
    if not np.isfinite(squares).all():
        return equal
    mean = ldexp(points.mean, -points.exponent)
    offset = float(np.linalg.norm(mean[~constant_columns(x)]))
    tolerance = TOLERANCE * np.sqrt(np.maximum(squares, squares.mean())) + ROUNDING * eps * offset
    return _without_crowds(equal, *_search_numpy(_Points(points, along, tolerance), equal))


def _search_numpy(of: _Points, equal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, crowded = equal.copy(), np.zeros(len(equal), bool)
    active = np.flatnonzero(equal == np.arange(len(equal)))
    while True:
        order = active[np.argsort(of.along[active, 0], kind="stable")]
        along, reach = of.along[order], SHELL * of.tolerance[order]
        for step in range(1, min(FOLLOWING, len(order) - 1) + 1):
            follows = np.flatnonzero(along[step:, 0] - along[:-step, 0] <= reach[:-step])
            if not len(follows):
                return _ends(first), crowded
            aside = np.abs(along[follows + step, 1:] - along[follows, 1:])
            follows = follows[(aside <= reach[follows, None]).all(1)]
            one, other = order[follows], order[follows + step]
            far = _distances(of.points, one, other)
            near, around = far <= of.tolerance[one], (far > of.tolerance[one]) & (far <= reach[follows])
            np.minimum.at(first, np.maximum(one, other)[near], np.minimum(one, other)[near])
            crowded[one[around]] = crowded[other[around]] = True
        found = first[active] != active
        if len(order) <= FOLLOWING + 1 or not found.any():
            return _ends(first), crowded
        active = active[~found]


def _ends(first: np.ndarray) -> np.ndarray:
    while (first[first] != first).any():  # a row may repeat one that itself repeats an earlier one
        first = first[first]
    return first


def _distances(points: Centred, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    far, size = np.empty(len(one), points.dtype), max(1, CHUNK // points.shape[1])
    for start in range(0, len(one), size):
        part = slice(start, start + size)
        difference = points[one[part]] - points[other[part]]
        far[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return far
