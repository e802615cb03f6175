"""Neighbour tables sorted by index, in which neighbours are looked up."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .search import Neighbours


class Lookup(NamedTuple):
    """A neighbour table sorted by index, to look up whether a row is a neighbour of another.

    Args:
        indices: int32 [n, k], ascending in each row.
        value: [n, k], as in `Neighbours`.
    """

    indices: jax.Array
    value: jax.Array

    def find(self, rows: jax.Array, wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Look up neighbours by binary search, O(log k) each.

        Args:
            rows: int [...], rows of the table.
            wanted: int [...], the neighbour to look for in each.

        Returns:
            (found, position): bool and int [...]; the position in the row of the table is undefined if not found.
        """
        k = self.indices.shape[1]

        def halve(step: jax.Array, low: jax.Array) -> jax.Array:
            middle = low + (2 ** (k - 1).bit_length() >> (step + 1))
            return jnp.where((middle < k) & (self.indices[rows, jnp.minimum(middle, k - 1)] <= wanted), middle, low)

        position = jax.lax.fori_loop(0, (k - 1).bit_length(), halve, jnp.zeros_like(wanted))
        return self.indices[rows, position] == wanted, position


@jax.jit
def lookup(table: Neighbours) -> Lookup:
    """Sort the neighbours of each row of a table by index."""
    return Lookup(*jax.lax.sort((table.indices, table.value), num_keys=1))
