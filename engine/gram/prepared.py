"""Prepared representations: centred rows, and the norms that turn their Gram product into distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..base import ldexp, power_of_two
from .product import gram_of


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
        all_parallel: bool scalar, all rows have the same direction.
    """

    squares: jax.Array
    exponent: jax.Array
    mean_product: jax.Array
    mean: jax.Array
    chord_offset: jax.Array
    excess_norm: jax.Array
    inverse: jax.Array
    gram_rtol: jax.Array
    all_equal: jax.Array
    all_parallel: jax.Array

    @property
    def scale(self) -> jax.Array:
        """The unit of the points, 2**exponent."""
        return jnp.ldexp(jnp.ones((), self.squares.dtype), jnp.clip(self.exponent, -126, 126))

    def distances(self, gram: jax.Array, query: jax.Array, gram_rtol: jax.Array | float = 0) -> jax.Array:
        """Compute squared distances, in the units of the points.

        Args:
            gram: [b, n], see `Prepared.gram`.
            query: int32 [b].
            gram_rtol: of the Gram product; if given, the result is a lower bound of the true squared distances.

        Returns:
            [b, n].
        """
        squares = self.squares * (1 - gram_rtol)
        return squares[query][:, None] + squares[None, :] - 2 * gram

    def chords(self, gram: jax.Array, query: jax.Array, gram_rtol: jax.Array | float = 0) -> jax.Array:
        """Compute squared chords 2 - 2 cos, the squared distances between rows scaled to unit norm, not centred.

        Args:
            gram: [b, n], see `Prepared.gram`.
            query: int32 [b].
            gram_rtol: of the Gram product; if given, the result is a lower bound of the true squared chords.

        Returns:
            [b, n]; 2 where one of the rows is zero, whose cosine counts as 0.

        With m the mean, x = m + p and r = |x|: r_i r_j - <x_i, x_j> = l_i + l_j + s_i s_j - <p_i, p_j>, where
        s = r - |m| (`excess_norm`) and l = |m| s - <m, p> (`chord_offset`). Neither grows with |m|, so that rows of
        nearly the same direction keep their precision.
        """
        chord_offset = self.chord_offset - gram_rtol * (jnp.abs(self.chord_offset) + self.squares)
        chord = (
            chord_offset[query][:, None]
            + chord_offset[None, :]
            + self.excess_norm[query][:, None] * self.excess_norm[None, :]
            - gram
        )
        chord = 2 * chord * (self.inverse[query][:, None] * self.inverse[None, :])
        empty = self.inverse == 0  # their cosine with every row is 0
        return jnp.where(empty[query][:, None] | empty[None, :], 2, chord)

    def products(self, gram: jax.Array, query: jax.Array) -> jax.Array:
        """Compute inner products of the rows, not centred, in the squared units of the points.

        Args:
            gram: [b, n], see `Prepared.gram`.
            query: int32 [b].

        Returns:
            [b, n].
        """
        return gram + self.mean_product[query][:, None] + self.mean_product[None, :] + self.mean**2


def stacked(norms: Sequence[Norms]) -> Norms:
    """Stack the norms of m representations of the same samples along a leading axis [m]."""
    return Norms(*(jnp.stack(column) for column in zip(*norms, strict=True)))


class Prepared(NamedTuple):
    """A representation with its centred rows and their norms.

    Args:
        rows: [n, d], the input.
        points: [n, d], centred and divided by a power of two, with the largest absolute entry in [0.5, 1).
        norms: see `Norms`.
    """

    rows: jax.Array
    points: jax.Array
    norms: Norms

    def gram(self, query: jax.Array) -> jax.Array:
        """Compute the inner products [b, n] of the query points [b] with all points; see `gram_of`."""
        return gram_of(self.points, query)


def prepare(x: jax.Array) -> Prepared:
    """Centre and scale a representation and compute its norms.

    Args:
        x: floating [n, d].

    Cost O(n d), memory one copy of x.
    """
    return Prepared(jnp.asarray(x), *_prepared(x))  # x is not an output of `_prepared`: `jax.jit` would copy it


@jax.jit
def _prepared(x: jax.Array) -> tuple[jax.Array, Norms]:
    first = x.mean(0)
    points = x - first
    second = points.mean(0)  # twice: the mean of data far from the origin has itself a rounding error
    # The mean of equal rows has a rounding error, too, so that subtracting it would not give exactly 0.
    all_equal = (x == x[0]).all()
    points = jnp.where(all_equal, 0, points - second)
    exponent = power_of_two(points)
    points = ldexp(points, -exponent)
    offset = ldexp(first + second, -exponent)
    squares = (points * points).sum(1)
    mean_product = (points * offset).sum(1)
    scaled = ldexp(x, -exponent)
    length = _lengths(scaled)
    mean = jnp.sqrt((offset * offset).sum())
    total = length + mean
    total = jnp.where(total > 0, total, 1)
    excess_norm = (2 * mean_product + squares) / total
    limits = jnp.finfo(x.dtype)
    inverse = jnp.where(length >= limits.tiny, 1 / jnp.maximum(length, limits.tiny), 0)
    unit = scaled * inverse[:, None]
    norms = Norms(
        squares=squares,
        exponent=exponent,
        mean_product=mean_product,
        mean=mean,
        chord_offset=(mean * squares - mean_product * excess_norm) / total,
        excess_norm=excess_norm,
        inverse=inverse,
        gram_rtol=jnp.asarray((4 + x.shape[1] ** 0.5) * limits.eps, x.dtype),
        all_equal=all_equal | (squares == 0).all(),
        all_parallel=(jnp.abs(unit - unit[0]) <= 4 * limits.eps).all(),
    )
    return points, norms


def _lengths(x: jax.Array) -> jax.Array:
    """Compute the norms [n] of rows whose squares may be out of the range of the dtype."""
    largest = jnp.abs(x).max(1, keepdims=True)
    scaled = x / jnp.where(largest > 0, largest, 1)
    return largest[:, 0] * jnp.sqrt((scaled * scaled).sum(1))
