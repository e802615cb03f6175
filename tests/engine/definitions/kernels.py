"""HSIC, CKA and distance correlation, from whole kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

Matrix = np.ndarray


def wide(x: Any) -> Matrix:
    """Convert to float64."""
    return np.asarray(x).astype(np.float64)


def distances(x: Any) -> Matrix:
    x = wide(x)
    return np.stack([np.sqrt(((row - x) ** 2).sum(1)) for row in x])


def median_nonzero_distance(x: Any) -> float:
    values = distances(x)[np.triu_indices(len(x), 1)]
    return float(np.median(values[values > 0]))


def kernel_matrix(x: Any, kernel: str = "linear", sigma: float | None = None) -> Matrix:
    if kernel == "linear":
        centred = wide(x) - wide(x).mean(0)
        return centred @ centred.T
    sigma = median_nonzero_distance(x) if sigma is None else sigma
    return np.exp(-(distances(x) ** 2) / (2 * sigma**2))


def biased_hsic(k: Matrix, l: Matrix) -> float:  # noqa: E741
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return float(np.trace(k @ h @ l @ h)) / n**2


def unbiased_hsic(k: Matrix, l: Matrix) -> float:  # noqa: E741
    """Estimate HSIC without bias, by equation 5 of Song et al. (2012)."""
    n = len(k)
    k, l = k * (1 - np.eye(n)), l * (1 - np.eye(n))  # noqa: E741
    ones = np.ones(n)
    first = np.trace(k @ l)
    second = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    third = 2 * (ones @ k @ l @ ones) / (n - 2)
    return float(first + second - third) / (n * (n - 3))


def cka(x: Any, y: Any, kernel: str = "linear", debiased: bool = True, sigma: float | None = None) -> float:
    hsic = unbiased_hsic if debiased else biased_hsic
    k, l = kernel_matrix(x, kernel, sigma), kernel_matrix(y, kernel, sigma)  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def multiscale_cka(x: Any, y: Any, steps: int = 2) -> float:
    """Biased CKA of the transition matrices of two random walks after several steps."""
    after = []
    for v in (x, y):
        v = wide(v) - wide(v).mean(0)
        kernel, n = v @ v.T, len(v)
        transition = 1 / n + kernel / (n * np.abs(kernel).max())
        assert transition.min() >= -1e-12
        np.testing.assert_allclose(transition.sum(1), 1)
        after.append(np.linalg.matrix_power(transition, steps))
    hsic = {(i, j): biased_hsic(after[i], after[j]) for i in (0, 1) for j in (0, 1)}
    return float(hsic[0, 1] / np.sqrt(hsic[0, 0] * hsic[1, 1]))


def minibatch_cka(x: Any, y: Any, size: int, kernel: str = "linear", sigma: float | None = None) -> float:
    sums = np.zeros(3)
    for start in range(0, len(x) - size + 1, size):
        k, l = (kernel_matrix(v[start : start + size], kernel, sigma) for v in (x, y))  # noqa: E741
        sums += [unbiased_hsic(k, k), unbiased_hsic(l, l), unbiased_hsic(k, l)]
    return float(sums[2] / np.sqrt(sums[0] * sums[1]))


def distance_hsic(x: Any, y: Any, debiased: bool = True) -> float:
    """Compute the squared distance covariance: HSIC of distances instead of kernels."""
    return (unbiased_hsic if debiased else biased_hsic)(distances(x), distances(y))


def distance_correlation(x: Any, y: Any, debiased: bool = True) -> float:
    """Compute the square: Székely & Rizzo (2014) with U-centring, or Székely et al. (2007) with double centring."""
    n = len(x)
    off = 1 - np.eye(n)

    def centred(v: Any) -> Matrix:
        d = distances(v)
        if debiased:
            rows = d.sum(1) / (n - 2)
            return (d - rows[:, None] - rows + d.sum() / ((n - 1) * (n - 2))) * off
        return d - d.mean(1)[:, None] - d.mean(0) + d.mean()

    a, b = centred(x), centred(y)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def pnka(x: Any, y: Any) -> Matrix:
    """Compute the cosine between the rows of the two Gram matrices of each sample."""
    values = []
    for u, v in zip(kernel_matrix(x), kernel_matrix(y), strict=True):
        length = np.linalg.norm(u) * np.linalg.norm(v)
        values.append(u @ v / length if length > 0 else 0.0)
    return np.array(values)
