"""Evaluation of ways of ranking models by the errors that the models then have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .families import PERMUTATIONS, family_codes, family_means, jackknife_interval_over_families
from .family_tests import correlate_models, unit_ranks


@dataclass(frozen=True)
class Criterion:
    """One way of ranking models, evaluated by the errors on the test samples.

    Args:
        name: ``probe``, ``alignment``, ``generality`` or ``parameters``.
        score: [m], the model with the highest score is taken first; mean over the draws.
        correlation: Spearman correlation of score and accuracy (minus the error), each averaged over families first;
            mean over the draws; NaN for fewer than three families.
        low: lower end of its 95 % interval; NaN for fewer than six families.
        high: upper end.
        p: two-sided, by permutation of the families; NaN for fewer than six families.
        regret: error of the model taken first, scaled to 0 for the best model and 1 for a model drawn at random; mean
            over the draws.
        over_parameters: lower and upper end of the 95 % interval of its correlation minus that of the parameter count,
            by the delete-a-family jackknife; NaN where parameter counts are not known.
        families: number of families.
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
        scores: name -> [draws, m], the model with the highest score is taken first; ``parameters`` is what the others
            are compared with.
        errors: [draws, m], test errors.
        families: [m] names of families, empty for a family of its own; default: each model is a family of its own.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.
    """
    codes = family_codes(families, errors.shape[1])
    means = {name: family_means(score, codes) for name, score in scores.items()}
    accuracy = -family_means(errors, codes)
    results = []
    for name, score in scores.items():
        test = correlate_models(score, -errors, codes, permutations=permutations, seed=seed)
        over = (math.nan, math.nan)
        if "parameters" in scores and name != "parameters":

            def gain(kept: np.ndarray, ranked: np.ndarray = means[name]) -> float:
                rival = means["parameters"]
                return _mean_correlation(ranked[:, kept], accuracy[:, kept]) - _mean_correlation(
                    rival[:, kept], accuracy[:, kept]
                )

            over = jackknife_interval_over_families(gain, accuracy.shape[1])
        results.append(
            Criterion(
                name,
                score.mean(0),
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


def _regret(score: np.ndarray, errors: np.ndarray) -> float:
    first = errors[np.arange(len(errors)), score.argmax(1)]
    room = errors.mean(1) - errors.min(1)
    return float(np.where(room > 0, (first - errors.min(1)) / np.where(room > 0, room, 1), 0).mean())


def _mean_correlation(score: np.ndarray, accuracy: np.ndarray) -> float:
    return float((unit_ranks(score) * unit_ranks(accuracy)).sum(1).mean())
