"""Prepared representations: centred rows, and the norms that turn their Gram product into distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..base import Centred, aligned_empty, is_constant_but_for_one, ldexp, namespace, power_of_two
from .half_product import HalfProduct
from .product import gram_of, gram_of_all, multiply

# Entries of the rows that NumPy processes at once, so that they stay in the cache; more where rows are wide.
CHUNK = 2**17
# Squared norms in this range have lost nothing to overflow or underflow.
SAFE = 2.0**64
# The columns of a Gram product with all points.
ALL = slice(None)


class Norms(NamedTuple):
    """Norms of one representation, from which its Gram product gives every kernel, distance and similarity.

    The points are the centred rows divided by 2**exponent; all lengths are in their units.

    Args:
        squares: [n], squared norms of the points.
        exponent: int32 scalar.
        mean_product: [n], inner product of each point with the mean that was subtracted.
        mean: scalar, norm of that mean.
        chord_offset: [n], the term of the chord between two rows that depends on one row only; see `chords`.
        excess_norm: [n], norm of the row minus norm of the mean.
        inverse: [n], reciprocal norm of the row; 0 for a row of zeros.
        gram_rtol: scalar, upper bound of the error of an entry of the Gram product, relative to the product of the
            norms of its two points.
        all_equal: bool scalar, all rows are equal.
        one_apart: bool scalar, all rows are equal, or all but one.
        all_parallel: bool scalar, all rows have the same direction.
    """

    squares: Any
    exponent: Any
    mean_product: Any
    mean: Any
    chord_offset: Any
    excess_norm: Any
    inverse: Any
    gram_rtol: Any
    all_equal: Any
    one_apart: Any
    all_parallel: Any

    @property
    def scale(self) -> Any:
        """The unit of the points, 2**exponent."""
        xp = namespace(self.squares)
        return xp.ldexp(xp.ones((), self.squares.dtype), xp.clip(self.exponent, -126, 126))

    def distances(self, gram: Any, query: Any, gram_rtol: Any = 0, columns: Any = ALL) -> Any:
        """Compute squared distances, in the units of the points.

        Args:
            gram: [b, c], inner products of the query points with those of the columns, see `Prepared.gram`.
            query: int32 [b].
            gram_rtol: of the Gram product; if given, the result is a lower bound of the true squared distances.
            columns: int32 [c], the rows of the columns; default all n.

        Returns:
            [b, c].
        """
        squares = self.squares * (1 - gram_rtol)
        if isinstance(gram, np.ndarray) and isinstance(squares, np.ndarray):
            half = squares / 2
            both = half[query][:, None] + half[columns][None, :]
            both -= gram
            both *= 2
            return both
        return squares[query][:, None] + squares[columns][None, :] - 2 * gram

    def chords(self, gram: Any, query: Any, gram_rtol: Any = 0, columns: Any = ALL) -> Any:
        """Compute squared chords 2 - 2 cos, the squared distances between rows scaled to unit norm, not centred.

        Args:
            gram: [b, c], inner products of the query points with those of the columns, see `Prepared.gram`.
            query: int32 [b].
            gram_rtol: of the Gram product; if given, the result is a lower bound of the true squared chords.
            columns: int32 [c], the rows of the columns; default all n.

        Returns:
            [b, c]; 2 where one of the rows is zero, whose cosine counts as 0.

        With m the mean, x = m + p and r = |x|: r_i r_j - <x_i, x_j> = l_i + l_j + s_i s_j - <p_i, p_j>, where
        s = r - |m| (`excess_norm`) and l = |m| s - <m, p> (`chord_offset`). Neither grows with |m|, so that rows of
        nearly the same direction keep their precision.
        """
        xp = namespace(self.squares, gram)
        chord_offset = self.chord_offset - gram_rtol * (xp.abs(self.chord_offset) + self.squares)
        if xp is np:
            return self._chords_numpy(gram, query, chord_offset, columns)
        excess, inverse = self.excess_norm, self.inverse
        chord = (
            chord_offset[query][:, None]
            + chord_offset[columns][None, :]
            + excess[query][:, None] * excess[columns][None, :]
            - gram
        )
        chord = 2 * chord * (inverse[query][:, None] * inverse[columns][None, :])
        empty = inverse == 0  # their cosine with every row is 0
        return xp.where(empty[query][:, None] | empty[columns][None, :], 2, chord)

    def _chords_numpy(self, gram: np.ndarray, query: np.ndarray, chord_offset: np.ndarray, columns: Any) -> np.ndarray:
        """Return what `chords` does, by the same operations in place: new arrays take most of the time."""
        chord = chord_offset[query][:, None] + chord_offset[columns][None, :]
        product = self.excess_norm[query][:, None] * self.excess_norm[columns][None, :]
        chord += product
        chord -= gram
        with np.errstate(over="ignore", invalid="ignore"):  # of two rows of nearly no length: see `certify_candidates`
            np.multiply(self.inverse[query][:, None], self.inverse[columns][None, :], out=product)
            chord *= 2  # and not the product, which may then be infinite where the chord is negative by rounding
            chord *= product
        empty = self.inverse == 0
        if empty.any():
            chord[empty[query]] = 2
            chord[:, empty[columns]] = 2
        return chord

    def products(self, gram: Any, query: Any, columns: Any = ALL) -> Any:
        """Compute inner products of the rows, not centred, in the squared units of the points.

        Args:
            gram: [b, c], inner products of the query points with those of the columns, see `Prepared.gram`.
            query: int32 [b].
            columns: int32 [c], the rows of the columns; default all n.

        Returns:
            [b, c].
        """
        return gram + self.mean_product[query][:, None] + self.mean_product[columns][None, :] + self.mean**2


def stacked(norms: Sequence[Norms]) -> Norms:
    """Stack the norms of m representations of the same samples along a leading axis [m]."""
    return Norms(*(namespace(*column).stack(column) for column in zip(*norms, strict=True)))


class Prepared(NamedTuple):
    """A representation with its centred rows and their norms.

    Args:
        rows: [n, d], the input.
        points: [n, d], centred and divided by a power of two, with the largest absolute entry in [0.5, 1); an array, or
            `Centred` rows.
        norms: see `Norms`.
        whole: [n, n], the inner products of all points, if they are kept; see `with_gram`.
        half: one half of them, if it is kept; see `with_half`.
    """

    rows: Any
    points: Any
    norms: Norms
    whole: Any = None
    half: HalfProduct | None = None

    def gram(self, query: Any, threads: int | None = None) -> Any:
        """Compute the inner products [b, n] of the query points [b] with all points; see `gram_of`.

        Those that are kept are read. If one half is, the query points are rows that follow each other, of which the
        last may be repeated.
        """
        if self.half is not None:
            products = self.half.of_rows(int(query[0]), int(query[-1]) + 1)
            return products if len(products) == len(query) else products[query - query[0]]
        if self.whole is None:
            return gram_of(self.points, query, threads)
        return self.whole if np.array_equal(query, np.arange(len(self.whole))) else self.whole[query]

    @np.errstate(all="ignore")  # rows that are not finite
    def half_gram(self, start: int, end: int, out: np.ndarray) -> np.ndarray:
        """Return the inner products of some points with those at and after the first of them, in NumPy.

        Args:
            start: the first of the b points.
            end: behind the last.
            out: [b, n - start], where the products go unless they are kept.

        Returns:
            [b, n - start].
        """
        if self.whole is not None:
            return self.whole[start:end, start:]
        if self.half is not None:
            return self.half.of_rows(start, end, start)
        b, some = end - start, self.points[start:end]
        np.matmul(some, some.T, out=out[:, :b])  # NumPy computes only one half of it
        if end < len(self.points):
            multiply(self.points, some, slice(end, len(self.points)), out[:, b:])
        return out

    def kept(self) -> Prepared:
        """Return the same representation with its points in an array, one copy of the rows, for many products."""
        return self._replace(points=np.asarray(self.points)) if isinstance(self.points, Centred) else self

    def with_gram(self, threads: int | None = None) -> Prepared:
        """Return the same representation with the inner products of all its points, for few rows in NumPy.

        Args:
            threads: see `gram_of_all`.

        One large product takes less time than several small ones.
        """
        if self.whole is not None:
            return self
        return self._replace(whole=gram_of_all(self.kept().points, threads=threads))

    def with_half(self) -> Prepared:
        """Return the same representation with one half of the inner products of all its points, in NumPy."""
        return self._replace(half=HalfProduct(len(self.points), self.half_gram, self.points.dtype))


def prepare(x: Any, *, kept: bool = True, points: Centred | None = None) -> Prepared:
    """Centre and scale a representation and compute its norms.

    Args:
        x: floating [n, d]; a NumPy array is prepared in NumPy.
        kept: whether the points of a NumPy array are kept, else they are `Centred` rows.
        points: `Centred` rows of a NumPy array, where they are known.

    Cost O(n d), memory one copy of x, or O(n) unless the points are kept.
    """
    if isinstance(x, np.ndarray):
        with np.errstate(all="ignore"):  # rows that are not finite, or out of the range of the dtype
            points = Centred.of(x) if points is None else points
            prepared = Prepared(x, points, _norms_numpy(points))
            return prepared.kept() if kept else prepared
    return Prepared(jnp.asarray(x), *_prepared(x))  # x is not an output of `_prepared`: `jax.jit` would copy it


def in_numpy(prepared: Prepared) -> Prepared:
    """Return the same representation with NumPy arrays, which share the memory of JAX arrays on a CPU."""
    if isinstance(prepared.rows, np.ndarray):
        return prepared
    return jax.tree.map(np.asarray, prepared)


@jax.jit
def _prepared(x: jax.Array) -> tuple[jax.Array, Norms]:
    first = x.mean(0)
    points = x - first
    second = points.mean(0)  # twice: the mean of data far from the origin has itself a rounding error
    # The mean of equal rows has a rounding error, too, so that subtracting it would not give exactly 0.
    all_equal = (x == x[0]).all()
    points = jnp.where(all_equal, 0, points - second)
    exponent = power_of_two(jnp.where(all_equal, x, points))
    points = ldexp(points, -exponent)
    offset = ldexp(first + second, -exponent)
    mean = jnp.sqrt((offset * offset).sum())
    scaled = ldexp(x, -exponent)
    row_norms = _row_norms((points * points).sum(1), (points * offset).sum(1), _lengths(scaled), mean)
    limits = jnp.finfo(x.dtype)
    unit = scaled * row_norms["inverse"][:, None]
    norms = Norms(
        **row_norms,
        exponent=exponent,
        mean=mean,
        gram_rtol=jnp.asarray((4 + x.shape[1] ** 0.5) * limits.eps, x.dtype),
        all_equal=all_equal | (row_norms["squares"] == 0).all(),
        one_apart=is_constant_but_for_one(x),
        all_parallel=(jnp.abs(unit - unit[0]) <= 4 * limits.eps).all(),
    )
    return points, norms


def _norms_numpy(points: Centred) -> Norms:
    """Return the norms that `_prepared` does; NumPy version, which compiles nothing for the width."""
    (n, d), x, limits = points.shape, points.rows, np.finfo(points.dtype)
    offset = ldexp(points.mean, -points.exponent)
    mean = np.sqrt((offset * offset).sum())
    squares, mean_product, lengths = (aligned_empty(n, x.dtype) for _ in range(3))
    for chunk, part in points.chunks(CHUNK):
        np.vecdot(part, part, out=squares[chunk])
        np.vecdot(part, offset, out=mean_product[chunk])
        lengths[chunk] = _lengths_numpy(x[chunk], points.exponent)
    row_norms = {
        name: aligned_empty(n, x.dtype)
        for name in ("squares", "mean_product", "chord_offset", "excess_norm", "inverse")
    }
    for name, column in _row_norms(squares, mean_product, lengths, mean).items():
        row_norms[name][:] = column
    return Norms(
        **row_norms,
        exponent=points.exponent,
        mean=mean,
        gram_rtol=x.dtype.type((4 + d**0.5) * limits.eps),
        all_equal=np.bool_(points.constant or not squares.any()),
        one_apart=np.bool_(is_constant_but_for_one(x)),
        all_parallel=np.bool_(_all_parallel(x, points.exponent, row_norms["inverse"])),
    )


def _all_parallel(x: np.ndarray, exponent: Any, inverse: np.ndarray) -> bool:
    eps, first = np.finfo(x.dtype).eps, ldexp(x[0], -exponent) * inverse[0]
    start, size = 0, 2  # rows; usually the first two are not
    while start < len(x):
        rows = slice(start, start + size)
        unit = ldexp(x[rows], -exponent) * inverse[rows, None]
        if not (np.abs(unit - first) <= 4 * eps).all():
            return False
        start, size = start + size, max(2, CHUNK // x.shape[1])
    return True


def _row_norms(squares: Any, mean_product: Any, length: Any, mean: Any) -> dict[str, Any]:
    """Compute those of `Norms` that belong to single rows.

    Args:
        squares: [n], squared norms of the points.
        mean_product: [n], their inner products with the mean that was subtracted, in their units.
        length: [n], norms of the rows, not centred, in the units of the points.
        mean: scalar, norm of the mean.
    """
    xp, tiny = namespace(squares), jnp.finfo(squares.dtype).tiny
    total = length + mean
    total = xp.where(total > 0, total, 1)
    excess_norm = (2 * mean_product + squares) / total
    return {
        "squares": squares,
        "mean_product": mean_product,
        "chord_offset": (mean * squares - mean_product * excess_norm) / total,
        "excess_norm": excess_norm,
        "inverse": xp.where(length >= tiny, 1 / xp.maximum(length, tiny), 0),
    }


def _lengths_numpy(x: np.ndarray, exponent: Any) -> np.ndarray:
    """Compute the norms [n] of rows [n, d] of any lengths, divided by 2**exponent."""
    squares = np.vecdot(x, x)
    lengths = ldexp(np.sqrt(squares), -exponent)
    far = ~((squares >= 1 / SAFE) & (squares <= SAFE))
    if far.any():
        lengths[far] = _lengths(ldexp(x[far], -exponent))
    return lengths


def _lengths(x: Any) -> Any:
    """Compute the norms [n] of rows whose squares may be out of the range of the dtype."""
    xp = namespace(x)
    largest = xp.abs(x).max(1, keepdims=True)
    scaled = x / xp.where(largest > 0, largest, 1)
    return largest[:, 0] * xp.sqrt((scaled * scaled).sum(1))
