"""Pairs of models of a Comparison, and tests of numbers with a jackknife standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.special import stdtr

from ..base import InputError
from ..comparison import ROUNDING, MetricFacts, beside


def two_sided_p(value: float, se: float, freedom: float) -> float:
    """Return the two-sided p-value of a number that should be 0, by Student's distribution.

    NaN if it is undefined: a number or an error that is not finite, or a number that is not 0 without any error, since
    jackknife groups that all give one value do not show how much it varies.
    """
    if not (np.isfinite(value) and np.isfinite(se)):
        return float("nan")
    if se == 0:
        return 1.0 if value == 0 else float("nan")
    return float(2 * stdtr(freedom, -abs(value / se)))


def paired_difference(first: np.ndarray, second: np.ndarray, facts: MetricFacts) -> np.ndarray:
    """Return first - second [...] of two scores of one metric; 0 where no more than rounding errors differ."""
    difference = np.asarray(first - second, np.float64)
    return np.where(np.abs(difference) <= rounding_of(first, second, facts=facts), 0, difference)


def rounding_of(first: np.ndarray, second: np.ndarray, *, facts: MetricFacts) -> np.ndarray:
    """Return the difference of two scores [...] of one metric that counts as a tie, as in `calibrate`."""
    largest = np.maximum(np.abs(first), np.abs(second))
    return np.asarray(ROUNDING * np.maximum(largest, max(abs(facts.best), abs(facts.worst))))


def index_of_pair(comparison: xr.Dataset, pair: Sequence[str]) -> tuple[int, int]:
    """Return the row numbers of two models.

    Raises:
        ValueError: an unknown model, or not two different models.
    """
    names = [str(name) for name in comparison["model"].values]
    unknown = [name for name in pair if name not in names]
    if unknown:
        raise InputError(f"no model is called {unknown[0]!r}; there are {', '.join(names)}")
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InputError(f"{'-'.join(pair)} is not a pair of two models")
    return names.index(pair[0]), names.index(pair[1])


def jackknife_values(comparison: xr.Dataset, metric: str) -> xr.DataArray:
    """Return the scores of a metric without each jackknife group.

    Raises:
        ValueError: the Comparison does not keep them.
    """
    kept = beside(comparison, metric, "jackknife_values")
    if kept is None:
        raise InputError(
            f"the comparison keeps no jackknife values of {metric}: use compare(jackknife_groups=20, "
            "keep_resamples=True)"
        )
    return kept


def both_ways(variable: xr.DataArray) -> np.ndarray:
    """Return a variable over ``model`` and ``other`` as float64 [..., m, m], both directions averaged."""
    values = np.asarray(variable.transpose(..., "model", "other").values, np.float64)
    return (values + np.swapaxes(values, -1, -2)) / 2


def of_pair(variable: xr.DataArray, at: tuple[int, int]) -> np.ndarray:
    """Return the values [...] of one pair, both directions averaged."""
    return both_ways(variable)[..., at[0], at[1]]
