"""Estimators of the intrinsic dimension from the neighbour distances of some rows, for all n rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .estimators import NEWTON_STEPS, Estimator, _fisher_error, _h, largest_order


class RowRatios(NamedTuple):
    """What an estimator takes from the neighbour distances of q rows.

    Args:
        values: float64 [q], for ``mle`` the mean over j of ln(r_k / r_j), for the others ln(r_2n1 / r_n1).
        used: bool [q], False for rows that are excluded; their values are 0.
        n1: order of ``gride``, 1 for the others.
        enough: whether there are enough distinct rows among all n.
    """

    values: np.ndarray
    used: np.ndarray
    n1: int
    enough: bool


def row_ratios(distance: np.ndarray, kept: np.ndarray, distinct: int, estimator: Estimator) -> RowRatios:
    """Compute the ratios of neighbour distances of q rows.

    Args:
        distance: [q, k], nearest first, of a table in which only distinct rows are neighbours.
        kept: bool [q], False for rows that repeat an earlier one.
        distinct: number of distinct rows among all n.
        estimator: see `hyle.engine.intrinsic_dimension`.
    """
    distance = np.asarray(distance, np.float64)
    if estimator in ("mle", "mle_arithmetic"):
        used = kept & (distance[:, 0] > 0)
        known = np.where(used[:, None], distance, 1)
        values = np.log(known[:, -1:] / known[:, :-1]).mean(1)
        used = used & (values > 0) if estimator == "mle_arithmetic" else used
        return RowRatios(values, used, 1, distinct > distance.shape[1] and bool(used.any()))
    n1 = largest_order(distance.shape[1]) if estimator == "gride" else 1
    near, far = distance[:, n1 - 1], distance[:, 2 * n1 - 1]
    used = kept & (near > 0)
    values = np.log(np.where(used, far, 1) / np.where(used, near, 1))
    return RowRatios(values, used, n1, distinct > 2 * n1 and int(used.sum()) > 2)


def estimate_from_rows(ratios: RowRatios, estimator: Estimator, member: np.ndarray, factor: float) -> float:
    """Estimate the intrinsic dimension of all n rows, which q rows stand for.

    Args:
        ratios: of the q rows.
        estimator: see `hyle.engine.intrinsic_dimension`.
        member: bool [q], the rows from which to estimate.
        factor: number of rows that each of these stands for.

    Returns:
        The value, equal to that of all rows if these are all of them; NaN where it is not defined, inf where no two
        neighbour distances differ.
    """
    chosen = ratios.used & member
    values = ratios.values[chosen]
    if not ratios.enough or not len(values):
        return float("nan")
    count, total = factor * len(values), factor * float(values.sum())
    if total == 0:
        return float("inf")
    if estimator == "mle":
        return count / total
    if estimator == "mle_arithmetic":
        return float((1 / values).mean())
    if estimator == "twonn_ml":
        return (count - 1) / total
    return _twonn(values, count) if estimator == "twonn" else _gride(values, count, total, factor, ratios.n1)


def likelihood_error(value: float, ratios: RowRatios) -> float:
    """Return one standard error by the likelihood of the q rows, as `DimensionEstimate.error`."""
    if not ratios.enough:
        return float("nan")
    return float(_fisher_error(np.float64(value), ratios.values, ratios.used, ratios.n1))


def _twonn(logs: np.ndarray, count: float) -> float:
    """Fit as for all rows, each of the sorted ratios having the mean rank that it has among those of all rows."""
    logs = np.sort(logs)
    rank = np.arange(1, len(logs) + 1) * (count + 1) / (len(logs) + 1)
    fitted = rank <= count * 9 // 10
    logs, survival = logs[fitted], -np.log1p(-rank[fitted] / count)
    squares = float(logs @ logs)
    return float(logs @ survival) / squares if squares else float("inf")


def _gride(logs: np.ndarray, count: float, total: float, factor: float, n1: int) -> float:
    d = (count * n1 - 1) / (2 * n1 - 1) / total
    for _ in range(NEWTON_STEPS + 1):
        h, slope = _h(d * logs), _h_slope(d * logs)
        value = count - 1 + (n1 - 1) * factor * h.sum() - (2 * n1 - 1) * d * total
        d -= value / ((n1 - 1) * factor * (logs * slope).sum() - (2 * n1 - 1) * total)
    return float(d)


def _h_slope(t: np.ndarray) -> np.ndarray:
    """Compute the derivative of t / (1 - exp(-t)), 1/2 at 0."""
    small = t < 1e-2
    safe = np.where(small, 1, t)
    decay = np.exp(-safe)
    return np.where(small, 1 / 2 + t / 6 - t**3 / 180, (1 - decay - safe * decay) / np.expm1(-safe) ** 2)
