"""Diagnostics reported for each representation: columns, directions and rows that dominate it."""

from __future__ import annotations

import numpy as np

from ..base import Centred, constant_columns
from .outliers import are_far

# Entries of the rows that are multiplied at once.
CHUNK = 2**18


def representation_diagnostics(x: np.ndarray, width: int, points: Centred | None = None) -> dict[str, float]:
    """Compute diagnostics of columns and rows that may dominate a score.

    NumPy is used because JAX would compile a program for every width.

    Args:
        x: floating [n, d].
        width: number of columns to consider; the others are padding with zeros.
        points: `Centred` rows of ``x``, where they are known.

    Returns:
        ``dead_columns``: number of columns that are constant over the samples.
        ``top_column_share``: share of the total variance in the column with the largest variance.
        ``norm_outliers``: number of outlier rows, see `hyle.engine.norm_outliers`.

    Cost O(n d), memory O(n).
    """
    squares, lengths = np.zeros(x.shape[1]), np.empty(len(x), x.dtype)
    for chunk, some in (Centred.of(x) if points is None else points).chunks():
        squares += np.einsum("ij,ij->j", some, some)
        np.vecdot(some, some, out=lengths[chunk])
    total = squares.sum()
    return {
        # Compared exactly: the variance of a constant column is not 0, because its mean is rounded.
        "dead_columns": int(constant_columns(x[:, :width]).sum()),
        "top_column_share": float(squares.max() / total) if total > 0 else 0.0,
        "norm_outliers": int(are_far(np.sqrt(lengths)).sum()),
    }


def effective_rank(x: np.ndarray) -> float:
    """Compute the effective rank: the participation ratio of the eigenvalues of the covariance.

    Args:
        x: floating [n, d].

    Cost O(n d min(n, d)).
    """
    (n, d), points = x.shape, Centred.of(x)
    if d <= n:
        product = np.zeros((d, d))
        for _, some in points.chunks(CHUNK):
            product += some.T @ some
    else:
        rows = np.asarray(points)
        product = rows @ rows.T
    squares = np.square(product).sum(dtype=np.float64)
    return float(np.trace(product, dtype=np.float64) ** 2 / squares) if squares > 0 else 0.0
