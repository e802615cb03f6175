"""Whether the intrinsic dimensions of models lie in a narrow band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.stats import chi2, f

from ..base import InputError
from ._matrix import labels_of


@dataclass(frozen=True)
class DimensionBand:
    """How far apart the dimensions of models are, beside those of the controls.

    A spread is the standard deviation of the natural logarithm, so that 0.1 is about 10 % up and down.

    Args:
        models: how many.
        controls: how many; of fewer than two there is no spread, and what needs one is NaN.
        middle: geometric mean of the models' dimensions.
        spread: over the models.
        low: lower end of its 95 % interval; NaN for fewer than three models.
        high: upper end.
        noise: what the standard errors of the estimates alone would give; NaN where they have none.
        control_spread: over the controls.
        ratio: spread of the models over that of the controls; a narrow band is well below 1.
        ratio_low: lower end of its 95 % interval.
        ratio_high: upper end.
        p: two-sided, that both spreads are one.
    """

    models: int
    controls: int
    middle: float
    spread: float
    low: float
    high: float
    noise: float
    control_spread: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p: float


def dimension_band(comparison: xr.Dataset, metric: str = "intrinsic_dimension", /) -> DimensionBand:
    """Set the spread of the models' dimensions against the spread of the controls.

    Intervals and p take the logarithms as normal: by the chi-squared distribution for the spread and by F for the ratio
    of two. Estimates that are not finite or not above 0 are left out.

    Args:
        comparison: as `hyle.engine.compare` gives it; controls are those of modality ``control``.
        metric: an estimate of the dimension, over ``model``.

    Raises:
        ValueError: no such estimate, or fewer than two models have one.

    Source: the claim is of Edamadaka et al. (2025), arXiv 2512.03750; Snedecor & Cochran, Statistical Methods.
    """
    if metric not in comparison.variables or comparison[metric].dims != ("model",):
        raise InputError(f"the comparison has no {metric!r}: add it to --metrics")
    values = comparison[metric].values.astype(np.float64)
    known = np.isfinite(values) & (values > 0)
    control = labels_of(comparison, "modality") == "control"
    logs, others = np.log(values[known & ~control]), np.log(values[known & control])
    m, c = len(logs), len(others)
    if m < 2:
        raise InputError(f"{m} models have {metric}, and at least two are needed")
    nan = float("nan")
    spread = float(logs.std(ddof=1))
    low, high = (spread * ((m - 1) / chi2.ppf(q, m - 1)) ** 0.5 for q in (0.975, 0.025)) if m > 2 else (nan, nan)
    name = next((n for n in (f"{metric}_se", f"{metric}_error") if n in comparison.variables), None)
    noise = nan
    if name is not None:
        relative = (comparison[name].values.astype(np.float64) / values)[known & ~control]
        noise = float(np.sqrt(np.nanmean(relative**2))) if np.isfinite(relative).any() else nan
    found = (nan, nan, nan, nan, nan)
    if c > 1 and others.std() > 0 and spread > 0:
        own = float(others.std(ddof=1))
        ratio = spread / own
        ends = (ratio / f.ppf(q, m - 1, c - 1) ** 0.5 for q in (0.975, 0.025))
        p = 2 * min(f.cdf(ratio**2, m - 1, c - 1), f.sf(ratio**2, m - 1, c - 1))
        bottom, top = (float(end) for end in ends)
        found = (own, ratio, bottom, top, float(p))
    return DimensionBand(m, c, float(np.exp(logs.mean())), spread, float(low), float(high), noise, *found)
