"""Plain float64 definitions of what the engine computes: full n x n matrices, textbook form, no blocks and no JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, optimize, special

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


def pnka(x: Any, y: Any) -> Matrix:
    """Compute the cosine between the rows of the two Gram matrices of each sample."""
    values = []
    for u, v in zip(kernel_matrix(x), kernel_matrix(y), strict=True):
        length = np.linalg.norm(u) * np.linalg.norm(v)
        values.append(u @ v / length if length > 0 else 0.0)
    return np.array(values)
