"""Metrics of linear maps between two representations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from .kernels import Matrix, wide


def unit_size(x: Any) -> Matrix:
    x = wide(x) - wide(x).mean(0)
    return x / np.linalg.norm(x)


def procrustes(x: Any, y: Any, form: str = "squared") -> float:
    shared = min(1.0, np.linalg.svd(unit_size(x).T @ unit_size(y), compute_uv=False).sum())
    if form == "size_and_shape":
        a, b = (wide(v) - wide(v).mean(0) for v in (x, y))
        return float((np.sum(a**2) + np.sum(b**2) - 2 * np.linalg.svd(a.T @ b, compute_uv=False).sum()) ** 0.5)
    forms = {"squared": 2 - 2 * shared, "root": (2 - 2 * shared) ** 0.5, "disparity": 1 - shared**2, "bures": shared}
    return float(forms.get(form, np.arccos(shared)))


def standardised_by(x: Any, rows: Matrix) -> Matrix:
    x = wide(x)
    x = x - x[rows].mean(0)
    return x / np.sqrt((x[rows] ** 2).sum(1).mean())


def truncated_fit(x: Matrix, y: Matrix) -> Matrix:
    """Fit the linear map by an SVD that is truncated where two shuffled folds predict each other best."""
    order = np.random.RandomState(0x5F3759DF).permutation(len(x))
    folds = order[len(x) - len(x) // 2 :], order[: len(x) - len(x) // 2]

    def solve(a: Matrix, b: Matrix, cut: float) -> Matrix:
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        kept = s > cut
        return vt[kept].T @ ((u[:, kept].T @ b) / s[kept, None])

    def error(cut: float) -> float:
        pairs = zip(folds, folds[::-1], strict=True)
        return sum(np.sqrt(((y[b] - x[b] @ solve(x[a], y[a], cut)) ** 2).mean(0)).mean() for a, b in pairs)

    largest = max(np.linalg.svd(x[fold], compute_uv=False)[0] for fold in folds)
    cuts = np.geomspace(1e-9, 0.9, 20) * largest
    return solve(x, y, cuts[np.argmin([error(cut) for cut in cuts])])


def reconstruction_error(x: Any, y: Any, k: int | None = None) -> float:
    """Compute the error on odd rows of a map fitted on even rows; with k, one map per odd row, on its k neighbours."""
    rows, held_out = np.arange(0, len(x), 2), np.arange(1, len(x), 2)
    a, b = standardised_by(x, rows), standardised_by(y, rows)
    squares = []
    if k is None:
        squares = list(((b[held_out] - a[held_out] @ truncated_fit(a[rows], b[rows])) ** 2).sum(1))
    for i in held_out if k is not None else ():
        nearby = rows[np.argsort(((wide(x)[rows] - wide(x)[i]) ** 2).sum(1), kind="stable")[:k]]
        mean_a, mean_b = a[nearby].mean(0), b[nearby].mean(0)
        predicted = mean_b + (a[i] - mean_a) @ truncated_fit(a[nearby] - mean_a, b[nearby] - mean_b)
        squares.append(((b[i] - predicted) ** 2).sum())
    return float(np.sqrt(np.mean(squares)))


def canonical(x: Any, y: Any) -> tuple[Matrix, Matrix]:
    """Find the canonical correlations [q], and the canonical variables of x [n, q], by eigenvalues of covariances."""
    x, y = (wide(v) - wide(v).mean(0) for v in (x, y))
    explained = (x.T @ y) @ np.linalg.solve(y.T @ y, y.T @ x)
    squares, weights = linalg.eigh(explained, x.T @ x)
    order = np.argsort(-squares)[: min(x.shape[1], y.shape[1])]
    return np.sqrt(np.maximum(squares[order], 0)), x @ weights[:, order]


def cca(x: Any, y: Any, form: str = "mean") -> float:
    found, _ = canonical(x, y)
    return float((found ** (2 if form == "squared" else 1)).mean())


def leading(x: Any, variance: float = 0.99, components: int | None = None) -> Matrix:
    """Project onto the fewest principal axes that explain a share of the variance, or onto a number of them."""
    x = wide(x) - wide(x).mean(0)
    values, axes = np.linalg.eigh(x.T @ x)
    values, axes = values[::-1], axes[:, ::-1]
    if components is None:
        components = next(k for k in range(1, len(values) + 1) if values[:k].sum() >= variance * values.sum())
    return x @ axes[:, :components]


def svcca(x: Any, y: Any, variance: float = 0.99, components: int | None = None) -> float:
    return cca(leading(x, variance, components), leading(y, variance, components))


def pwcca(x: Any, y: Any) -> float:
    """Weight by sum_j |h_i . x_j|, as in Morcos et al. (2018), section 2."""
    found, variables = canonical(x, y)
    weights = np.abs(variables.T @ (wide(x) - wide(x).mean(0))).sum(1)
    return float(weights @ found / weights.sum())


def linear_regression(x: Any, y: Any, held_out: bool = True) -> float:
    """Compute R^2 of all columns: of odd rows by a map fitted on even rows, or of all rows by least squares."""
    if held_out:
        rows, test = np.arange(0, len(x), 2), np.arange(1, len(x), 2)
        a, b = standardised_by(x, rows), standardised_by(y, rows)
        target, predicted = b[test], a[test] @ truncated_fit(a[rows], b[rows])
    else:
        target, with_constant = wide(y), np.concatenate([wide(x), np.ones((len(x), 1))], 1)
        predicted = with_constant @ np.linalg.lstsq(with_constant, target, rcond=None)[0]
    return float(1 - ((target - predicted) ** 2).sum() / ((target - target.mean(0)) ** 2).sum())
