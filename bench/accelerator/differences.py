"""How far two comparisons of the same models are apart, and how far they may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# Sums are rounded differently on each device. Where two neighbours are equally far up to rounding, either may be taken,
# which changes a score of neighbours by more.
SUMS, NEIGHBOURS = 1e-4, 1e-3


def allowed(metric: str) -> float:
    """Return the largest acceptable difference of a metric, in units of its values where these exceed 1."""
    from hyle.engine import find_metric

    return SUMS if set(find_metric(metric).needs) <= {"linear", "rbf", "distance"} else NEIGHBOURS


def difference(found: Any, expected: Any) -> float:
    """Return the largest difference, in units of the largest value where this exceeds 1; infinite if NaNs differ."""
    a, b = (np.asarray(value, np.float64) for value in (found, expected))
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return float("inf")
    known = ~np.isnan(b)
    return float(np.max(np.abs(a - b)[known], initial=0) / max(1.0, np.max(np.abs(b)[known], initial=0)))


def differences(found: Any, expected: Any, metrics: Iterable[str]) -> dict[str, float]:
    """Return the difference of every metric between two comparisons, or two mappings of the same entries."""
    return {name: difference(found[name], expected[name]) for name in metrics}


def check(apart: Mapping[str, float]) -> None:
    """Check the differences of metrics.

    Raises:
        ArithmeticError: some exceed what is allowed; names them.
    """
    beyond = [f"{name} differs by {value:.1e}" for name, value in apart.items() if value > allowed(name)]
    if beyond:
        raise ArithmeticError(f"{', '.join(beyond)}: more than {SUMS:g}, or {NEIGHBOURS:g} for neighbours")


def wrong_neighbours(points: np.ndarray, found: np.ndarray, expected: np.ndarray) -> tuple[int, int]:
    """Compare the neighbours of two tables.

    Args:
        points: [n, d], the Euclidean distances of which define the neighbours.
        found: int [n, k].
        expected: int [n, k].

    Returns:
        The number of entries that differ, and of those the number whose distances differ by more than rounding.
    """
    rows, columns = np.nonzero(found != expected)
    exact = points.astype(np.float64)
    one, other = (((exact[rows] - exact[table[rows, columns]]) ** 2).sum(1) for table in (found, expected))
    return len(rows), int((np.abs(one - other) > 2e-5 * np.maximum(one, other)).sum())
