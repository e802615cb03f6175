"""What grows or falls with the size of models of one family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import linregress, t

from ..base import InputError

# Models at least of which a trend has an interval.
MIN_MODELS = 4


@dataclass(frozen=True)
class Trend:
    """A straight line through values against the logarithm of a size.

    Args:
        slope: change of the value for each tenfold size.
        low: lower end of its 95 % interval; NaN for fewer than four models.
        high: upper end.
        p: two-sided, that the slope is 0, of normal errors.
        n: models.
        logarithmic: whether the value, too, is a base-10 logarithm, so that the slope is an exponent.
    """

    slope: float
    low: float
    high: float
    p: float
    n: int
    logarithmic: bool


def scale_trend(size: Any, value: Any, /, *, logarithmic: bool = False) -> Trend:
    """Fit how a value, such as alignment, dimension or error, goes with parameters or training steps.

    Args:
        size: [m], above 0; models without one, or without a value, are left out.
        value: [m]; above 0 where logarithmic.
        logarithmic: fit a power law, as errors against scale are told.

    Raises:
        ValueError: fewer than three models are left, all of one size, or sizes or values are not above 0.

    Example:
        >>> found = scale_trend([1e6, 1e7, 1e8, 1e9], [0.8, 0.4, 0.2, 0.1], logarithmic=True)
        >>> round(found.slope, 3), found.n
        (-0.301, 4)
    """
    x, y = np.asarray(size, np.float64), np.asarray(value, np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3 or np.ptp(x) == 0:
        raise InputError(f"{len(x)} models of {len(np.unique(x))} sizes give no trend: at least 3 are needed")
    if (x <= 0).any() or (logarithmic and (y <= 0).any()):
        raise InputError("sizes, and values where logarithmic, must be above 0")
    found = linregress(np.log10(x), np.log10(y) if logarithmic else y)
    wide = t.ppf(0.975, len(x) - 2) * found.stderr if len(x) >= MIN_MODELS else np.nan
    slope = float(found.slope)
    return Trend(slope, slope - float(wide), slope + float(wide), float(found.pvalue), len(x), logarithmic)
