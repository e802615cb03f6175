"""Tests of values of pairs of models by quadratic assignment, permuted over families.

Pairs of models share models and families. A quadratic assignment test compares two matrices [k, k] of the families, the
means over the pairs of models of each pair of families, with the same after the rows and columns of one have been
permuted together: the families change places as blocks, and each keeps its pairs.
Source: Mantel (1967), Cancer Research 27, 209; Krackhardt (1988), Social Networks 10, 359.

With covariates this is the multiple regression quadratic assignment procedure with double semi-partialing: the fact is
replaced by its residual after the covariates, which is permuted, and the statistic is the partial correlation, a
monotone function of t. Permuting residuals keeps the level where facts and covariates are correlated.
Source: Dekker, Krackhardt & Snijders (2007), Psychometrika 72, 563; permuted residuals after Freedman & Lane (1983), J.
Bus. Econ. Stat. 1, 292.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .families import (
    PERMUTATIONS,
    FamilyTest,
    complete_families,
    conclude,
    family_codes,
    family_pair_means,
    jackknife_interval_over_families,
    permutation_p,
    permuted_families,
)
from .family_tests import MIN_CORRELATED, invert, tied_ranks


def correlate_pairs(
    first: Any,
    second: Any,
    families: Any = None,
    /,
    *,
    covariates: Sequence[Any] = (),
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> FamilyTest:
    """Compute Spearman's correlation of two values of pairs over the pairs of families.

    The interval is by the delete-a-family jackknife.

    Args:
        first: [m, m], symmetric; families without a finite value are excluded.
        second: [m, m], symmetric.
        families: [m] names, as in `families.family_codes`; default: each model is a family of its own.
        covariates: further values [m, m]; the correlation is the partial one of the ranks.
        permutations: number of permutations; up to seven families all are enumerated.
        seed: of the permutations.
    """
    matrices, models = _family_matrices([first, second, *covariates], families)
    k, nan = len(matrices[0]), math.nan
    if k < MIN_CORRELATED:
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)
    statistics, _, _ = _assign(*[_ranked(one) for one in matrices], permutations=permutations, seed=seed)
    value = float(statistics[0])
    if math.isnan(value):
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)
    p, smallest_p = permutation_p(np.abs(statistics))

    def correlation(kept: np.ndarray) -> float:
        return _partial(*[_ranked(one[np.ix_(kept, kept)]) for one in matrices])

    low, high = (float(np.clip(end, -1, 1)) for end in jackknife_interval_over_families(correlation, k))
    return conclude(FamilyTest(value, low, high, p, smallest_p, models, k))


def pair_correlation(first: Any, second: Any, families: Any = None, /) -> float:
    """Return Spearman's correlation of two values of pairs over the pairs of families, without a test.

    Args:
        first: [m, m], symmetric; families without a finite value are excluded.
        second: [m, m], symmetric.
        families: [m] names; default: each model is a family of its own.

    Returns:
        NaN for fewer than three families, or where one of both does not vary.
    """
    matrices, _ = _family_matrices([first, second], families)
    if len(matrices[0]) < MIN_CORRELATED:
        return math.nan
    ranked = [_ranked(one) for one in matrices]
    pairs = np.triu_indices(len(ranked[0]), 1)
    return _partial(*ranked) if all(np.ptp(one[pairs]) > 0 for one in ranked) else math.nan


def regress_pairs(
    outcome: Any,
    fact: Any,
    families: Any = None,
    /,
    *,
    covariates: Sequence[Any] = (),
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> FamilyTest:
    """Regress a value of pairs on a fact of pairs over the pairs of families.

    For a fact of 0 and 1, such as whether two models have the same modality, the slope is the difference of two means.
    The interval contains the slopes that the same test does not reject.

    Args:
        outcome: [m, m], symmetric; families without a finite value are excluded.
        fact: [m, m], symmetric.
        families: [m] names; default: each model is a family of its own.
        covariates: further facts [m, m], regressed out of both.
        permutations: number of permutations; up to seven families all are enumerated.
        seed: of the permutations.
    """
    matrices, models = _family_matrices([outcome, fact, *covariates], families)
    k, nan = len(matrices[0]), math.nan
    if k < MIN_CORRELATED:
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)
    statistics, with_outcome, with_fact = _assign(*matrices, permutations=permutations, seed=seed)
    if math.isnan(statistics[0]):
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)
    p, smallest_p = permutation_p(np.abs(statistics))
    low, high = invert(with_outcome, with_fact)
    # Both are divided by the length of the permuted residual, which cancels.
    return conclude(FamilyTest(float(with_outcome[0] / with_fact[0]), low, high, p, smallest_p, models, k))


def explained_by_chance(
    outcome: Any, fact: Any, families: Any = None, /, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[float, float]:
    """Return the share of the variation over pairs of families that a fact explains, and its mean under permutation."""
    matrices, _ = _family_matrices([outcome, fact], families)
    if len(matrices[0]) < MIN_CORRELATED:
        return math.nan, math.nan
    shares = _assign(*matrices, permutations=permutations, seed=seed)[0] ** 2
    return float(shares[0]), float(shares.mean())


def mean_over_pairs(values: Any, families: Any = None, /) -> FamilyTest:
    """Compute the mean over the pairs of families, with its interval by the delete-a-family jackknife; without p.

    Args:
        values: [m, m], symmetric; families without a finite value are excluded.
        families: [m] names; default: each model is a family of its own.
    """
    (matrix,), models = _family_matrices([values], families)
    k, nan = len(matrix), math.nan
    if k < 2:
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)

    def mean(kept: np.ndarray) -> float:
        return float(matrix[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)].mean())

    low, high = jackknife_interval_over_families(mean, k)
    return FamilyTest(mean(np.arange(k)), low, high, nan, 1.0, models, k)


def _family_matrices(values: Sequence[Any], families: Any) -> tuple[list[np.ndarray], int]:
    """Return the means over pairs of families [k, k] where all values are known, and the number of models."""
    arrays = [np.asarray(one, np.float64) for one in values]
    codes = family_codes(families, len(arrays[0]))
    means = [family_pair_means(one, codes) for one in arrays]
    kept = complete_families(means)
    models = int(np.isin(codes, np.unique(codes)[kept]).sum())
    return [one[np.ix_(kept, kept)] for one in means], models


def _ranked(matrix: np.ndarray) -> np.ndarray:
    pairs = np.triu_indices(len(matrix), 1)
    return _symmetric(tied_ranks(matrix[pairs]), len(matrix))


def _symmetric(values: np.ndarray, k: int) -> np.ndarray:
    """Return values of pairs as a matrix [k, k]; the diagonal is 0."""
    matrix = np.zeros((k, k))
    matrix[np.triu_indices(k, 1)] = values
    return matrix + matrix.T


def _assign(
    outcome: np.ndarray, fact: np.ndarray, *covariates: np.ndarray, permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return partial correlations [p] of the permuted fact with the outcome, and the inner products behind them.

    The inner products [p] are those of the permuted and residualised fact, of length 1, with the outcome and with the
    unpermuted fact; the first entry of each is the observed one. NaN where the covariates explain the fact.
    """
    k = len(outcome)
    pairs = np.triu_indices(k, 1)
    residual = _residual_of(covariates, len(pairs[0]), pairs)
    y, x = residual(outcome[pairs]), residual(fact[pairs])
    orders = permuted_families(k, permutations, seed)
    if any(np.linalg.norm(r) <= 1e-9 * np.linalg.norm(v[pairs]) for r, v in ((x, fact), (y, outcome))):
        return (np.full(len(orders), np.nan),) * 3
    matrix = _symmetric(x, k)
    permuted = residual(matrix[orders[:, pairs[0]], orders[:, pairs[1]]])
    length = np.linalg.norm(permuted, axis=1)
    permuted /= np.where(length > 1e-12 * length.max(), length, np.inf)[:, None]
    with_outcome = permuted @ y
    return with_outcome / np.linalg.norm(y), with_outcome, permuted @ x


def _residual_of(
    covariates: Sequence[np.ndarray], n: int, pairs: tuple[np.ndarray, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that regresses a constant and the covariates out of the last axis."""
    columns = np.stack([np.ones(n), *(one[pairs] for one in covariates)], 1)
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    basis = u[:, s > 1e-9 * s[0]]
    return lambda values: values - (values @ basis) @ basis.T


def _partial(outcome: np.ndarray, fact: np.ndarray, *covariates: np.ndarray) -> float:
    """Return the partial correlation over pairs; 0 where one of both does not vary."""
    pairs = np.triu_indices(len(outcome), 1)
    residual = _residual_of(covariates, len(pairs[0]), pairs)
    y, x = residual(outcome[pairs]), residual(fact[pairs])
    length = np.linalg.norm(y) * np.linalg.norm(x)
    return float(x @ y / length) if length > 1e-12 else 0.0
