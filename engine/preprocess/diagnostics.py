"""Diagnostics reported for each representation: columns, directions and rows that dominate it."""

from __future__ import annotations

import numpy as np

from .outliers import are_far, scaled_chunks


def representation_diagnostics(x: np.ndarray, width: int) -> dict[str, float]:
    """Compute diagnostics of columns and rows that may dominate a score.

    NumPy is used because JAX would compile a program for every width.

    Args:
        x: floating [n, d].
        width: number of columns to consider; the others are padding with zeros.

    Returns:
        ``dead_columns``: number of columns that are constant over the samples.
        ``top_column_share``: share of the total variance in the column with the largest variance.
        ``norm_outliers``: number of outlier rows, see `hyle.engine.norm_outliers`.

    Cost O(n d), memory O(n).
    """
    # Compared exactly: the variance of a constant column is not 0, because its mean is rounded.
    dead = np.ones(width, bool)
    squares, lengths = np.zeros(x.shape[1]), []
    for chunk, rows in scaled_chunks(x):
        dead &= (x[chunk, :width] == x[0, :width]).all(0)
        squares += np.einsum("ij,ij->j", rows, rows)
        lengths.append(np.einsum("ij,ij->i", rows, rows))
    total = squares.sum()
    return {
        "dead_columns": int(dead.sum()),
        "top_column_share": float(squares.max() / total) if total > 0 else 0.0,
        "norm_outliers": int(are_far(np.sqrt(np.concatenate(lengths))).sum()),
    }


def effective_rank(x: np.ndarray) -> float:
    """Compute the effective rank: the participation ratio of the eigenvalues of the covariance.

    Args:
        x: floating [n, d].

    Cost O(n d min(n, d)).
    """
    n, d = x.shape
    if d <= n:
        product = np.zeros((d, d))
        for _, rows in scaled_chunks(x):
            product += rows.T @ rows
    else:
        rows = np.concatenate([rows for _, rows in scaled_chunks(x)])
        product = rows @ rows.T
    squares = np.square(product).sum(dtype=np.float64)
    return float(np.trace(product, dtype=np.float64) ** 2 / squares) if squares > 0 else 0.0
