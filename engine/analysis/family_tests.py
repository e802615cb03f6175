"""Tests of values of models, permuted over families."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtri

from .families import (
    LEVEL,
    PERMUTATIONS,
    FamilyTest,
    conclude,
    count_families,
    family_codes,
    family_means,
    permutation_p,
    permuted_families,
)

# Fewest families for which a correlation is defined.
MIN_CORRELATED = 3
# Values that differ by less than this share of the largest are equal: means of equal values differ by rounding.
EQUAL = 1e-9


def correlate_models(
    first: Any, second: Any, families: Any = None, /, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> FamilyTest:
    """Compute Spearman's correlation of two values of the models over families.

    The values are averaged over each family before they are ranked. The interval is that of Bonett & Wright, which
    depends on ranks alone.

    Args:
        first: [m]; models that are not finite in both are excluded.
        second: [m], or [d, m] for d draws, over which the correlation is averaged.
        families: [m] names, as in `families.family_codes`; default: each model is a family of its own.
        permutations: number of permutations; up to seven families all are enumerated.
        seed: of the permutations.

    Source: Bonett & Wright (2000), Psychometrika 65, 23.
    """
    a, b = np.atleast_2d(np.asarray(first, np.float64)), np.atleast_2d(np.asarray(second, np.float64))
    codes = family_codes(families, a.shape[1])
    valid = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    codes = codes[valid]
    k, nan = count_families(codes), math.nan
    if k < MIN_CORRELATED:
        return FamilyTest(nan, nan, nan, nan, 1.0, int(valid.sum()), k)
    x, y = (unit_ranks(family_means(values[:, valid], codes)) for values in (a, b))
    orders = permuted_families(k, permutations, seed)
    # [p, d], averaged over draws; the families of one draw keep their order in all draws.
    correlations = (x[:, orders] * y[:, None, :]).sum(2).mean(0)
    p, smallest_p = permutation_p(np.abs(correlations))
    if math.isnan(p):  # one of both does not vary
        return FamilyTest(nan, nan, nan, nan, 1.0, int(valid.sum()), k)
    value = float(correlations[0])
    low, high = _bonett_wright(value, k)
    return conclude(FamilyTest(value, low, high, p, smallest_p, int(valid.sum()), k))


def tied_ranks(values: np.ndarray) -> np.ndarray:
    """Return mean ranks along the last axis; values that differ by rounding of their means only are ties."""
    scale = np.abs(values).max(-1, keepdims=True, initial=0)
    from scipy.stats import rankdata  # imported here because it takes half a second

    return np.asarray(rankdata(np.round(values / np.where(scale > 0, scale, 1), 12), axis=-1))


def unit_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, centred, of length 1; 0 where all values are equal."""
    ranks = tied_ranks(values)
    ranks -= ranks.mean(-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(-1, keepdims=True))
    return np.asarray(ranks / np.where(length > 0, length, 1))


def _bonett_wright(correlation: float, k: int) -> tuple[float, float]:
    if k < 4:
        return math.nan, math.nan
    # One exchange of neighbours lowers a correlation of 1 by 12 / (k^3 - k). Half of that stands for no exchange, where
    # the inverse hyperbolic tangent is infinite.
    largest = 1 - 6 / (k**3 - k)
    z = math.atanh(min(max(correlation, -largest), largest))
    half_width = float(ndtri(1 - LEVEL / 2)) * math.sqrt((1 + correlation**2 / 2) / (k - 3))
    low, high = math.tanh(z - half_width), math.tanh(z + half_width)
    return min(low, correlation), max(high, correlation)


def fit_slope(
    size: Any, value: Any, families: Any = None, /, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> FamilyTest:
    """Fit the slope of a value of the models over families by least squares.

    p is by permutation of the families. The interval contains the slopes that the same test does not reject, so that
    it, too, assumes no distribution. Where the sizes of all families are equal up to rounding, the slope is NaN; where
    their values are, it is 0, and there is nothing to test.

    Args:
        size: [m]; models that are not finite in both are excluded.
        value: [m].
        families: [m] names; default: each model is a family of its own.
        permutations: number of permutations; up to seven families all are enumerated.
        seed: of the permutations.
    """
    a, b = np.asarray(size, np.float64), np.asarray(value, np.float64)
    codes = family_codes(families, len(a))
    valid = np.isfinite(a) & np.isfinite(b)
    codes = codes[valid]
    x, y = family_means(a[valid], codes), family_means(b[valid], codes)
    k, nan, models = len(x), math.nan, int(valid.sum())
    if k < MIN_CORRELATED or _all_equal(x):
        return FamilyTest(nan, nan, nan, nan, 1.0, models, k)
    if _all_equal(y):
        return FamilyTest(0.0, nan, nan, nan, 1.0, models, k)
    x, y = x - x.mean(), y - y.mean()
    permuted = x[permuted_families(k, permutations, seed)]
    with_value, with_size = permuted @ y, permuted @ x
    p, smallest_p = permutation_p(np.abs(with_value))
    low, high = invert(with_value, with_size)
    return conclude(FamilyTest(float(with_value[0] / with_size[0]), low, high, p, smallest_p, models, k))


def _all_equal(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= EQUAL * np.abs(values).max())


def invert(outcome: np.ndarray, fact: np.ndarray) -> tuple[float, float]:
    """Return the ends of the set of slopes b that a permutation test of outcome - b fact does not reject at 5 %.

    Args:
        outcome: [p], inner products of the permuted fact with the outcome; the first is the observed one.
        fact: [p], inner products of the permuted fact with the fact itself.

    NaN where the set is not bounded.
    """

    def rejects(slope: float) -> bool:
        statistics = np.abs(outcome - slope * fact)
        # The tolerance counts orders that change nothing as at least as large as the observed one.
        return bool((statistics >= statistics[0] * (1 - 1e-9) - 1e-300).mean() <= LEVEL)

    if fact[0] <= 0:
        return math.nan, math.nan
    value = float(outcome[0] / fact[0])
    unit = float(np.abs(outcome).max() / fact[0]) or 1.0
    ends = []
    for sign in (-1, 1):
        outer = next((step for step in (unit * 2.0**i for i in range(30)) if rejects(value + sign * step)), None)
        if outer is None:
            return math.nan, math.nan
        inner = 0.0
        for _ in range(40):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if rejects(value + sign * middle) else (middle, outer)
        ends.append(value + sign * outer)
    return ends[0], ends[1]


def compare_groups(
    values: Any, labels: Any, families: Any = None, /, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> FamilyTest:
    """Test whether a value of the models differs between groups of families (Kruskal-Wallis).

    Args:
        values: [m]; models that are not finite or have no label are excluded.
        labels: [m] names of groups; families whose models have several are excluded.
        families: [m] names; default: each model is a family of its own.
        permutations: number of permutations; up to seven families all are enumerated.
        seed: of the permutations.

    Returns:
        The test, without an interval. Its value is the share of the variation of the ranks between groups, 0 to 1.
    """
    x, names = np.asarray(values, np.float64), np.array([str(label) for label in labels])
    codes = family_codes(families, len(x))
    mixed = {code for code in codes.tolist() if len(set(names[(codes == code) & (names != "")])) > 1}
    valid = np.isfinite(x) & (names != "") & ~np.isin(codes, list(mixed))
    codes, names = codes[valid], names[valid]
    nan, k = math.nan, len(np.unique(codes))
    groups = np.unique(names, return_inverse=True)[1][np.unique(codes, return_index=True)[1]] if k else np.empty(0, int)
    if k < MIN_CORRELATED or len(set(groups.tolist())) < 2:
        return FamilyTest(nan, nan, nan, nan, 1.0, int(valid.sum()), k)
    ranks = unit_ranks(family_means(x[valid], codes))
    member = np.eye(groups.max() + 1)[groups]
    sums = ranks[permuted_families(k, permutations, seed)] @ member
    shares = (sums**2 / np.maximum(member.sum(0), 1)).sum(1)
    p, smallest_p = permutation_p(shares)
    return conclude(FamilyTest(float(shares[0]), nan, nan, p, smallest_p, int(valid.sum()), k))
