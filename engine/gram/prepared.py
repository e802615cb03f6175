"""One representation made ready: centred rows, and what turns their Gram product into distances and similarities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..base import HIGHEST, ldexp, power_of_two


class Norms(NamedTuple):
    """Vectors of one representation with which its Gram product gives every kernel, distance and similarity.

    Args:
        squares: [n], squared lengths of the points, which are the rows centred and divided by 2**exponent.
        exponent: int32.
        mean_product: [n], inner product of the point with the mean that was taken off, in the units of the points.
        mean: scalar, length of that mean.
        chord_offset: [n], what of the chord between two rows is one row's own, see `chords`.
        excess_norm: [n], length of the row less the length of the mean.
        inverse: [n], one over the length of the row in the units of the points; 0 for a row of zeros.
        gram_rtol: scalar, error of an entry of the Gram product relative to the lengths of its rows, never exceeded.
        all_equal: bool, all rows are the same.
        all_parallel: bool, all rows point the same way.
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
        """The unit of the points, a power of two."""
        return jnp.ldexp(jnp.ones((), self.squares.dtype), jnp.clip(self.exponent, -126, 126))

    def distances(self, gram: jax.Array, query: jax.Array, gram_rtol: jax.Array | float = 0) -> jax.Array:
        """Squared distances [b, n], in the units of the points; with slack, at most the true ones."""
        squares = self.squares * (1 - gram_rtol)
        return squares[query][:, None] + squares[None, :] - 2 * gram

    def chords(self, gram: jax.Array, query: jax.Array, gram_rtol: jax.Array | float = 0) -> jax.Array:
        """Squared distances [b, n] between unit rows, 2 - 2 cos, not centred; with slack, at most the true ones.

        With m the mean, x = m + p and r = |x|: r_i r_j - <x_i, x_j> = l_i + l_j + s_i s_j - <p_i, p_j>, where
        s = r - |m| and l = |m| s - <m, p>, none of which grows with |m|: rows that all point one way keep their digits.
        """
        chord_offset = self.chord_offset - gram_rtol * (jnp.abs(self.chord_offset) + self.squares)
        chord = (
            chord_offset[query][:, None]
            + chord_offset[None, :]
            + self.excess_norm[query][:, None] * self.excess_norm[None, :]
            - gram
        )
        chord = 2 * chord * (self.inverse[query][:, None] * self.inverse[None, :])
        empty = self.inverse == 0  # whose cosine is 0 with every row
        return jnp.where(empty[query][:, None] | empty[None, :], 2, chord)

    def products(self, gram: jax.Array, query: jax.Array) -> jax.Array:
        """Inner products [b, n] of the rows, not centred, in the units of the points squared."""
        return gram + self.mean_product[query][:, None] + self.mean_product[None, :] + self.mean**2


def stacked(norms: Sequence[Norms]) -> Norms:
    """Stack the vectors of m representations."""
    return Norms(*(jnp.stack(column) for column in zip(*norms, strict=True)))


class Prepared(NamedTuple):
    """A representation made ready.

    Args:
        rows: [n, d], as given.
        points: [n, d], centred and divided by a power of two, the largest entry in [0.5, 1).
        norms: see `Norms`.
    """

    rows: jax.Array
    points: jax.Array
    norms: Norms

    def gram(self, query: jax.Array) -> jax.Array:
        """Inner products [b, n] of some points with all: the one product that everything else comes from."""
        return jnp.matmul(self.points[query], self.points.T, precision=HIGHEST)


def prepare(x: jax.Array) -> Prepared:
    """Make a representation ready; x floating [n, d]. Cost O(n d), memory one copy of x."""
    return Prepared(jnp.asarray(x), *_prepared(x))  # x itself, of which `jax.jit` would return a copy


@jax.jit
def _prepared(x: jax.Array) -> tuple[jax.Array, Norms]:
    first = x.mean(0)
    points = x - first
    second = points.mean(0)  # twice: the mean of data far from the origin is itself rounded
    # The mean of equal rows is rounded, too, by how many they are.
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
    """Lengths [n] of rows whose squares may leave the range of the dtype."""
    largest = jnp.abs(x).max(1, keepdims=True)
    scaled = x / jnp.where(largest > 0, largest, 1)
    return largest[:, 0] * jnp.sqrt((scaled * scaled).sum(1))
