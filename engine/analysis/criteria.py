"""Evaluation of ways of ranking models by the errors that the models then have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .families import (
    PERMUTATIONS,
    FamilyTest,
    conclude,
    family_codes,
    family_means,
    jackknife_interval_over_families,
    permutation_p,
    permuted_families,
)
from .family_tests import MIN_CORRELATED, _bonett_wright, unit_ranks


@dataclass(frozen=True)
class Criterion:
    """One way of ranking models, evaluated by the errors on the test samples.

    Args:
        name: ``probe``, ``alignment``, ``generality`` or ``parameters``.
        score: [m], the model with the highest score is taken first; mean over the draws in which the model has one, NaN
            if there are none.
        correlation: Spearman correlation of score and accuracy (minus the error), each averaged over families first;
            mean over the draws, in each over the models that have a score; NaN for fewer than three families.
        low: lower end of its 95 % interval; NaN for fewer than six families.
        high: upper end.
        p: two-sided, by permutation of the families; NaN for fewer than six families.
        regret: error of the model taken first, scaled to 0 for the best of the models that have a score and 1 for one
            of them drawn at random; mean over the draws.
        over_parameters: lower and upper end of the 95 % interval of its correlation minus that of the parameter count,
            by the delete-a-family jackknife; NaN where parameter counts are not known.
        families: number of families that have a score, in the draw in which they are fewest.
        smallest_p: the smallest p that so many families can give.
    """

    name: str
    score: np.ndarray
    correlation: float
    low: float
    high: float
    p: float
    regret: float
    over_parameters: tuple[float, float]
    families: int
    smallest_p: float


def rank_criteria(
    scores: Mapping[str, np.ndarray],
    errors: np.ndarray,
    families: Any = None,
    /,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[Criterion]:
    """Evaluate each way of ranking.

    Args:
        scores: name -> [draws, m], the model with the highest score is taken first; NaN for models that are not to be
            ranked in this draw. ``parameters`` is what the others are compared with.
        errors: [draws, m], test errors.
        families: [m] names of families, empty for a family of its own; default: each model is a family of its own.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.
    """
    codes = family_codes(families, errors.shape[1])
    results = []
    for name, score in scores.items():
        test = _correlate(*_known_means(score, errors, codes), permutations, seed)
        over = (math.nan, math.nan)
        if "parameters" in scores and name != "parameters":
            both = np.isfinite(score) & np.isfinite(scores["parameters"])
            own, rival = (
                _known_means(np.where(both, values, np.nan), errors, codes) for values in (score, scores["parameters"])
            )

            def gain(kept: np.ndarray, own: Any = own, rival: Any = rival) -> float:
                first, second = (
                    (_known_ranks(ranked[:, kept]) * _known_ranks(accuracy[:, kept])).sum(1).mean()
                    for ranked, accuracy in (own, rival)
                )
                return float(first - second)

            over = jackknife_interval_over_families(gain, own[0].shape[1])
        results.append(
            Criterion(
                name,
                _known_mean(score),
                test.value,
                test.low,
                test.high,
                test.p,
                _regret(score, errors),
                over,
                test.families,
                test.smallest_p,
            )
        )
    return results


def _known_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis, without NaN."""
    known = np.isfinite(values)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, values, 0).sum(0) / np.maximum(count, 1), np.nan)


def _known_means(score: np.ndarray, errors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores and accuracies of families [draws, k], NaN where a family has no score in a draw.

    Families that have none in any draw are left out.
    """
    known = np.isfinite(score) & np.isfinite(errors)
    means = [family_means(np.where(known, values, np.nan), codes) for values in (score, -errors)]
    ever = np.isfinite(means[0]).any(0)
    return means[0][:, ever], means[1][:, ever]


def _known_ranks(values: np.ndarray) -> np.ndarray:
    """Return `unit_ranks` of the values [draws, k] that are known in each draw, 0 for the others."""
    ranks = np.zeros(values.shape)
    for row, value in zip(ranks, values, strict=True):
        known = np.isfinite(value)
        row[known] = unit_ranks(value[known])
    return ranks


def _correlate(score: np.ndarray, accuracy: np.ndarray, permutations: int, seed: int) -> FamilyTest:
    """Correlate as `correlate_models` does, where families may be known in some of the draws only.

    In each draw, the families that are known exchange their scores with each other. A family that is not known is
    skipped in the cycles of the permutation: this leaves a uniformly random permutation of the others.
    """
    known = np.isfinite(score)
    k, nan = int(known.sum(1).min(initial=score.shape[1])), math.nan
    if k < MIN_CORRELATED:
        return FamilyTest(nan, nan, nan, nan, 1.0, k, k)
    x, y = _known_ranks(score), _known_ranks(accuracy)
    orders = permuted_families(score.shape[1], permutations, seed)
    each = [(row[_among(orders, kept)] * other).sum(1) for row, other, kept in zip(x, y, known, strict=True)]
    correlations = np.mean(each, 0)
    p, smallest_p = permutation_p(np.abs(correlations))
    if math.isnan(p):  # one of both does not vary
        return FamilyTest(nan, nan, nan, nan, 1.0, k, k)
    value = float(correlations[0])
    return conclude(FamilyTest(value, *_bonett_wright(value, k), p, smallest_p, k, k))


def _among(orders: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return permutations [p, k] that skip the items that are not known, which stay where they are."""
    among = np.where(known, orders, np.arange(len(known)))
    while (skipped := known & ~known[among]).any():
        among = np.where(skipped, np.take_along_axis(orders, among, 1), among)
    return among


def _regret(score: np.ndarray, errors: np.ndarray) -> float:
    known = np.isfinite(score)
    draws = known.any(1)
    if not draws.any():
        return math.nan
    score, errors, known = score[draws], errors[draws], known[draws]
    first = errors[np.arange(len(errors)), np.where(known, score, -np.inf).argmax(1)]
    best, mean = np.where(known, errors, np.inf).min(1), np.where(known, errors, 0).sum(1) / known.sum(1)
    room = mean - best
    return float(np.where(room > 0, (first - best) / np.where(room > 0, room, 1), 0).mean())
