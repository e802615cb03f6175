"""Rows that lie far outside: a few of them can make up most of a global score."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import InputError, as_array

FACTOR = 4.0  # of real models the outliers found lie at 4 to 16 times the usual distance


def norm_outliers(x: Any, /, *, factor: float = FACTOR) -> np.ndarray:
    """Tell which rows lie far from the mean, next to how far rows usually lie.

    A row is an outlier where its distance from the mean row exceeds ``factor`` times the median of these distances.
    Nothing absolute is asked: the answer does not change when all rows are moved, turned or multiplied.

    Args:
        x: rows [n, d], any float dtype.
        factor: what is far; above 1.

    Returns:
        bool [n]. All False where more than half of the rows are the mean row.

    Raises:
        ValueError: factor not above 1.

    Cost: O(n d) time, one copy of x.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> x[7] *= 20
        >>> norm_outliers(x).nonzero()[0].tolist()
        [7]
    """
    if factor <= 1:
        raise InputError(f"factor={factor} must be above 1: rows at the usual distance are no outliers")
    return far_rows(scaled(np.asarray(as_array(x))), factor)


def scaled(rows: np.ndarray) -> np.ndarray:
    """Centre rows [n, d], and divide them so that no square leaves the range of float32."""
    centred = rows - rows.mean(0, dtype=np.float64).astype(rows.dtype)
    largest = np.abs(centred).max(initial=0)
    return centred / largest if largest > 0 else centred


def far_rows(centred: np.ndarray, factor: float = FACTOR) -> np.ndarray:
    """Tell which rows [n, d] lie farther from 0 than `factor` times the median; bool [n]."""
    distances = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    usual = float(np.median(distances))
    return distances > factor * usual if usual > 0 else np.zeros(len(centred), bool)
