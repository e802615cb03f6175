"""Outlier rows, a few of which can dominate a global score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..base import InputError, matrix

CHUNK = 2**18  # entries of the rows that are handled at once
FACTOR = 4.0  # outliers of real models are at 4 to 16 times the median distance


def norm_outliers(x: Any, /, *, factor: float = FACTOR) -> np.ndarray:
    """Find rows that are far from the mean row compared with the other rows.

    A row is an outlier if its distance from the mean row exceeds ``factor`` times the median of these distances. The
    result is invariant to translation, rotation and isotropic scaling.

    Args:
        x: rows [n, d], any floating dtype.
        factor: threshold in units of the median distance, above 1.

    Returns:
        bool [n]. All False if more than half of the rows equal the mean row.

    Raises:
        ValueError: factor is not above 1.

    Cost O(n d), memory O(n).

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> x[7] *= 20
        >>> norm_outliers(x).nonzero()[0].tolist()
        [7]
    """
    if factor <= 1:
        raise InputError(f"factor={factor} must be above 1: rows at the median distance are not outliers")
    chunks = scaled_chunks(np.asarray(matrix(x)))
    return are_far(np.sqrt(np.concatenate([np.einsum("ij,ij->i", rows, rows) for _, rows in chunks])), factor)


def scaled_chunks(rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Centre rows [n, d] and divide them by their largest entry, so that squares stay in the range of float32.

    Yields:
        Some of the rows, a slice, and what becomes of them; so few that they stay in the cache.
    """
    n, d = rows.shape
    mean, size = rows.mean(0, dtype=np.float64).astype(rows.dtype), max(1, CHUNK // d)
    chunks = [slice(start, start + size) for start in range(0, n, size)]
    largest = max(np.abs(rows[chunk] - mean).max(initial=0) for chunk in chunks)
    for chunk in chunks:
        centred = rows[chunk] - mean
        yield chunk, centred / largest if largest > 0 else centred


def are_far(distances: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """Find the rows whose distance [n] from the mean exceeds ``factor`` times the median distance; bool [n]."""
    median = float(np.median(distances))
    return distances > factor * median if median > 0 else np.zeros(len(distances), bool)
