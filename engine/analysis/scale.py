"""How a value changes with the size of the models of one family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import linregress, t

from ..base import InputError

# Fewest models for which a trend has an interval.
MIN_MODELS = 4


@dataclass(frozen=True)
class Trend:
    """Straight line fitted to values against the logarithm of a size.

    Args:
        slope: change of the value for each tenfold size.
        low: lower end of its 95 % interval; NaN for fewer than four models.
        high: upper end.
        p: two-sided, for a slope of 0 with normal errors.
        n: number of models.
        logarithmic: whether the value, too, is a base-10 logarithm, so that the slope is an exponent.
    """

    slope: float
    low: float
    high: float
    p: float
    n: int
    logarithmic: bool


def scale_trend(size: Any, value: Any, /, *, logarithmic: bool = False) -> Trend:
    """Fit how a value, such as alignment, dimension or error, changes with parameters or training steps.

    Args:
        size: [m], above 0; models without a size or a value are excluded.
        value: [m]; above 0 where logarithmic.
        logarithmic: fit a power law, as is usual for errors against scale.

    Raises:
        ValueError: fewer than three models remain, all have the same size, or sizes or values are not above 0.

    Example:
        >>> trend = scale_trend([1e6, 1e7, 1e8, 1e9], [0.8, 0.4, 0.2, 0.1], logarithmic=True)
        >>> round(trend.slope, 3), trend.n
        (-0.301, 4)
    """
    x, y = np.asarray(size, np.float64), np.asarray(value, np.float64)
    valid = np.isfinite(x) & np.isfinite(y)
    x, y = x[valid], y[valid]
    if len(x) < 3 or np.ptp(x) == 0:
        raise InputError(
            f"{len(x)} models of {len(np.unique(x))} sizes give no trend: at least 3 models of 2 sizes are needed"
        )
    if (x <= 0).any() or (logarithmic and (y <= 0).any()):
        raise InputError("sizes must be above 0, and so must values where logarithmic")
    line = linregress(np.log10(x), np.log10(y) if logarithmic else y)
    half_width = t.ppf(0.975, len(x) - 2) * line.stderr if len(x) >= MIN_MODELS else np.nan
    slope = float(line.slope)
    return Trend(slope, slope - float(half_width), slope + float(half_width), float(line.pvalue), len(x), logarithmic)
