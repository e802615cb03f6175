"""What is told of each representation beside every comparison: columns, directions and rows that make up most of it."""

from __future__ import annotations

import numpy as np

from .outliers import far_rows, scaled


def representation_diagnostics(x: np.ndarray, width: int) -> dict[str, float]:
    """Count what may make up most of a score; by NumPy, since JAX would compile a program for every width.

    Args:
        x: floating [n, d].
        width: columns that count, the others being zeros.

    Returns:
        ``dead_columns``, constant over the samples; ``top_column_share`` of the variance; ``norm_outliers``, rows, see
        `hyle.engine.norm_outliers`. Cost and memory O(n d).
    """
    # Dead columns not by the variance: the mean of a constant is rounded.
    dead = (x[:, :width] == x[0, :width]).all(0).sum()
    rows = scaled(x)
    spread = np.einsum("ij,ij->j", rows, rows)
    total = spread.sum()
    return {
        "dead_columns": int(dead),
        "top_column_share": float(spread.max() / total) if total > 0 else 0.0,
        "norm_outliers": int(far_rows(rows).sum()),
    }


def effective_rank(x: np.ndarray) -> float:
    """Count the directions that the variance is spread over: the participation ratio of the covariance's eigenvalues.

    Args:
        x: floating [n, d].

    Cost O(n d min(n, d)).
    """
    rows = scaled(x)
    product = rows.T @ rows if rows.shape[1] <= len(rows) else rows @ rows.T
    squares = np.square(product).sum(dtype=np.float64)
    return float(np.trace(product, dtype=np.float64) ** 2 / squares) if squares > 0 else 0.0
