"""Whether aligned models make the same errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .families import PERMUTATIONS
from .family_pairs import correlate_pairs

STRATA = 3


@dataclass(frozen=True)
class BlindSpots:
    """Similarity of the errors of m models.

    Args:
        correlation: [m, m], Spearman correlation of the signed errors over samples.
        kappa: [m, m], error consistency: how much more often two models are wrong on the same samples than their shares
            of wrong samples give by chance; 1 for always, 0 for chance.
        by_difficulty: [3, m, m], the correlation within the samples that the other models find easy, medium and hard.
        threshold: absolute error above which a sample counts as wrong.
        n: number of samples with an error of every model.
    """

    correlation: np.ndarray
    kappa: np.ndarray
    by_difficulty: np.ndarray
    threshold: float
    n: int


@dataclass(frozen=True)
class Association:
    """Association of two similarities of the same models over pairs of families (a Mantel test).

    Args:
        correlation: Spearman correlation over the pairs of families; NaN for fewer than three families.
        p: two-sided, by permutation of the families of one matrix; NaN for fewer than six families.
        models: number of models.
        families: number of families.
        low: lower end of the 95 % interval of the correlation, by the delete-a-family jackknife; NaN for fewer than six
            families.
        high: upper end.
        smallest_p: the smallest p that so many families can give.
    """

    correlation: float
    p: float
    models: int
    families: int
    low: float
    high: float
    smallest_p: float


def blind_spots(errors: Any, /, *, threshold: float | None = None) -> BlindSpots:
    """Compare the signed errors of models sample by sample.

    Args:
        errors: [m, n], predicted minus true, such as energies after a separate composition fit for each model; samples
            that are not finite for all models are excluded.
        threshold: absolute error above which a sample counts as wrong; default: the upper quartile over all models.

    ``kappa = (c - e) / (1 - e)``, where c is the share of samples on which both models are right or both are wrong, and
    e = a b + (1 - a)(1 - b) with a and b the shares of samples on which each is right. It is NaN where both models are
    always right or both are always wrong.
    The difficulty of a sample for a pair of models is the mean absolute error of all other models. It therefore needs
    at least three models; ``by_difficulty`` is NaN for two.

    Raises:
        ValueError: fewer than two models or eight samples.

    Source: error consistency, Geirhos et al. (2020), arXiv 2006.16736.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.normal(size=300)
        >>> result = blind_spots([shared + rng.normal(size=300), shared + rng.normal(size=300), rng.normal(size=300)])
        >>> bool(result.correlation[0, 1] > 0.3 > abs(result.correlation[0, 2])), bool(result.kappa[0, 1] > 0.1)
        (True, True)
    """
    values = np.asarray(errors, np.float64)
    from scipy.stats import rankdata  # imported here because it takes half a second

    if values.ndim != 2 or len(values) < 2:
        raise InputError(f"errors of at least two models are needed, [m, n]; got shape {values.shape}")
    values = values[:, np.isfinite(values).all(0)]
    m, n = values.shape
    if n < 8:
        raise InputError(f"{n} samples have an error of every model, and at least 8 are needed")
    size = np.abs(values)
    cutoff = float(np.quantile(size, 0.75)) if threshold is None else threshold
    wrong = size > cutoff
    by_difficulty = np.full((STRATA, m, m), np.nan)
    for a in range(m if m > 2 else 0):
        for b in range(a + 1, m):
            difficulty = np.delete(size, [a, b], 0).mean(0)
            stratum = np.minimum(STRATA * (rankdata(difficulty, method="ordinal") - 1) // n, STRATA - 1)
            for level in range(STRATA):
                correlation = _spearman(values[[a, b]][:, stratum == level])[0, 1]
                by_difficulty[level, a, b] = by_difficulty[level, b, a] = correlation
    return BlindSpots(_spearman(values), _kappa(wrong), by_difficulty, cutoff, n)


def association(
    first: Any,
    second: Any,
    /,
    *,
    families: Any = None,
    covariates: Sequence[Any] = (),
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Association:
    """Correlate two similarities of the same models over their pairs, such as alignment and similarity of errors.

    Pairs share models, and models share families. Similarities are therefore averaged over the pairs of models of each
    pair of different families, and the test permutes families; see `family_pairs`.

    Args:
        first: [m, m], symmetric; pairs that are not finite are excluded.
        second: [m, m], the other similarity of the same models.
        families: [m] names of families, empty for a family of its own; default: each model is a family of its own.
        covariates: further similarities [m, m]; the correlation is the partial one of the ranks.
        permutations: number of permutations of the families; up to seven families all are enumerated.
        seed: of the permutations.

    Raises:
        ValueError: fewer than four models.

    Source: Mantel (1967), Cancer Research 27, 209; Dekker, Krackhardt & Snijders (2007), Psychometrika 72, 563.
    """
    m = len(np.asarray(first))
    if m < 4:
        raise InputError(f"{m} models have too few pairs: at least four models are needed")
    test = correlate_pairs(first, second, families, covariates=covariates, permutations=permutations, seed=seed)
    return Association(test.value, test.p, test.models, test.families, test.low, test.high, test.smallest_p)


def _spearman(rows: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata  # imported here because it takes half a second

    ranks = rankdata(rows, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.sqrt((ranks**2).sum(1, keepdims=True))
    ranks = np.where(length > 0, ranks / np.where(length > 0, length, 1), np.nan)
    return np.asarray(ranks @ ranks.T)


def _kappa(wrong: np.ndarray) -> np.ndarray:
    right = 1 - wrong.mean(1)
    expected = np.outer(right, right) + np.outer(1 - right, 1 - right)
    observed = (wrong[:, None, :] == wrong[None, :, :]).mean(2)
    return np.where(expected < 1, (observed - expected) / np.where(expected < 1, 1 - expected, 1), np.nan)
