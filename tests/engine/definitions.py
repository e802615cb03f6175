"""Plain float64 definitions of what the engine computes: whole n x n matrices, textbook form, no blocks and no JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

Matrix = np.ndarray


def wide(x: Any) -> Matrix:
    return np.asarray(x).astype(np.float64)


def distances(x: Any) -> Matrix:
    x = wide(x)
    return np.stack([np.sqrt(((row - x) ** 2).sum(1)) for row in x])


def median_nonzero_distance(x: Any) -> float:
    apart = distances(x)[np.triu_indices(len(x), 1)]
    return float(np.median(apart[apart > 0]))


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
    """Song et al. (2012), equation 5."""
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


def similarity(x: Any, metric: str) -> Matrix:
    x = wide(x)
    if metric == "euclidean":
        return -distances(x)
    if metric == "cosine":
        length = np.sqrt((x * x).sum(1, keepdims=True))
        x = x / np.where(length > 0, length, 1)
    return x @ x.T


def nearest(x: Any, k: int, metric: str) -> Matrix:
    """The k most similar other rows of each row, ties to the lowest index."""
    table = []
    for i, row in enumerate(similarity(x, metric)):
        others = [j for j in range(len(row)) if j != i]
        table.append(sorted(others, key=lambda j, row=row: (-row[j], j))[:k])
    return np.array(table)


def mutual_knn(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    pairs = zip(nearest(x, k, metric), nearest(y, k, metric), strict=True)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in pairs]))


def _mask(x: Any, k: int, metric: str) -> Matrix:
    mask = np.zeros((len(x), len(x)))
    for i, row in enumerate(nearest(x, k, metric)):
        mask[i, row] = 1
    return mask


def cknna(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    """Huh et al. (2024), as in their code, without the constant in the denominator."""
    kernel, other = similarity(x, metric), similarity(y, metric)
    a, b = _mask(x, k, metric), _mask(y, k, metric)
    shared = unbiased_hsic(a * b * kernel, a * b * other)
    return shared / np.sqrt(unbiased_hsic(a * kernel, a * kernel) * unbiased_hsic(b * other, b * other))


def unique_rows(x: Any) -> Matrix:
    _, first = np.unique(wide(x), axis=0, return_index=True)
    return wide(x)[np.sort(first)]


def intrinsic_dimension(x: Any, estimator: str = "mle", k: int = 20) -> float:
    rows = unique_rows(x)
    ordered = np.sort(distances(rows), 1)[:, 1:]  # without the row itself
    if estimator == "mle":
        inverse = [np.mean([np.log(far[k - 1] / far[j]) for j in range(k - 1)]) for far in ordered]
        return float(1 / np.mean(inverse))
    ratio = np.sort(ordered[:, 1] / ordered[:, 0])
    n = len(ratio)
    used = n * 9 // 10
    across, up = np.log(ratio[:used]), -np.log(1 - np.arange(1, used + 1) / n)
    return float((across @ up) / (across @ across))


def jaccard_knn(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    pairs = [(set(a), set(b)) for a, b in zip(nearest(x, k, metric), nearest(y, k, metric), strict=True)]
    return float(np.mean([len(a & b) / len(a | b) for a, b in pairs]))


def cycle_knn(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    """From i to its neighbours in y, from each of these to its neighbours in x."""
    in_x, in_y = nearest(x, k, metric), nearest(y, k, metric)
    return float(np.mean([any(i in in_x[j] for j in in_y[i]) for i in range(len(in_x))]))


def _self_mask(x: Any, k: int, metric: str) -> Matrix:
    """The k most similar rows of each row, itself among them and first where equal."""
    mask = np.zeros((len(x), len(x)))
    for i, row in enumerate(similarity(x, metric)):
        mask[i, sorted(range(len(row)), key=lambda j, i=i, row=row: (-row[j], j != i, j))[:k]] = 1
    return mask


def cknna_alignment(x: Any, y: Any, k: int, variant: str, metric: str = "cosine") -> float:
    """What stands above and, for x with itself, below the line of a CKNNA."""
    kernels, n = [similarity(v, metric) for v in (x, y)], len(x)
    masks = [(_self_mask if variant == "biased" else _mask)(v, k, metric) for v in (x, y)]
    h = np.eye(n) - np.ones((n, n)) / n
    if variant == "row_centred":
        kernels = [v - v.mean(1, keepdims=True) for v in kernels]
    if variant == "double_centred":
        kernels = [h @ v @ h for v in kernels]
    a, b = (masks[0] * masks[1] * v for v in kernels)
    if variant == "debiased":
        return unbiased_hsic(a, b)
    if variant == "biased":
        return float(np.trace(a @ h @ b @ h))
    if variant == "calibrated_form":
        return float(((h @ a @ h) * (h @ b @ h)).sum())
    return float((a * b).sum())


def cknna_variant(x: Any, y: Any, k: int, variant: str, metric: str = "cosine") -> float:
    own = [cknna_alignment(v, v, k, variant, metric) for v in (x, y)]
    return cknna_alignment(x, y, k, variant, metric) / np.sqrt(own[0] * own[1])
