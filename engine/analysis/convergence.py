"""Whether better models lie closer to the best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import bootstrap, permutation_test, rankdata

from ..base import InputError
from ._matrix import alignment_of, labels_of

# Models at least of which a rank correlation is given.
MIN_MODELS = 5


@dataclass(frozen=True)
class Convergence:
    """Error against alignment to a reference, over models.

    Args:
        models: names of the models compared with the reference, of other families where these are left out.
        error: [c], of each.
        alignment: [c], of each to the reference, or on average to several.
        reference: names of the models that alignment is to.
        correlation: Spearman's between error and alignment; negative where better models lie closer. NaN for fewer than
            five models.
        low: lower end of its 95 % interval, by resampling models.
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
        """Models."""
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
    """Correlate the error of models with their alignment to the best.

    Args:
        comparison: as `hyle.engine.compare` gives it, with a variable of errors over ``model``; ``family`` and
            ``modality`` are used where they are there.
        metric: a pair metric of it.
        error: the variable; lower is better, NaN where a model has none.
        reference: a model to take for the best; default the one of least error.
        top: so many best models are averaged over; a model is never compared with itself.
        other_families: leave out models of the reference's own family, which are alike because they were made so.
        seed: of resampling.

    Raises:
        ValueError: no such metric, errors or reference, or fewer than two models have errors.
    """
    if error not in comparison.variables:
        raise InputError(f"the comparison has no {error!r}: it needs an error of each model")
    values, errors = alignment_of(comparison, metric), comparison[error].values.astype(np.float64)
    names, families = [str(name) for name in comparison["model"].values], labels_of(comparison, "family")
    models = labels_of(comparison, "modality") != "control"
    known = [i for i in np.argsort(errors, kind="stable") if models[i] and np.isfinite(errors[i])]
    if len(known) < 2:
        raise InputError(f"{len(known)} of {len(names)} models have {error}, and at least two are needed")
    if reference is not None and reference not in names:
        raise InputError(f"no model is called {reference!r}; there are {', '.join(names)}")
    best = known[:top] if reference is None else [names.index(reference)]
    own = {families[i] for i in best if families[i]} if other_families else set()
    chosen = [i for i in known if families[i] not in own and not (len(best) == 1 and i == best[0])]
    near = np.array([np.nanmean([values[i, j] for j in best if j != i]) for i in chosen])
    chosen_errors = errors[chosen]
    found = (float("nan"),) * 4
    if len(chosen) >= MIN_MODELS:
        found = rank_correlation(chosen_errors, near, seed=seed)
    return Convergence(tuple(names[i] for i in chosen), chosen_errors, near, tuple(names[i] for i in best), *found)


def rank_correlation(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> tuple[float, float, float, float]:
    """Spearman's correlation, the ends of its 95 % interval by resampling pairs, and its p by permutation."""

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        first, second = (rankdata(v, axis=axis) - (v.shape[axis] + 1) / 2 for v in (x, y))
        lengths = np.sqrt((first**2).sum(axis) * (second**2).sum(axis))
        # A resample of one value alone has no order.
        return np.asarray((first * second).sum(axis) / np.where(lengths > 0, lengths, 1))

    def against(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return statistic(x, np.broadcast_to(b, x.shape), axis)

    options: dict[str, Any] = {"n_resamples": 9999, "vectorized": True, "rng": seed}
    ends = bootstrap((a, b), statistic, paired=True, method="percentile", **options).confidence_interval
    tested = permutation_test((a,), against, permutation_type="pairings", **options)
    return float(statistic(a, b)), float(ends.low), float(ends.high), float(tested.pvalue)
