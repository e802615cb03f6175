"""Outlier rows, a few of which can dominate a global score."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import Centred, InputError, matrix

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
    points = Centred.of(np.asarray(matrix(x))).chunks()
    return are_far(np.sqrt(np.concatenate([np.vecdot(some, some) for _, some in points])), factor)


def are_far(distances: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """Find the rows whose distance [n] from the mean exceeds ``factor`` times the median distance; bool [n]."""
    median = float(np.median(distances))
    return distances > factor * median if median > 0 else np.zeros(len(distances), bool)
