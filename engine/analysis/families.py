"""The family of models as the unit of every test and interval over models.

Models of one family share code, data and often weights, so that each is hardly more evidence than one of them. A model
without a family counts as a family of its own.

Every procedure first reduces the models to one number per family, or per pair of different families: the mean over the
models, or over the pairs of models. Pairs within a family are excluded. Families are then permuted or left out as a
whole.

The assumption is that families are exchangeable if there is no effect: which family has which value does not depend on
the other values. Nothing is assumed about the models within a family or about the distribution of the values, so that
effects of the family on all of its models, heavy tails and ties do not raise the error rate of a permutation. A mean
over many models varies less than one over few: the permutation is exact for families of equal size and approximate
otherwise, and `bench/family_null.py` measures the error rates for families of one to ten models.

What varies within families only is not tested: such a statement would be about these families and no others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..base import t_quantile
from ._matrix import model_facts

# Fewest families for which a p-value or an interval is reported.
MIN_FAMILIES = 6
LEVEL = 0.05
PERMUTATIONS = 1999
# Up to this number of families all permutations are enumerated: 5,040 for seven.
ENUMERATED = 7


@dataclass(frozen=True)
class FamilyTest:
    """A number over families with its test.

    The test is inconclusive, without p and interval, for fewer than six families, or where the values have so few
    orders that none gives p <= 0.05, such as one family against nine others.

    Args:
        value: the number; NaN where it is not defined, such as a correlation over fewer than three families.
        low: lower end of its 95 % interval; NaN where the test is inconclusive or the interval is not bounded.
        high: upper end.
        p: two-sided, by permutation of families; NaN where the test is inconclusive.
        smallest_p: the smallest p that the design can give, also for fewer than six families.
        models: number of models.
        families: number of families.
    """

    value: float
    low: float
    high: float
    p: float
    smallest_p: float
    models: int
    families: int


def family_codes(families: Any, m: int | None = None) -> np.ndarray:
    """Return the family of each model as an index from 0, [m].

    Args:
        families: [m] names; a model whose name is empty is a family of its own. None: each model is.
        m: number of models, needed where families is None.
    """
    if families is None:
        return np.arange(m or 0)
    labels = [(str(name), -1) if str(name) else ("", i) for i, name in enumerate(families)]
    order = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.array([order[label] for label in labels], np.int64)


def families_of(comparison: xr.Dataset) -> np.ndarray:
    """Return the family of each model of a Comparison as an index from 0, [m]."""
    return family_codes(model_facts(comparison, "family"))


def count_families(codes: np.ndarray) -> int:
    """Return the number of different families."""
    return len(np.unique(codes))


def family_means(values: Any, codes: np.ndarray) -> np.ndarray:
    """Return the mean over the models of each family.

    Args:
        values: [..., m]; models that are NaN are excluded.
        codes: [m], the family of each model.

    Returns:
        [..., k], in the order of the sorted codes; NaN for a family without any value.
    """
    values = np.asarray(values, np.float64)
    member = (codes == np.unique(codes)[:, None]).astype(np.float64)
    finite = np.isfinite(values)
    total, count = np.where(finite, values, 0) @ member.T, finite @ member.T
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def family_pair_means(values: Any, codes: np.ndarray) -> np.ndarray:
    """Return the mean over the pairs of models of each pair of families.

    Args:
        values: [m, m], symmetric; pairs that are NaN are excluded.
        codes: [m], the family of each model.

    Returns:
        [k, k], in the order of the sorted codes; NaN on the diagonal, since pairs within a family do not count.
    """
    values = np.asarray(values, np.float64)
    member = (codes == np.unique(codes)[:, None]).astype(np.float64)
    finite = np.isfinite(values)
    total, count = member @ np.where(finite, values, 0) @ member.T, member @ finite @ member.T
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    np.fill_diagonal(means, np.nan)
    return means


def complete_families(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Return the families [k'] that have a value with every other one in all matrices [k, k].

    The family with the most missing pairs is excluded until none is missing.
    """
    missing = ~np.isfinite(np.stack(list(matrices))).all(0)
    np.fill_diagonal(missing, False)
    kept = np.arange(len(missing))
    while missing[np.ix_(kept, kept)].any():
        kept = np.delete(kept, missing[np.ix_(kept, kept)].sum(1).argmax())
    return kept


def permuted_families(k: int, permutations: int = PERMUTATIONS, seed: int = 0) -> np.ndarray:
    """Return orders of k families [p, k], the unchanged order first: all of them for up to seven families."""
    if k <= ENUMERATED:
        return np.array(list(itertools.permutations(range(k))), np.int64).reshape(-1, k)
    generator = np.random.default_rng(seed)
    return np.concatenate([np.arange(k)[None], generator.permuted(np.tile(np.arange(k), (permutations, 1)), axis=1)])


def permutation_p(statistics: np.ndarray) -> tuple[float, float]:
    """Return p and the smallest p that the design can give.

    Args:
        statistics: [p], absolute values under the orders of `permuted_families`; the first is the observed one.

    The smallest p is the share of the orders that reach the largest of all statistics: labels such as one family
    against nine others take few different orders.
    """
    if not np.isfinite(statistics).all() or np.ptp(statistics) == 0:
        return math.nan, 1.0
    tolerance = 1e-9 * statistics.max()
    observed, largest = statistics[0], statistics.max()
    return float((statistics >= observed - tolerance).mean()), float((statistics >= largest - tolerance).mean())


def conclude(test: FamilyTest) -> FamilyTest:
    """Return the test without p and interval for fewer than six families, or where it cannot give p <= 0.05."""
    if test.families >= MIN_FAMILIES and not test.smallest_p > LEVEL:
        return test
    nan = math.nan
    return FamilyTest(test.value, nan, nan, nan, test.smallest_p, test.models, test.families)


def jackknife_interval_over_families(statistic: Callable[[np.ndarray], float], k: int) -> tuple[float, float]:
    """Return the 95 % interval of a statistic by the delete-a-family jackknife; NaN for fewer than six families.

    Args:
        statistic: of the indices of the families that are kept.
        k: number of families.

    The interval uses the t distribution with k - 1 degrees of freedom. For a mean of families it is the t interval.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 11.
    """
    if k < MIN_FAMILIES:
        return math.nan, math.nan
    every = np.arange(k)
    value = statistic(every)
    replicates = np.array([statistic(np.delete(every, i)) for i in every])
    se = math.sqrt((k - 1) / k * ((replicates - replicates.mean()) ** 2).sum())
    half_width = float(t_quantile(1 - LEVEL / 2, k - 1)) * se
    return value - half_width, value + half_width


def mean_over_families(values: Any, codes: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of the family means with its 95 % interval, whose ends are NaN for fewer than six families.

    Args:
        values: [m], finite.
        codes: [m], the family of each model.
    """
    means = family_means(values, codes)
    interval = jackknife_interval_over_families(lambda kept: float(means[kept].mean()), len(means))
    return float(means.mean()), *interval
