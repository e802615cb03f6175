"""Whether the intrinsic dimensions of models are in a narrow band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.stats import chi2, f

from ..base import InputError
from ._matrix import CONTROL, model_facts


@dataclass(frozen=True)
class DimensionBand:
    """Spread of the models' dimensions, compared with that of the controls.

    A spread is the standard deviation of the natural logarithm, so that 0.1 is about 10 % up and down.

    Args:
        models: number of models.
        controls: number of controls; fewer than two have no spread, and what depends on it is NaN.
        middle: geometric mean of the models' dimensions.
        spread: over the models.
        low: lower end of its 95 % interval; NaN for fewer than three models.
        high: upper end.
        noise: spread that the standard errors of the estimates alone would give; NaN where they have none.
        control_spread: over the controls.
        ratio: spread of the models divided by that of the controls; well below 1 for a narrow band.
        ratio_low: lower end of its 95 % interval.
        ratio_high: upper end.
        p: two-sided, for the hypothesis that both spreads are equal.
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
    """Compare the spread of the models' dimensions with that of the controls.

    Intervals and p assume that the logarithms are normal: they use the chi-squared distribution for the spread and the
    F distribution for the ratio of two. Estimates that are not finite or not above 0 are excluded.

    Args:
        comparison: result of `hyle.engine.compare`; controls are the models of modality ``control``.
        metric: name of an estimate of the dimension, over ``model``.

    Raises:
        ValueError: no such estimate, or fewer than two models have one.

    Source: the claim is that of Edamadaka et al. (2025), arXiv 2512.03750; Snedecor & Cochran, Statistical Methods.
    """
    if metric not in comparison.variables or comparison[metric].dims != ("model",):
        raise InputError(f"the comparison has no {metric!r}: add it to --metrics")
    values = comparison[metric].values.astype(np.float64)
    valid = np.isfinite(values) & (values > 0)
    is_control = model_facts(comparison, "modality") == CONTROL
    logs, control_logs = np.log(values[valid & ~is_control]), np.log(values[valid & is_control])
    m, c = len(logs), len(control_logs)
    if m < 2:
        raise InputError(f"{m} models have {metric}, and at least two are needed")
    nan = float("nan")
    spread = float(logs.std(ddof=1))
    low, high = (spread * ((m - 1) / chi2.ppf(q, m - 1)) ** 0.5 for q in (0.975, 0.025)) if m > 2 else (nan, nan)
    error = next((name for name in (f"{metric}_se", f"{metric}_error") if name in comparison.variables), None)
    noise = nan
    if error is not None:
        relative = (comparison[error].values.astype(np.float64) / values)[valid & ~is_control]
        noise = float(np.sqrt(np.nanmean(relative**2))) if np.isfinite(relative).any() else nan
    against_controls = (nan, nan, nan, nan, nan)
    if c > 1 and control_logs.std() > 0 and spread > 0:
        control_spread = float(control_logs.std(ddof=1))
        ratio = spread / control_spread
        ratio_low, ratio_high = (float(ratio / f.ppf(q, m - 1, c - 1) ** 0.5) for q in (0.975, 0.025))
        p = 2 * min(f.cdf(ratio**2, m - 1, c - 1), f.sf(ratio**2, m - 1, c - 1))
        against_controls = (control_spread, ratio, ratio_low, ratio_high, float(p))
    return DimensionBand(m, c, float(np.exp(logs.mean())), spread, float(low), float(high), noise, *against_controls)
