"""How a value changes with the size of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .families import PERMUTATIONS, family_codes, family_means
from .family_tests import MIN_CORRELATED, fit_slope


@dataclass(frozen=True)
class Trend:
    """Straight line fitted to values against the logarithm of a size, over families of models.

    Args:
        slope: change of the value for each tenfold size. For one or two families it is fitted to their models, and is
            a description of these. NaN for more families of equal mean sizes.
        low: lower end of its 95 % interval; NaN for fewer than six families.
        high: upper end.
        p: two-sided, for a slope of 0, by permutation of the families; NaN for fewer than six families.
        n: number of models.
        logarithmic: whether the value, too, is a base-10 logarithm, so that the slope is an exponent.
        families: number of families.
        smallest_p: the smallest p that so many families can give.
        level: value of the line where the base-10 logarithm of the size is 0; NaN where the slope is.
    """

    slope: float
    low: float
    high: float
    p: float
    n: int
    logarithmic: bool
    families: int
    smallest_p: float
    level: float


def scale_trend(
    size: Any,
    value: Any,
    /,
    *,
    families: Any = None,
    logarithmic: bool = False,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Trend:
    """Fit how a value, such as alignment, dimension or error, changes with parameters or training steps.

    Sizes and values are averaged over each family first, on the scale of the fit: the models of one family share more
    than their size. p and interval assume no distribution; see `families`.

    Args:
        size: [m], above 0; models without a size or a value are excluded.
        value: [m]; above 0 where logarithmic.
        families: [m] names of families, empty for a family of its own; default: each model is a family of its own.
        logarithmic: fit a power law, as is usual for errors against scale.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.

    Raises:
        ValueError: fewer than three models remain, all have the same size, or sizes or values are not above 0.

    Example:
        >>> trend = scale_trend([1e6, 1e7, 1e8, 1e9], [0.8, 0.4, 0.2, 0.1], logarithmic=True)
        >>> round(trend.slope, 3), trend.n
        (-0.301, 4)
    """
    x, y = np.asarray(size, np.float64), np.asarray(value, np.float64)
    valid = np.isfinite(x) & np.isfinite(y)
    names = None if families is None else np.asarray(families)[valid]
    x, y = x[valid], y[valid]
    if len(x) < 3 or np.ptp(x) == 0:
        raise InputError(
            f"{len(x)} models of {len(np.unique(x))} sizes give no trend: at least 3 models of 2 sizes are needed"
        )
    if (x <= 0).any() or (logarithmic and (y <= 0).any()):
        raise InputError("sizes must be above 0, and so must values where logarithmic")
    x, y = np.log10(x), np.log10(y) if logarithmic else y
    test = fit_slope(x, y, names, permutations=permutations, seed=seed)
    slope = test.value
    if test.families < MIN_CORRELATED:
        slope = float(np.polyfit(x - x.mean(), y, 1)[0])
        level = float(y.mean() - slope * x.mean())
    else:
        codes = family_codes(names, len(x))
        level = float(family_means(y, codes).mean() - slope * family_means(x, codes).mean())
    return Trend(slope, test.low, test.high, test.p, len(x), logarithmic, test.families, test.smallest_p, level)
