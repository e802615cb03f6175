"""Blocks of rows of one representation, whose Gram product the threads share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ..base import BLOCK_BYTES, MIN_BLOCK, Threads, aligned_empty, count_cores, one_thread_products, release_memory
from ..gram import Prepared, multiply
from .search import Neighbours

# Largest points, in bytes, of which a search keeps a copy. Larger ones are computed for every block, of more rows: this
# takes as long, and less memory.
KEPT_BYTES = 2**26
# The part of a thread has a multiple of so many rows, where there are enough: JAX then takes it without a copy.
PART = 16


def rows_of_block(prepared: Prepared, q: int) -> int:
    """Return the rows of a block in a search of q of the rows of a representation."""
    n, kept = len(prepared.rows), prepared.rows.nbytes <= KEPT_BYTES
    most = (KEPT_BYTES if kept else BLOCK_BYTES) // (n * prepared.rows.itemsize)
    blocks = -(-q // min(q, max(MIN_BLOCK, most)))
    size, whole = -(-q // blocks), PART * count_cores()
    return size if size < whole else size // whole * whole


def search_blocks(
    prepared: Prepared, rows: np.ndarray, search: Callable[[Any, np.ndarray], list[Neighbours]], size: int
) -> Iterator[tuple[int, list[Neighbours]]]:
    """Find tables of some rows, one block after the other, in NumPy.

    Every thread computes some columns of the Gram product of a block, and then searches some of its rows: memory is
    that of one block, and one copy of the rows if it is small, however many threads there are.

    Args:
        prepared: of n rows, NumPy arrays.
        rows: int32 [q].
        search: of the Gram product [b, n] of some of the rows, and these int32 [b]; returns their tables.
        size: rows of a block.

    Yields:
        The position of the first row of a block, and the tables of its rows.
    """
    n = len(prepared.rows)
    points = (prepared.kept() if prepared.rows.nbytes <= KEPT_BYTES else prepared).points
    with Threads() as pool:
        count = min(count_cores(), size)
        part = -(-size // count)
        columns = [slice(n * at // count, n * (at + 1) // count) for at in range(count)]
        gram = aligned_empty((part * count, n), points.dtype)
        for start in range(0, len(rows), size):
            left = min(size, len(rows) - start)
            # The last part is filled up, so that programs are compiled for one shape.
            query = rows[start + np.minimum(np.arange(len(gram)), left - 1)]
            some = points[query[:left]]

            def of_columns(chunk: slice, some: np.ndarray = some, left: int = left) -> None:
                multiply(points, some, chunk, gram[:left, chunk])

            def of_part(first: int, query: np.ndarray = query) -> list[Neighbours]:
                chunk = slice(first, first + part)
                found: list[Neighbours] = jax.device_get(search(gram[chunk], query[chunk]))
                return found

            with one_thread_products():
                list(pool.map(of_columns, columns))
            gram[left:] = gram[left - 1]
            tables = zip(*pool.map(of_part, range(0, left, part)), strict=True)
            yield start, [join_blocks(parts, left) for parts in tables]
            release_memory()


def join_blocks(parts: Any, n: int) -> Neighbours:
    """Concatenate the tables of blocks of rows into the table of n rows, without the padding rows of the last block."""
    return Neighbours(*(np.concatenate(column)[:n] for column in zip(*parts, strict=True)))
