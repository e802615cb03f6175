"""Whether disagreement of models on a sample predicts that they are wrong on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from ..comparison import jackknife_interval
from .families import family_codes, family_means
from .family_tests import unit_ranks

# Fewest groups of samples for an interval, and the number of jackknife groups into which they are divided.
MIN_UNITS, JACKKNIFE_GROUPS = 10, 40
# Fewest samples with errors.
MIN_SAMPLES = 20
# A correlation below this predicts nothing of use: one percent of the variation of the ranks.
NEGLIGIBLE = 0.1


@dataclass(frozen=True)
class Prediction:
    """Rank correlation of a fact on samples with the absolute error of models, larger where it predicts errors.

    Args:
        name: of the fact.
        rho: [m], Spearman correlation for each model; NaN where the fact is not known of the model.
        low: [m], lower end of its 95 % interval; NaN for fewer than ten groups of samples.
        high: [m], upper end.
        mean: mean over the families of the models.
        mean_low: lower end of its 95 % interval, for these models.
        mean_high: upper end.
    """

    name: str
    rho: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: float
    mean_low: float
    mean_high: float


@dataclass(frozen=True)
class ErrorPrediction:
    """How well disagreement predicts errors, beside other facts on the samples.

    Args:
        predictions: name -> correlations with the errors, the disagreement first.
        gain: mean correlation of the disagreement minus that of each other fact: name -> value, low, high.
        verdict: ``no`` where the interval of the mean is below 0.1, ``yes`` where it is above 0 otherwise, else
            ``inconclusive``.
        n: number of samples.
        units: number of groups of samples.
        partial: whether covariates were held fixed.
    """

    predictions: Mapping[str, Prediction]
    gain: Mapping[str, tuple[float, float, float]]
    verdict: str
    n: int
    units: int
    partial: bool


def disagreement_error(
    disagreement: Any,
    errors: Any,
    /,
    *,
    others: Mapping[str, Any] | None = None,
    covariates: Any = None,
    groups: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
    seed: int = 0,
) -> ErrorPrediction:
    """Correlate the disagreement on samples with the errors of models, beside other facts such as distances.

    Args:
        disagreement: [n], or [m, n] for each model; larger for more.
        errors: [m, n], predicted minus true, or absolute; a sample enters where all are finite.
        others: name -> [n] or [m, n], facts that may predict the errors as well; larger for more error expected. A row
            that is NaN is of a model of which it is not known.
        covariates: [n, e], facts such as the number of atoms, whose ranks are regressed out of those of all others.
        groups: [n] labels of the samples that are not independent, such as the states of one material; default: every
            sample is independent.
        families: [m] names of the families of the models, as in `sample_agreement`.
        seed: of the division of the samples into jackknife groups.

    Samples are the units, in their groups: intervals are about other samples of this kind, for these models. They are
    by the delete-a-group jackknife with Student's t. What models share (a sample that is hard for all of them) is in
    the interval of the mean, since all models lose the same samples.

    Raises:
        ValueError: fewer than 20 samples with finite errors of all models; shapes that differ.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> hard = rng.normal(size=400)
        >>> found = disagreement_error(hard + rng.normal(size=400), np.exp(hard) * rng.normal(size=(3, 400)))
        >>> found.verdict, bool(found.predictions["disagreement"].mean > 0.2)
        ('yes', True)
    """
    size = np.abs(np.atleast_2d(np.asarray(errors, np.float64)))
    m, n = size.shape
    facts = {"disagreement": disagreement, **(others or {})}
    tables = {name: _per_model(name, values, m, n) for name, values in facts.items()}
    fixed = np.zeros((n, 0)) if covariates is None else np.asarray(covariates, np.float64).reshape(n, -1)
    kept = np.isfinite(size).all(0) & np.isfinite(fixed).all(1)
    for table in tables.values():
        kept &= (np.isfinite(table) | ~np.isfinite(table).any(1, keepdims=True)).all(0)
    if kept.sum() < MIN_SAMPLES:
        raise InputError(f"{kept.sum()} samples have the errors of all models, and at least {MIN_SAMPLES} are needed")
    size, fixed = size[:, kept], fixed[kept]
    tables = {name: table[:, kept] for name, table in tables.items()}
    labels = np.arange(n) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    labels = np.unique(labels[kept], return_inverse=True)[1]
    codes = family_codes(families, m)

    def correlations(rows: np.ndarray) -> np.ndarray:
        """Return the correlation of each fact with the errors of each model, and the means, [t, m + 1]."""
        found = [_rank_correlation(table[:, rows], size[:, rows], fixed[rows]) for table in tables.values()]
        return np.array(
            [[*rho, np.nanmean(family_means(rho, codes)) if np.isfinite(rho).any() else np.nan] for rho in found]
        )

    values = correlations(np.arange(len(labels)))
    units = int(labels.max()) + 1
    # The last rows are the differences of the means to that of the disagreement.
    values = np.concatenate([values, values[:1] - values])
    low, high = np.full_like(values, np.nan), np.full_like(values, np.nan)
    if units >= MIN_UNITS:
        parts = _divided(labels, seed)
        without = np.stack([correlations(np.flatnonzero(~part)) for part in parts])
        without = np.concatenate([without, without[:, :1] - without], 1)
        _, low, high = jackknife_interval(values, without, sizes=[int(part.sum()) for part in parts])
        low, high = np.maximum(low, -2), np.minimum(high, 2)
    t = len(tables)
    low[:t], high[:t] = np.maximum(low[:t], -1), np.minimum(high[:t], 1)
    predictions = {
        name: Prediction(
            name, values[at, :m], low[at, :m], high[at, :m], *(float(each[at, m]) for each in (values, low, high))
        )
        for at, name in enumerate(tables)
    }
    gain = {
        name: (float(values[t + at, m]), float(low[t + at, m]), float(high[t + at, m]))
        for at, name in enumerate(tables)
        if at
    }
    first = predictions["disagreement"]
    verdict = _verdict(first.mean_low, first.mean_high)
    return ErrorPrediction(predictions, gain, verdict, int(kept.sum()), units, fixed.shape[1] > 0)


def prediction_spread(errors: Any, /) -> np.ndarray:
    """Return the standard deviation over models of the predictions of each sample, [n].

    Args:
        errors: [m, n], predicted minus true, so that the true value cancels. The median of each model is subtracted
            first, since models differ by a constant where they were trained on other references.

    Raises:
        ValueError: fewer than two models, or errors without negative values, which are absolute and have no spread.
    """
    values = np.asarray(errors, np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise InputError(f"a spread needs the errors of two or more models, [m, n]; got shape {values.shape}")
    if not (values < 0).any():
        raise InputError("the errors have no negative values: absolute errors do not tell the spread of predictions")
    return np.asarray((values - np.nanmedian(values, axis=1, keepdims=True)).std(0))


def _per_model(name: str, values: Any, m: int, n: int) -> np.ndarray:
    table = np.asarray(values, np.float64)
    if table.shape not in ((n,), (m, n)):
        raise InputError(f"{name} must have shape {(n,)} or {(m, n)}; got {table.shape}")
    return np.broadcast_to(table, (m, n))


def _rank_correlation(fact: np.ndarray, size: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """Return the (partial) Spearman correlation of each row of both, [m]; NaN where one of both does not vary."""
    x, y = (_residual(unit_ranks(np.nan_to_num(values)), covariates) for values in (fact, size))
    length = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    defined = (length > 1e-12) & np.isfinite(fact).all(1)
    return np.where(defined, (x * y).sum(1) / np.where(defined, length, 1), math.nan)


def _residual(ranks: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    if not covariates.shape[1]:
        return ranks
    basis = np.linalg.svd(unit_ranks(covariates.T).T, full_matrices=False)
    columns = basis.U[:, 1e-9 * max(basis.S[0], 1e-300) < basis.S]
    return np.asarray(ranks - (ranks @ columns) @ columns.T)


def _divided(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return jackknife groups of whole groups of samples, bool [n] each, of about equal numbers of samples."""
    counts = np.bincount(labels)
    parts = np.zeros(len(counts), np.int64)
    sizes = np.zeros(min(JACKKNIFE_GROUPS, len(counts)))
    for unit in np.random.default_rng(seed).permutation(len(counts)):
        parts[unit] = sizes.argmin()
        sizes[parts[unit]] += counts[unit]
    return [parts[labels] == part for part in range(len(sizes))]


def _verdict(low: float, high: float) -> str:
    if math.isnan(low) or math.isnan(high):
        return "inconclusive"
    if high < NEGLIGIBLE:
        return "no"
    return "yes" if low > 0 else "inconclusive"
