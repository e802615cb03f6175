"""Rank effects of a descriptor on a score, with the influence of every sample on them."""

from __future__ import annotations

import math

import numpy as np

from ..base import t_quantile

LEVEL = 0.05


def middle_ranks(values: np.ndarray) -> np.ndarray:
    """Return the share of values below each of n values plus half the share of equal ones, float64 [n], mean 1/2."""
    from scipy.stats import rankdata  # imported here because it takes half a second

    return np.asarray((rankdata(values) - 0.5) / len(values))


def rank_biserial(score: np.ndarray, present: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute the rank-biserial correlation of a score and a binary descriptor, with the influence of every sample.

    It is P(score with > score without) - P(score with < score without) for two samples drawn at random: 1 if all scores
    with the descriptor are higher, -1 if all are lower.

    Args:
        score: [n], finite.
        present: bool [n], both values.

    Returns:
        The correlation, and its influence function [n], whose mean is 0: placements of DeLong, DeLong &
        Clarke-Pearson (1988), Biometrics 44, 837.

    Source: Cureton (1956), Psychometrika 21, 287. Cost O(n log n).
    """
    n, ones, zeros = len(score), score[present], score[~present]
    below, above = _placement(ones, zeros), 1 - _placement(zeros, ones)
    auc = float(below.mean())
    influence = np.empty(n)
    influence[present] = (below - auc) * (n / len(ones))
    influence[~present] = (above - auc) * (n / len(zeros))
    return 2 * auc - 1, 2 * influence


def _placement(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the others below each value plus half the share of equal ones."""
    order = np.sort(others)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / (2 * len(others))


def spearman(score: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute Spearman's correlation of a score and a numeric descriptor, with the influence of every sample.

    Args:
        score: [n], finite.
        values: [n], finite; neither is constant.

    Returns:
        The correlation of the mean ranks, and its influence function [n], whose mean is 0. It includes that the ranks
        are estimated, and ties: Croux & Dehon (2010), Statistical Methods & Applications 19, 497.

    Cost O(n log n).
    """
    u, v = middle_ranks(values) - 0.5, middle_ranks(score) - 0.5
    c, a, b = float((u * v).mean()), float((u * u).mean()), float((v * v).mean())
    of_c = u * v + _above(values, v) + _above(score, u) - 3 * c
    of_a, of_b = u * u + 2 * _above(values, u) - 3 * a, v * v + 2 * _above(score, v) - 3 * b
    correlation = c / math.sqrt(a * b)
    return correlation, of_c / math.sqrt(a * b) - correlation * (of_a / a + of_b / b) / 2


def _above(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return, for each value, the sum of the weights of larger values and half of those of equal ones, divided by n."""
    _, place = np.unique(values, return_inverse=True)
    total = np.bincount(place, weights)
    larger = total.sum() - np.cumsum(total)
    return np.asarray((larger + total / 2)[place] / len(values))


def clustered_interval(effect: float, influence: np.ndarray, codes: np.ndarray, units: float) -> tuple[float, float]:
    """Compute the 95 % interval of a correlation whose samples come in groups.

    The variance is that of the sums of the influence over the groups, so that samples of one group may depend on each
    other in any way: Obuchowski (1997), Biometrics 53, 567, for rank-biserial correlations. The interval is symmetric
    on the scale of Fisher's z, with the t distribution with ``units`` - 1 degrees of freedom.

    Args:
        effect: the correlation, -1 to 1.
        influence: [n], with mean 0.
        codes: [n], group of each sample as an index from 0.
        units: effective number of groups, (sum of sizes)^2 / sum of squared sizes; for a binary descriptor that of the
            side with fewer.

    Returns:
        Lower and upper end, NaN for fewer than four units. At a correlation of 1 or -1, which has no estimated
        variance, that of Bonett & Wright (2000), Psychometrika 65, 23, for ``units`` samples, is taken.
    """
    if units < 4:
        return math.nan, math.nan
    sums = np.bincount(codes, influence)
    groups = np.unique(codes)
    se = math.sqrt(len(groups) / (len(groups) - 1) * float((sums[groups] ** 2).sum())) / len(influence)
    largest = 1 - 6 / (units**3 - units)
    inner = min(max(effect, -largest), largest)
    se_z = math.sqrt((1 + inner**2 / 2) / (units - 3)) if abs(effect) > largest else se / (1 - inner**2)
    half_width = float(t_quantile(1 - LEVEL / 2, units - 1)) * se_z
    z = math.atanh(inner)
    low, high = math.tanh(z - half_width), math.tanh(z + half_width)
    return min(low, effect), max(high, effect)
