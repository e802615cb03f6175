"""How aligned one model is with each of the other models, and with all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..base import InputError, t_quantile
from ..comparison import (
    calibrate,
    jackknife_design,
    jackknife_freedom,
    jackknife_interval,
    metric_facts,
    permuted_second,
)
from ._matrix import model_facts


class Estimate(NamedTuple):
    """A number with its standard error and 95 % interval, which are NaN where not available.

    Args:
        value: the number.
        se: standard error.
        low: lower end of the interval.
        high: upper end.
        df: degrees of freedom of the standard error, by Student's distribution; NaN where they are many or unknown, for
            which intervals use the normal distribution.
    """

    value: float
    se: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    df: float = float("nan")


@dataclass(frozen=True)
class AlignmentProfile:
    """Alignment of one model with others, by one metric.

    Args:
        metric: its name.
        others: names of the c other models, most aligned first.
        score: [c], the metric itself, both directions averaged.
        p: [c], by permutation of the samples, the larger of both directions.
        alignment: calibrated score with each: 0 up to the threshold of chance at the level of the comparison, 1 at
            best.
        mean: of the calibrated scores, with equal weight for every family.
        mean_p: p of the mean over the same permutations; NaN unless the model is permuted in all of its pairs, or the
            other one in all of them (``permutation_order``): else its samples move one way in some pairs and the other
            way in others, and the mean is not that of any permutation.
    """

    metric: str
    others: tuple[str, ...]
    score: np.ndarray
    p: np.ndarray
    alignment: tuple[Estimate, ...]
    mean: Estimate
    mean_p: float

    def to(self, other: str) -> Estimate:
        """Return the calibrated alignment with one of the others."""
        return self.alignment[self.others.index(other)]


def align_to(
    comparison: xr.Dataset, model: str, metric: str = "cknna", /, *, others: Sequence[str]
) -> AlignmentProfile:
    """Compute how aligned one model is with each of the others, and with all of them.

    Args:
        comparison: result of ``hyle.engine.compare(permutations=200, jackknife_groups=20, keep_resamples=True)``;
            ``family`` over ``model`` is used where present.
        model: name of a model in it.
        metric: name of a pair metric in it.
        others: names of the models to average over; models whose score is not finite are excluded.

    Intervals are from the delete-a-group jackknife and are about other samples of the same kind; thresholds and models
    are held fixed. The mean is over families, and within each family over its models, so that four models of one family
    do not outvote the rest.

    Raises:
        ValueError: no such metric or model, no permutations, or no others with a finite score.
    """
    names = [str(name) for name in comparison["model"].values]
    missing = [name for name in (model, *others) if name not in names]
    if missing:
        raise InputError(f"no model is called {missing[0]!r}; there are {', '.join(names)}")
    if f"{metric}_null_samples" not in comparison:
        raise InputError(
            f"the comparison keeps no permutations of {metric}: use compare(permutations=200, keep_resamples=True)"
        )
    calibrated, jackknife = _calibrated(comparison, metric)
    row = names.index(model)
    columns = [i for i in map(names.index, others) if i != row and np.isfinite(calibrated[row, i])]
    if not columns:
        raise InputError(f"{model} has no defined {metric} with any other model: is its embedding constant?")
    families = model_facts(comparison, "family")
    family_names = [families[i] or names[i] for i in columns]
    weight = np.array([1 / family_names.count(name) for name in family_names])
    weight /= weight.sum()
    replicates = jackknife[:, row, columns]
    design = jackknife_design(comparison, metric) if len(replicates) else {}
    estimates = [_estimate(calibrated[row, i], replicates[:, c], design) for c, i in enumerate(columns)]
    score, p = _both_ways(comparison[metric]), _both_ways(comparison[f"{metric}_p"], larger=True)
    mean_p, second = float("nan"), permuted_second(comparison)
    if second is not None and len(set(second[columns, row].tolist())) == 1:
        null = _both_ways(comparison[f"{metric}_null_samples"])[:, row, columns] @ weight
        facts = metric_facts(comparison, metric)
        mean = score[row, columns] @ weight
        mean_p = float(calibrate(mean, null, best=facts.best, higher_is_better=facts.higher_is_better).p)
    order = sorted(
        range(len(columns)),
        key=lambda c: (-estimates[c].value, -abs(score[row, columns[c]]), names[columns[c]]),
    )
    return AlignmentProfile(
        metric,
        tuple(names[columns[c]] for c in order),
        score[row, columns][order],
        p[row, columns][order],
        tuple(estimates[c] for c in order),
        _estimate(calibrated[row, columns] @ weight, replicates @ weight, design),
        mean_p,
    )


def difference(first: Estimate, second: Estimate, /) -> Estimate:
    """Return second - first of two estimates from different, independent samples.

    The interval uses Student's distribution with the degrees of freedom of Welch (1947), Biometrika 34, 28, from those
    of both standard errors: between the smaller of both and their sum. An error without degrees of freedom counts as
    known exactly.

    Example:
        >>> found = difference(Estimate(0.2, 0.03, df=4), Estimate(0.5, 0.03, df=4))
        >>> round(found.df, 6), round((found.high - found.low) / 2 / found.se, 2)
        (8.0, 2.31)
    """
    se = float(np.hypot(first.se, second.se))
    value = second.value - first.value
    # Shares of the variance, whose squares over the degrees of freedom add up to 1 over those of the sum.
    terms = [(one.se / se) ** 4 / one.df for one in (first, second) if se > 0 and np.isfinite(one.df)]
    df = 1 / sum(terms) if sum(terms) > 0 else float("nan")
    half_width = float(t_quantile(0.975, np.inf if np.isnan(df) else df)) * se
    return Estimate(value, se, value - half_width, value + half_width, df)


def _both_ways(variable: xr.DataArray, *, larger: bool = False) -> np.ndarray:
    values = np.asarray(variable.transpose(..., "model", "other").values, np.float64)
    back = np.swapaxes(values, -1, -2)
    return np.maximum(values, back) if larger else (values + back) / 2


def _calibrated(comparison: xr.Dataset, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the calibrated scores [m, m] and their jackknife replicates [g, m, m], with the same thresholds."""
    facts = metric_facts(comparison, metric)
    threshold = comparison[f"{metric}_threshold"]
    room = facts.sign * (facts.best - threshold)

    def share(score: xr.DataArray) -> np.ndarray:
        return _both_ways((facts.sign * (score - threshold) / room.where(room > 0)).clip(0, 1))

    value = share(comparison[metric])
    if f"{metric}_jackknife_values" not in comparison:
        return value, np.empty((0, *value.shape))
    return value, share(comparison[f"{metric}_jackknife_values"])


def _estimate(value: float, replicates: np.ndarray, design: Mapping[str, Any]) -> Estimate:
    if not len(replicates):
        return Estimate(float(value))
    se, low, high = (float(end) for end in jackknife_interval(np.asarray(value), replicates, **design))
    return Estimate(float(value), se, low, high, jackknife_freedom(design.get("sizes", np.ones(len(replicates)))))
