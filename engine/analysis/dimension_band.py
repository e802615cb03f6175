"""Whether the intrinsic dimensions of models are in a narrow band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import CONTROL, model_facts
from .alignment_profile import Estimate, difference
from .families import families_of, family_means, jackknife_interval_over_families, mean_over_families
from .freedom import error_freedom


@dataclass(frozen=True)
class DimensionBand:
    """Middle and spread of the models' dimensions, and the control that comes closest to the middle.

    A spread is the mean absolute difference of the natural logarithms from their median, so that 0.1 is about 10 % up
    and down. The dimensions of each family are averaged first, as logarithms. The median of few families is nearer to
    them than that of all is, which is corrected for normal logarithms.

    Args:
        models: number of models.
        families: number of families.
        middle: geometric mean over families of the models' dimensions.
        middle_low: lower end of its 95 % interval over families; NaN for fewer than six families.
        middle_high: upper end.
        spread: over families; NaN for fewer than two.
        low: lower end of its 95 % interval over families; NaN for fewer than six families.
        high: upper end.
        noise: spread that the standard errors of the models' estimates alone would give; NaN where they have none.
        controls: number of controls.
        control: name of the control whose dimension is closest to the middle; empty without controls.
        control_value: its dimension.
        over_control: middle divided by the dimension of this control: 1 where both are equal.
        over_control_low: lower end of its 95 % interval over samples; NaN where the estimates have no standard errors.
        over_control_high: upper end.
    """

    models: int
    families: int
    middle: float
    middle_low: float
    middle_high: float
    spread: float
    low: float
    high: float
    noise: float
    controls: int
    control: str
    control_value: float
    over_control: float
    over_control_low: float
    over_control_high: float


def dimension_band(comparison: xr.Dataset, metric: str = "intrinsic_dimension", /) -> DimensionBand:
    """Measure the band of the models' dimensions over families, and compare its middle with the closest control.

    The intervals of middle and spread are by the delete-a-family jackknife, that of the spread on a logarithmic scale.
    Controls are chosen and not drawn from a population, so that there is no test over them: the interval of the ratio
    to the closest one is about other samples only. It takes the errors of the models, which are of the same samples, as
    fully correlated with each other and independent of that of the control, and uses Student's distribution with the
    degrees of freedom of the jackknife, see `difference`.

    Args:
        comparison: result of `hyle.engine.compare`; controls are the models of modality ``control``. ``family`` is used
            where present, and estimates that are not finite or not above 0 are excluded.
        metric: name of an estimate of the dimension, over ``model``.

    Raises:
        ValueError: no such estimate, or fewer than two models have one.

    Source: the claim is that of Edamadaka et al. (2025), arXiv 2512.03750.
    """
    if metric not in comparison.variables or comparison[metric].dims != ("model",):
        raise InputError(f"the comparison has no {metric!r}: add it to --metrics")
    values = comparison[metric].values.astype(np.float64)
    valid = np.isfinite(values) & (values > 0)
    is_control = model_facts(comparison, "modality") == CONTROL
    real, controls = np.flatnonzero(valid & ~is_control), np.flatnonzero(valid & is_control)
    if len(real) < 2:
        raise InputError(f"{len(real)} models have {metric}, and at least two are needed")
    logs, codes = np.log(values[real]), families_of(comparison)[real]
    means, nan = family_means(logs, codes), math.nan
    k = len(means)
    middle, middle_low, middle_high = (float(np.exp(end)) for end in mean_over_families(logs, codes))
    spread = _spread(means) if k > 1 else nan
    low, high = nan, nan
    if spread > 0:
        ends = jackknife_interval_over_families(lambda kept: math.log(_spread(means[kept]) or nan), k)
        low, high = math.exp(ends[0]), math.exp(ends[1])
    errors = _relative_errors(comparison, metric)
    noise = float(np.sqrt(np.nanmean(errors[real] ** 2) * 2 / np.pi)) if np.isfinite(errors[real]).any() else nan
    closest: tuple[str, float, float, float, float] = ("", nan, nan, nan, nan)
    if len(controls):
        at = controls[np.abs(np.log(values[controls]) - math.log(middle)).argmin()]
        ratio = middle / float(values[at])
        # The standard error of a mean of fully correlated estimates is the mean of their standard errors.
        error, df = float(family_means(errors[real], codes).mean()), error_freedom(comparison, metric)
        of_control = Estimate(math.log(values[at]), float(errors[at]), df=df)
        over = difference(of_control, Estimate(math.log(middle), error, df=df))
        name = str(comparison["model"].values[at])
        closest = (name, float(values[at]), ratio, math.exp(over.low), math.exp(over.high))
    return DimensionBand(
        len(real), k, middle, middle_low, middle_high, spread, low, high, noise, len(controls), *closest
    )


def _spread(logs: np.ndarray) -> float:
    """Compute the mean absolute difference from the median, without bias for normal values."""
    return float(np.abs(logs - np.median(logs)).mean() / _share_found(len(logs)))


@lru_cache
def _share_found(k: int) -> float:
    """Return the mean absolute difference of k >= 2 normal values from their median, as a share of sqrt(2 / pi).

    The sum of the differences is that of the upper half of the values minus that of the lower half. With the normal
    density f and distribution F, the upper half has the mean sum ``k int x f(x) P(x) dx``, P being the probability
    that of k - 1 values at least ceil(k / 2) are below x. The share is 0.71 for two and three, 0.83 for four and five.
    """
    from scipy.special import betainc, ndtr  # imported here because it takes a fifth of a second

    # The trapezoidal rule is exact to rounding for a smooth function that vanishes at both ends.
    x = np.linspace(-10, 10, 801)
    below = betainc((k + 1) // 2, k // 2, ndtr(x))
    return float(np.exp(-(x**2) / 2) @ (x * below) * (x[1] - x[0]))


def _relative_errors(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Return the standard errors of the estimates divided by these; NaN where there are none."""
    values = comparison[metric].values.astype(np.float64)
    error = next((name for name in (f"{metric}_se", f"{metric}_error") if name in comparison.variables), None)
    if error is None:
        return np.full(len(values), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(comparison[error].values.astype(np.float64) / values)
