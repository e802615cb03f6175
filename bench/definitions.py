"""Plain float64 definitions with full n x n matrices: slow, but the reference for every value in the table."""

from __future__ import annotations

import numpy as np
from scipy.linalg import svdvals
from scipy.optimize import brentq
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import rankdata

from .metrics import DIMENSION_K, GRIDE_ORDER, K

Matrix = np.ndarray


def _linear(x: Matrix) -> Matrix:
    centred = x - x.mean(0)
    return centred @ centred.T


def _rbf(x: Matrix) -> Matrix:
    distances = pdist(x)
    return np.exp(-(squareform(distances) ** 2) / (2 * np.median(distances[distances > 0]) ** 2))


def _centred(k: Matrix) -> Matrix:
    return k - k.mean(0) - k.mean(1)[:, None] + k.mean()


def _biased(k: Matrix, l: Matrix) -> float:  # noqa: E741
    return float((_centred(k) * l.T).sum()) / len(k) ** 2


def _unbiased(k: Matrix, l: Matrix) -> float:  # noqa: E741
    """Estimate HSIC without bias, by equation 5 of Song et al. (2012)."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    third = 2 * float(k.sum(0) @ l.sum(1)) / (n - 2)
    return (float((k * l.T).sum()) + float(k.sum()) * float(l.sum()) / ((n - 1) * (n - 2)) - third) / (n * (n - 3))


def _aligned(hsic, k: Matrix, l: Matrix) -> float:  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def _cosines(x: Matrix) -> Matrix:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def _nearest(similarity: Matrix) -> Matrix:
    similarity = similarity.copy()
    np.fill_diagonal(similarity, -np.inf)
    mask = np.zeros(similarity.shape)
    np.put_along_axis(mask, np.argsort(-similarity, 1, kind="stable")[:, :K], 1, 1)
    return mask


def mutual_knn(x: Matrix, y: Matrix) -> float:
    return float((_nearest(_cosines(x)) * _nearest(_cosines(y))).sum()) / (len(x) * K)


def cknna(x: Matrix, y: Matrix) -> float:
    k, l = _cosines(x), _cosines(y)  # noqa: E741
    a, b = _nearest(k), _nearest(l)
    return _unbiased(a * b * k, a * b * l) / np.sqrt(_unbiased(a * k, a * k) * _unbiased(b * l, b * l))


def distance_correlation(x: Matrix, y: Matrix, *, debiased: bool) -> float:
    """Return the root of the V-statistic, or the bias-corrected square."""
    a, b = cdist(x, x), cdist(y, y)
    return _aligned(_unbiased, a, b) if debiased else float(np.sqrt(_aligned(_biased, a, b)))


def information_imbalance(x: Matrix, y: Matrix) -> list[float]:
    a, b = cdist(x, x), cdist(y, y)
    values = []
    for source, target in ((a, b), (b, a)):
        source = source + np.diag(np.full(len(source), np.inf))
        nearest = source.argmin(1)[:, None]
        rank = (target < np.take_along_axis(target, nearest, 1)).sum(1)
        values.append(2 * float(rank.mean()) / len(x))
    return values


def _sorted_distances(x: Matrix) -> Matrix:
    return np.sort(cdist(x, x), 1)[:, 1:]


def twonn(x: Matrix) -> float:
    distances = _sorted_distances(x)
    ratio = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    n, used = len(ratio), len(ratio) * 9 // 10
    target = -np.log(1 - np.arange(1, used + 1) / n)
    return float(ratio[:used] @ target / (ratio[:used] @ ratio[:used]))


def mle(x: Matrix) -> float:
    distances = _sorted_distances(x)[:, :DIMENSION_K]
    return float(1 / np.log(distances[:, -1:] / distances[:, :-1]).mean())


def gride(x: Matrix) -> float:
    distances, first = _sorted_distances(x), GRIDE_ORDER
    logs = np.log(distances[:, 2 * first - 1] / distances[:, first - 1])

    def slope(d: float) -> float:
        powers = float((logs / -np.expm1(-d * logs)).sum())
        return (len(logs) - 1) / d + (first - 1) * powers - (2 * first - 1) * float(logs.sum())

    return float(brentq(slope, 1e-3, 1e3, xtol=1e-12))


def id_correlation(x: Matrix, y: Matrix) -> float:
    x, y = ((v - v.mean(0)) / v.std(0, ddof=1) for v in (x, y))
    first, second, joint = twonn(x), twonn(y), twonn(np.concatenate([x, y], 1))
    return (first + second - joint) / max(first, second)


def procrustes(x: Matrix, y: Matrix) -> float:
    x, y = ((v - v.mean(0)) / np.linalg.norm(v - v.mean(0)) for v in (x, y))
    return 2 - 2 * float(svdvals(x.T @ y).sum())


def rsa(x: Matrix, y: Matrix) -> float:
    return float(np.corrcoef(rankdata(pdist(x)), rankdata(pdist(y)))[0, 1])


DEFINITIONS = {
    "cka_biased": lambda x, y: _aligned(_biased, _linear(x), _linear(y)),
    "cka": lambda x, y: _aligned(_unbiased, _linear(x), _linear(y)),
    "cka_rbf_biased": lambda x, y: _aligned(_biased, _rbf(x), _rbf(y)),
    "cka_rbf": lambda x, y: _aligned(_unbiased, _rbf(x), _rbf(y)),
    "mutual_knn": mutual_knn,
    "cknna": cknna,
    "distance_correlation_biased": lambda x, y: distance_correlation(x, y, debiased=False),
    "distance_correlation": lambda x, y: distance_correlation(x, y, debiased=True),
    "information_imbalance": information_imbalance,
    "intrinsic_dimension_twonn": twonn,
    "intrinsic_dimension": mle,
    "intrinsic_dimension_gride": gride,
    "id_correlation": id_correlation,
    "procrustes": procrustes,
    "rsa": rsa,
}
