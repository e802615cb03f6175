"""Representational similarity analysis, from all distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import Matrix, wide


def condensed(x: Any, distance: str) -> Matrix:
    x = wide(x)
    if distance == "correlation":
        x = x - x.mean(1, keepdims=True)
        x[np.abs(x).max(1) < 1e-12] = 0
    if distance != "euclidean":
        length = np.linalg.norm(x, axis=1, keepdims=True)
        x = x / np.where(length > 0, length, 1)
    i, j = np.triu_indices(len(x), 1)
    # Cosines are rounded, so that the distances to equal rows are tied.
    return np.sqrt(((x[i] - x[j]) ** 2).sum(1)) if distance == "euclidean" else 1 - np.round((x[i] * x[j]).sum(1), 12)


def mean_ranks(values: Matrix) -> Matrix:
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(size) - (size - 1) / 2)[group]


def rsa(x: Any, y: Any, distance: str = "euclidean", correlation: str = "spearman") -> float:
    a, b = condensed(x, distance), condensed(y, distance)
    if correlation == "kendall":
        return tau_a(a, b)
    if correlation == "spearman":
        a, b = mean_ranks(a), mean_ranks(b)
    return float(np.corrcoef(a, b)[0, 1])


def tau_a(a: Matrix, b: Matrix) -> float:
    """Compute Kendall's tau-a from the signs of all differences."""
    signs = sum(float(np.sign(a[i] - a[i + 1 :]) @ np.sign(b[i] - b[i + 1 :])) for i in range(len(a)))
    return signs / (len(a) * (len(a) - 1) / 2)
