"""Whether better models are closer to the best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import bootstrap, permutation_test, rankdata

from ..base import InputError
from ._matrix import CONTROL, alignment_of, model_facts

# Fewest models for which a rank correlation is reported.
MIN_MODELS = 5


@dataclass(frozen=True)
class Convergence:
    """Error against alignment with a reference, over models.

    Args:
        models: names of the c models compared with the reference; of other families where the reference's own family is
            excluded.
        error: [c], error of each model.
        alignment: [c], alignment of each with the reference, or its mean over several references.
        reference: names of the reference models.
        correlation: Spearman correlation of error and alignment; negative where better models are closer. NaN for fewer
            than five models.
        low: lower end of its 95 % interval, by bootstrap over models.
        high: upper end.
        p: two-sided, by permutation of the models.
    """

    models: tuple[str, ...]
    error: np.ndarray
    alignment: np.ndarray
    reference: tuple[str, ...]
    correlation: float
    low: float
    high: float
    p: float

    @property
    def n(self) -> int:
        """Number of models."""
        return len(self.models)


def convergence(
    comparison: xr.Dataset,
    metric: str = "cknna",
    /,
    *,
    error: str = "energy_mae",
    reference: str | None = None,
    top: int = 1,
    other_families: bool = True,
    seed: int = 0,
) -> Convergence:
    """Correlate the error of models with their alignment to the best model. Controls are excluded.

    Args:
        comparison: result of `hyle.engine.compare`, with a variable of errors over ``model``; ``family`` and
            ``modality`` are used where present.
        metric: name of a pair metric in it.
        error: name of the variable; lower is better, NaN where a model has none.
        reference: name of the model to use as the best; default: the model with the lowest error.
        top: number of best models to average over; a model is never compared with itself.
        other_families: exclude models of the reference's own family, which are similar by construction.
        seed: of the bootstrap and the permutations.

    Raises:
        ValueError: no such metric, errors or reference, or fewer than two models have errors.
    """
    if error not in comparison.variables:
        raise InputError(f"the comparison has no {error!r}: it needs an error of each model")
    values, errors = alignment_of(comparison, metric), comparison[error].values.astype(np.float64)
    names, families = [str(name) for name in comparison["model"].values], model_facts(comparison, "family")
    is_model = model_facts(comparison, "modality") != CONTROL
    by_error = [i for i in np.argsort(errors, kind="stable") if is_model[i] and np.isfinite(errors[i])]
    if len(by_error) < 2:
        raise InputError(f"{len(by_error)} of {len(names)} models have {error}, and at least two are needed")
    if reference is not None and reference not in names:
        raise InputError(f"no model is called {reference!r}; there are {', '.join(names)}")
    best = by_error[:top] if reference is None else [names.index(reference)]
    excluded = {families[i] for i in best if families[i]} if other_families else set()
    chosen = [i for i in by_error if families[i] not in excluded and not (len(best) == 1 and i == best[0])]
    alignment = np.array([np.nanmean([values[i, j] for j in best if j != i]) for i in chosen])
    chosen_errors = errors[chosen]
    statistics = (float("nan"),) * 4
    if len(chosen) >= MIN_MODELS:
        statistics = rank_correlation(chosen_errors, alignment, seed=seed)
    return Convergence(
        tuple(names[i] for i in chosen), chosen_errors, alignment, tuple(names[i] for i in best), *statistics
    )


def rank_correlation(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> tuple[float, float, float, float]:
    """Compute the Spearman correlation, its 95 % interval by bootstrap over pairs, and its p-value by permutation."""

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        first, second = (rankdata(v, axis=axis) - (v.shape[axis] + 1) / 2 for v in (x, y))
        lengths = np.sqrt((first**2).sum(axis) * (second**2).sum(axis))
        # A resample in which all values are equal has no order: its correlation is 0.
        return np.asarray((first * second).sum(axis) / np.where(lengths > 0, lengths, 1))

    def statistic_with_b(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return statistic(x, np.broadcast_to(b, x.shape), axis)

    options: dict[str, Any] = {"n_resamples": 9999, "vectorized": True, "rng": seed}
    interval = bootstrap((a, b), statistic, paired=True, method="percentile", **options).confidence_interval
    test = permutation_test((a,), statistic_with_b, permutation_type="pairings", **options)
    return float(statistic(a, b)), float(interval.low), float(interval.high), float(test.pvalue)
