"""Metrics of nearest neighbours, from whole matrices of similarities."""

from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import Matrix, distances, unbiased_hsic, wide


def similarity(x: Any, metric: str) -> Matrix:
    x = wide(x)
    if metric == "euclidean":
        return -distances(x)
    if metric == "cosine":
        length = np.sqrt((x * x).sum(1, keepdims=True))
        x = x / np.where(length > 0, length, 1)
    return x @ x.T


def nearest(x: Any, k: int, metric: str) -> Matrix:
    """Find the k most similar other rows of each row; ties are broken by the lowest index."""
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
    """Compute CKNNA as in the code of Huh et al. (2024), without the constant in the denominator."""
    kernel, other = similarity(x, metric), similarity(y, metric)
    a, b = _mask(x, k, metric), _mask(y, k, metric)
    shared = unbiased_hsic(a * b * kernel, a * b * other)
    return shared / np.sqrt(unbiased_hsic(a * kernel, a * kernel) * unbiased_hsic(b * other, b * other))


def jaccard_knn(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    pairs = [(set(a), set(b)) for a, b in zip(nearest(x, k, metric), nearest(y, k, metric), strict=True)]
    return float(np.mean([len(a & b) / len(a | b) for a, b in pairs]))


def cycle_knn(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    """Compute the share of rows to which a step to a neighbour in y and then to a neighbour in x can return."""
    in_x, in_y = nearest(x, k, metric), nearest(y, k, metric)
    return float(np.mean([any(i in in_x[j] for j in in_y[i]) for i in range(len(in_x))]))


def _self_mask(x: Any, k: int, metric: str) -> Matrix:
    """Mask the k most similar rows of each row, including itself, which comes first among ties."""
    mask = np.zeros((len(x), len(x)))
    for i, row in enumerate(similarity(x, metric)):
        mask[i, sorted(range(len(row)), key=lambda j, i=i, row=row: (-row[j], j != i, j))[:k]] = 1
    return mask


def cknna_alignment(x: Any, y: Any, k: int, variant: str, metric: str = "cosine") -> float:
    """Compute the numerator of CKNNA, or for x with itself the square of a factor of its denominator."""
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
    norms = [cknna_alignment(v, v, k, variant, metric) for v in (x, y)]
    return cknna_alignment(x, y, k, variant, metric) / np.sqrt(norms[0] * norms[1])


def ranks(x: Any) -> Matrix:
    """Rank the Euclidean neighbours: entry (i, j) of [n, n] is the rank of row j among those of row i, from 1.

    Ties are broken by the lowest index, and row i itself has rank 0. Squared distances are used because those of
    integers are exact.
    """
    x = wide(x)
    result = np.zeros((len(x), len(x)), int)
    for i, row in enumerate(x):
        squares = ((x - row) ** 2).sum(1)
        squares[i] = -1
        result[i, np.argsort(squares, kind="stable")] = np.arange(len(x))
    return result


def information_imbalance(x: Any, y: Any, k: int = 1) -> float:
    """Compute 2 / n times the mean rank in y of the k nearest neighbours in x, as in Glielmo et al. (2022)."""
    nearest_in_x = (ranks(x) > 0) & (ranks(x) <= k)
    return float(2 / len(x) * ranks(y)[nearest_in_x].mean())


def second_order_cosine(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    """Compute it as in Klabunde et al. (2025); the cosine of a vector of zeros is 0."""
    cosines, values = [similarity(v, "cosine") for v in (x, y)], []
    for i, (a, b) in enumerate(zip(nearest(x, k, metric), nearest(y, k, metric), strict=True)):
        u, v = (each[i, sorted({*a} | {*b})] for each in cosines)
        length = np.linalg.norm(u) * np.linalg.norm(v)
        values.append(u @ v / length if length > 0 else 0.0)
    return float(np.mean(values))


def rank_similarity(x: Any, y: Any, k: int, metric: str = "cosine") -> float:
    """Compute it as in Klabunde et al. (2025), neighbour by neighbour."""
    values = []
    for a, b in zip(nearest(x, k, metric).tolist(), nearest(y, k, metric).tolist(), strict=True):
        common = [(a.index(j) + 1, b.index(j) + 1) for j in a if j in b]
        weights = sum(2 / ((1 + abs(r - s)) * (r + s)) for r, s in common)
        values.append(weights / sum(1 / i for i in range(1, len(common) + 1)) if common else 0.0)
    return float(np.mean(values))
