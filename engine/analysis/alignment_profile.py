"""Where one model stands among others: how aligned with each, and with all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import jackknife_interval
from ._matrix import labels_of


class Estimate(NamedTuple):
    """A number with its standard error and the ends of its 95 % interval; these are NaN where there are none.

    Args:
        value: the number.
        se: standard error.
        low: lower end.
        high: upper end.
    """

    value: float
    se: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class AlignmentProfile:
    """One model among others, by one metric.

    Args:
        metric: its name.
        others: c names, the most aligned first.
        score: [c], the metric itself, both directions averaged.
        p: [c], by permutation of the samples, the larger of both directions.
        alignment: of each, the calibrated score: 0 up to what chance gives at the level of the comparison, 1 at best.
        mean: of the calibrated scores, where every family counts once.
        mean_p: p of the mean over the same permutations; NaN unless the model's name sorts after all others, so that
            it is the one whose samples change places in every pair.
    """

    metric: str
    others: tuple[str, ...]
    score: np.ndarray
    p: np.ndarray
    alignment: tuple[Estimate, ...]
    mean: Estimate
    mean_p: float

    def to(self, other: str) -> Estimate:
        """Give the calibrated alignment to one of the others."""
        return self.alignment[self.others.index(other)]


def align_to(
    comparison: xr.Dataset, model: str, metric: str = "cknna", /, *, others: Sequence[str]
) -> AlignmentProfile:
    """Say how aligned one model is with each of the others, and with all of them.

    Args:
        comparison: as ``hyle.engine.compare(permutations=200, jackknife_groups=20, keep_resamples=True)`` gives it;
            ``family`` over ``model`` is used where it is there.
        model: a model of it.
        metric: a pair metric of it.
        others: models of it to average over; those whose score is not finite are left out.

    Intervals are those of the jackknife, for other samples of the same kind; thresholds and the models stay as they
    are. The mean is over families, and within each over its models, so that four of one maker do not outvote the rest.

    Raises:
        ValueError: no such metric or model, no permutations, or no others.
    """
    names = [str(name) for name in comparison["model"].values]
    missing = [name for name in (model, *others) if name not in names]
    if missing:
        raise InputError(f"no model is called {missing[0]!r}; there are {', '.join(names)}")
    if f"{metric}_null_samples" not in comparison:
        raise InputError(
            f"the comparison keeps no permutations of {metric}: compare(permutations=200, keep_resamples=True)"
        )
    calibrated, parts = _calibrated(comparison, metric)
    own = names.index(model)
    at = [i for i in map(names.index, others) if i != own and np.isfinite(calibrated[own, i])]
    if not at:
        raise InputError(f"{model} has no defined {metric} with any other model: is its embedding constant?")
    families = labels_of(comparison, "family")
    kinds = [families[i] or names[i] for i in at]
    weight = np.array([1 / kinds.count(kind) for kind in kinds])
    weight /= weight.sum()
    without = parts[:, own, at]
    each = [_estimate(calibrated[own, i], without[:, c]) for c, i in enumerate(at)]
    score, p = _both_ways(comparison[metric]), _both_ways(comparison[f"{metric}_p"], larger=True)
    mean_p = float("nan")
    if model == max(names):
        null = _both_ways(comparison[f"{metric}_null_samples"])[:, own, at] @ weight
        sign = -1 if _lower_is_better(comparison, metric) else 1
        mean_p = float((1 + (sign * null >= sign * (score[own, at] @ weight)).sum()) / (1 + len(null)))
    order = sorted(range(len(at)), key=lambda c: (-each[c].value, -abs(score[own, at[c]]), names[at[c]]))
    return AlignmentProfile(
        metric,
        tuple(names[at[c]] for c in order),
        score[own, at][order],
        p[own, at][order],
        tuple(each[c] for c in order),
        _estimate(calibrated[own, at] @ weight, without @ weight),
        mean_p,
    )


def difference(first: Estimate, second: Estimate, /) -> Estimate:
    """Give second - first of two numbers that rest on different samples."""
    se = float(np.hypot(first.se, second.se))
    value = second.value - first.value
    return Estimate(value, se, value - 1.96 * se, value + 1.96 * se)


def _lower_is_better(comparison: xr.Dataset, metric: str) -> bool:
    return str(comparison[metric].attrs.get("higher_is_better")) == "no"


def _both_ways(variable: xr.DataArray, *, larger: bool = False) -> np.ndarray:
    values = np.asarray(variable.transpose(..., "model", "other").values, np.float64)
    back = np.swapaxes(values, -1, -2)
    return np.maximum(values, back) if larger else (values + back) / 2


def _calibrated(comparison: xr.Dataset, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the calibrated scores [m, m] and, by the same thresholds, those without each part [g, m, m]."""
    lower = _lower_is_better(comparison, metric)
    sign, ends = -1 if lower else 1, np.ravel(comparison[metric].attrs["limits"]).astype(np.float64)
    best = ends[0] if lower else ends[-1]
    threshold = comparison[f"{metric}_threshold"]
    room = sign * (best - threshold)

    def share(score: xr.DataArray) -> np.ndarray:
        return _both_ways((sign * (score - threshold) / room.where(room > 0)).clip(0, 1))

    value = share(comparison[metric])
    if f"{metric}_jackknife_values" not in comparison:
        return value, np.empty((0, *value.shape))
    return value, share(comparison[f"{metric}_jackknife_values"])


def _estimate(value: float, without: np.ndarray) -> Estimate:
    if not len(without):
        return Estimate(float(value))
    return Estimate(float(value), *(float(end) for end in jackknife_interval(np.asarray(value), without)))
