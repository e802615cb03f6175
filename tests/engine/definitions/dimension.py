"""Estimators of the intrinsic dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, special

from .kernels import Matrix, distances, wide


def unique_rows(x: Any) -> Matrix:
    _, first = np.unique(wide(x), axis=0, return_index=True)
    return wide(x)[np.sort(first)]


def intrinsic_dimension(x: Any, estimator: str = "mle", k: int = 20) -> float:
    return dimension_of(np.sort(distances(unique_rows(x)), 1)[:, 1:], estimator, k)  # without the row itself


def dimension_of(ordered: Matrix, estimator: str, k: int) -> float:
    """Estimate the dimension from the distances of each row to its neighbours, nearest first."""
    n = len(ordered)
    if estimator in ("mle", "mle_arithmetic"):
        inverse = [np.mean([np.log(row[k - 1] / row[j]) for j in range(k - 1)]) for row in ordered]
        return float(1 / np.mean(inverse) if estimator == "mle" else np.mean(1 / np.array(inverse)))
    if estimator == "gride":
        n1 = max(2**power for power in range(10) if 2 * 2**power <= k)
        return gride(ordered[:, 2 * n1 - 1] / ordered[:, n1 - 1], n1)
    ratio = np.sort(ordered[:, 1] / ordered[:, 0])
    if estimator == "twonn_ml":
        return float((n - 1) / np.log(ratio).sum())
    used = n * 9 // 10
    logs, target = np.log(ratio[:used]), -np.log(1 - np.arange(1, used + 1) / n)
    return float((logs @ target) / (logs @ logs))


def gride_log_density(mu: Matrix, d: float, n1: int, n2: int) -> Matrix:
    """Compute the log density of Denti et al. (2022) at mu, the ratio of the distances to neighbours n2 and n1."""
    norm = special.betaln(n2 - n1, n1)
    return np.log(d) + (n2 - n1 - 1) * np.log(np.expm1(d * np.log(mu))) - norm - (d * (n2 - 1) + 1) * np.log(mu)


def gride(mu: Matrix, n1: int) -> float:
    """Find the d that maximises the likelihood divided by d; the division makes TwoNN, n1 = 1, unbiased."""

    def loss(log_d: float) -> float:
        return log_d - float(gride_log_density(mu, np.exp(log_d), n1, 2 * n1).sum())

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-3, 5), method="bounded", options={"xatol": 1e-10}).x))


def gride_error(mu: Matrix, d: float, n1: int) -> float:
    """Estimate one standard error from the curvature of the log likelihood at d, by finite differences."""
    step = 1e-4 * d
    below, here, above = (float(gride_log_density(mu, d + i * step, n1, 2 * n1).sum()) for i in (-1, 0, 1))
    return float(((2 * here - below - above) / step**2) ** -0.5)


def standardised(x: Any) -> Matrix:
    x = wide(x)
    std = x.std(0, ddof=1)
    varies = x.min(0) < x.max(0)
    return np.where(varies, (x - x.mean(0)) / np.where(varies, std, 1), 0)


def id_correlation(x: Any, y: Any, estimator: str = "twonn", k: int = 20) -> float:
    x, y = standardised(x), standardised(y)
    first, second, joint = (intrinsic_dimension(v, estimator, k) for v in (x, y, np.concatenate([x, y], 1)))
    return (first + second - joint) / max(first, second)
