"""Neighbour tables sorted by index, in which neighbours are looked up."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .search import Neighbours

# Rows of a table that NumPy sorts at once.
ROWS = 2**14


class Lookup(NamedTuple):
    """A neighbour table sorted by index, to look up whether a row is a neighbour of another.

    Args:
        indices: int32 [n, k], ascending in each row.
        value: [n, k], as in `Neighbours`.
    """

    indices: Any
    value: Any

    def find(self, rows: Any, wanted: Any) -> tuple[Any, Any]:
        """Look up neighbours by binary search, O(log k) each.

        Args:
            rows: int [...], rows of the table.
            wanted: int [...], the neighbour to look for in each.

        Returns:
            (found, position): bool and int [...]; the position in the row of the table is undefined if not found.
        """
        k = self.indices.shape[1]
        if isinstance(self.indices, np.ndarray) and isinstance(wanted, np.ndarray):
            # One sorted array of all rows: the entries of each follow those of the row before.
            width = max(int(self.indices.max()), int(wanted.max(initial=0))) + 1
            keys = (self.indices + width * np.arange(len(self.indices), dtype=np.int64)[:, None]).ravel()
            looked_up = wanted + width * np.asarray(rows, np.int64)
            place = np.minimum(np.searchsorted(keys, looked_up), len(keys) - 1)
            return keys[place] == looked_up, place - k * np.asarray(rows)

        def halve(step: jax.Array, low: jax.Array) -> jax.Array:
            middle = low + (2 ** (k - 1).bit_length() >> (step + 1))
            return jnp.where((middle < k) & (self.indices[rows, jnp.minimum(middle, k - 1)] <= wanted), middle, low)

        position = jax.lax.fori_loop(0, (k - 1).bit_length(), halve, jnp.zeros_like(wanted))
        return self.indices[rows, position] == wanted, position


def lookup(table: Neighbours) -> Lookup:
    """Sort the neighbours of each row of a table by index, in JAX or NumPy."""
    if isinstance(table.indices, np.ndarray):
        both = Lookup(np.empty_like(table.indices), np.empty_like(table.value))
        for start in range(0, len(table.indices), ROWS):
            rows = slice(start, start + ROWS)
            order = np.argsort(table.indices[rows], axis=1)
            for into, part in zip(both, (table.indices, np.asarray(table.value)), strict=True):
                into[rows] = np.take_along_axis(part[rows], order, 1)
        return both
    return _lookup(table)


@jax.jit
def _lookup(table: Neighbours) -> Lookup:
    return Lookup(*jax.lax.sort((table.indices, table.value), num_keys=1))
