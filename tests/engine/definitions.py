"""Plain float64 definitions of what the engine computes: whole n x n matrices, textbook form, no blocks and no JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, special

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
    return dimension_of(np.sort(distances(unique_rows(x)), 1)[:, 1:], estimator, k)  # without the row itself


def dimension_of(ordered: Matrix, estimator: str, k: int) -> float:
    """The dimension from the distances of every row to its neighbours, nearest first."""
    n = len(ordered)
    if estimator in ("mle", "mle_arithmetic"):
        inverse = [np.mean([np.log(far[k - 1] / far[j]) for j in range(k - 1)]) for far in ordered]
        return float(1 / np.mean(inverse) if estimator == "mle" else np.mean(1 / np.array(inverse)))
    if estimator == "gride":
        n1 = max(2**power for power in range(10) if 2 * 2**power <= k)
        return gride(ordered[:, 2 * n1 - 1] / ordered[:, n1 - 1], n1)
    ratio = np.sort(ordered[:, 1] / ordered[:, 0])
    if estimator == "twonn_ml":
        return float((n - 1) / np.log(ratio).sum())
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


def gride_log_density(mu: Matrix, d: float, n1: int, n2: int) -> Matrix:
    """Denti et al. (2022), of mu, the ratio of the distances to the n2-th and to the n1-th neighbour."""
    norm = special.betaln(n2 - n1, n1)
    return np.log(d) + (n2 - n1 - 1) * np.log(np.expm1(d * np.log(mu))) - norm - (d * (n2 - 1) + 1) * np.log(mu)


def gride(mu: Matrix, n1: int) -> float:
    """The d that makes the likelihood over d largest: over d, since TwoNN, n1 = 1, is without bias then."""

    def loss(log_d: float) -> float:
        return log_d - float(gride_log_density(mu, np.exp(log_d), n1, 2 * n1).sum())

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-3, 5), method="bounded", options={"xatol": 1e-10}).x))


def gride_error(mu: Matrix, d: float, n1: int) -> float:
    """One standard error: the curvature of the log likelihood at d, by differences."""
    step = 1e-4 * d
    below, here, above = (float(gride_log_density(mu, d + i * step, n1, 2 * n1).sum()) for i in (-1, 0, 1))
    return float(((2 * here - below - above) / step**2) ** -0.5)


def standardised(x: Any) -> Matrix:
    x = wide(x)
    spread = x.std(0, ddof=1)
    alive = x.min(0) < x.max(0)
    return np.where(alive, (x - x.mean(0)) / np.where(alive, spread, 1), 0)


def id_correlation(x: Any, y: Any, estimator: str = "twonn", k: int = 20) -> float:
    x, y = standardised(x), standardised(y)
    first, second, joint = (intrinsic_dimension(v, estimator, k) for v in (x, y, np.concatenate([x, y], 1)))
    return (first + second - joint) / max(first, second)
