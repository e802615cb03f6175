"""Whether models agree on a sample more than by chance, and less than on samples like it.

The unit is the family of models, as everywhere: siblings agree trivially.

``agreed`` is agreement above chance. Its null exchanges the samples of each family, independently of the other
families. A sample then has the rows of a random sample in every family, whichever sample it is, so that its agreement
has the same distribution as that of every other sample: the agreements of all samples under all permutations are one
null distribution. The p-values of different samples depend on each other. Within strata, such as the samples of one
formula, the same holds for the samples of a stratum.

``contested`` is agreement below that on samples like it, which is not agreement below chance. On samples in sparse
regions, or far from the mean, models agree more or less whatever they know of them. The agreement of each pair of
families is therefore regressed on such facts; its residuals, divided by their expected size, are ranked over the
samples and turned into normal scores z_fg(i). The deviation of a sample is their mean over pairs of families.

What is independent of what: pairs of families that share a family share its rows, and so their residuals. Pairs of
four different families share nothing but the sample. If nothing about the sample itself makes models agree less, their
scores are independent, and the variance of the deviation follows from that of single scores and the covariance of
pairs that share a family, which are estimated over the samples. Facts do not explain all that samples have in common,
such as the spread of their cluster, and the deviations of all samples may vary more than that. Contested samples are
in the lower half of the deviations: the upper half tells the spread of the others. The null distribution of a
deviation is normal with mean 0 and the larger of both variances. So a sample is contested if its deviation is low
among those of all samples, and not merely negative; where all samples differ a little, and none stands out, there are
none.
Source of the null from the bulk of the data: Efron (2004), J. Am. Stat. Assoc. 99, 96.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Fewest families with two disjoint pairs, and so for a test of contested samples and for halves of the panel.
MIN_TESTED = 4
# Quantiles of the deviations from which the spread of their upper half is estimated.
UPPER = (0.8413, 0.95)
# Largest number of divisions of the families into halves.
MAX_HALVES = 50


class Reliability(NamedTuple):
    """Agreement of disjoint halves of the families about the order of the samples.

    Args:
        halves: Spearman correlation of the deviations by both halves, mean over divisions; NaN below four families.
        whole: reliability of the deviation by all families, 2 r / (1 + r) after Spearman & Brown; 0 for r < 0.
        divisions: number of divisions.
    """

    halves: float
    whole: float
    divisions: int


def chance_p(agreement: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the one-sided p of agreement above chance, [n].

    Args:
        agreement: [n].
        null: [r, n], agreement under r permutations, pooled over samples.

    p = (1 + values of the null at least as large) / (1 + r n), with values that differ by rounding counted as ties.
    """
    ordered = np.sort(null.ravel())
    margin = 1e-9 * max(np.abs(agreement).max(), np.abs(ordered).max())
    return np.asarray((1 + len(ordered) - np.searchsorted(ordered, agreement - margin)) / (1 + len(ordered)))


def chance_p_within(agreement: np.ndarray, null: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return the p of agreement above that after permutations within strata, [n]; NaN for samples alone in theirs.

    Args:
        agreement: [n].
        null: [r, n], pooled over the samples of a stratum.
        strata: int [n].
    """
    p = np.full(len(agreement), np.nan)
    order = np.argsort(strata, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(strata[order])) + 1):
        if len(rows) > 1:
            p[rows] = chance_p(agreement[rows], null[:, rows])
    return p


def basis_of(design: np.ndarray, beside: np.ndarray | None = None) -> np.ndarray:
    """Return an orthonormal basis of the columns of a design, [n, rank].

    Args:
        design: [n, p].
        beside: [n, q], an orthonormal basis of columns that are regressed out first.
    """
    length = np.linalg.norm(design, axis=0).max(initial=0)
    rest = design if beside is None else design - beside @ (beside.T @ design)
    # Of the few products of columns, which takes less than a singular value decomposition of n rows.
    squares, vectors = np.linalg.eigh(rest.T @ rest)
    kept = squares > (1e-6 * length) ** 2
    return np.asarray(rest @ (vectors[:, kept] / np.sqrt(squares[kept])))


def expected_of(values: np.ndarray, bases: Sequence[np.ndarray], scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regress values on facts of the samples, and return what is expected and the normal scores of the residuals.

    Args:
        values: [n].
        bases: orthonormal bases of the facts [n, p], orthogonal to each other; the first has the constant.
        scale: orthonormal basis [n, q] of the facts on which the logarithm of the size of the residuals is regressed.

    Returns:
        Expected values [n], and normal scores [n] of the residuals divided by their expected size.
    """
    expected = np.sum([basis @ (values @ basis) for basis in bases], axis=0)
    residual = values - expected
    size = np.abs(residual)
    floor = 0.1 * size.mean()
    if floor <= 1e-12 * np.abs(values).max():
        return expected, np.zeros(len(values))
    log_size = np.log(np.maximum(size, floor))
    return expected, normal_scores(residual / np.exp(scale @ (log_size @ scale)))


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of (rank - 1/2) / n along the last axis; ties have their mean rank."""
    from scipy.special import ndtri
    from scipy.stats import rankdata  # imported here because it takes half a second

    return np.asarray(ndtri((rankdata(values, axis=-1) - 0.5) / values.shape[-1]))


def polynomials(facts: np.ndarray, degree: int) -> np.ndarray:
    """Return all products of c facts up to a degree, with the constant; [n, binomial(c + degree, degree)].

    Args:
        facts: [c, n].
        degree: 1 to 3.
    """
    columns = [np.ones(facts.shape[1])]
    for d in range(1, degree + 1):
        columns += [
            np.prod(facts[list(which)], 0) for which in itertools.combinations_with_replacement(range(len(facts)), d)
        ]
    return np.stack(columns, 1)


def halves_of(families: int, seed: int = 0) -> np.ndarray:
    """Return divisions of families into two halves, bool [h, f]: all, or `MAX_HALVES` random ones of many."""
    first = families // 2
    if families <= 8:
        every = [
            which for which in itertools.combinations(range(families), first) if 2 * first < families or 0 in which
        ]
        return np.array([[f in which for f in range(families)] for which in every])
    generator = np.random.default_rng(seed)
    return np.array([generator.permutation(families) < first for _ in range(MAX_HALVES)])


def reliability(scores: np.ndarray, pairs: np.ndarray, families: int) -> Reliability:
    """Correlate the mean scores of the samples by disjoint halves of the families.

    Args:
        scores: [p, n], of each pair of families.
        pairs: int [p, 2], the families of each.
        families: number of families.
    """
    if families < MIN_TESTED:
        return Reliability(np.nan, np.nan, 0)
    from .family_tests import unit_ranks

    halves = halves_of(families)
    within = [[half[:, pairs[:, 0]] & half[:, pairs[:, 1]]][0].astype(np.float64) for half in (halves, ~halves)]
    first, second = (unit_ranks(mask @ scores / mask.sum(1, keepdims=True)) for mask in within)
    r = float((first * second).sum(1).mean())
    return Reliability(r, 2 * r / (1 + r) if r > 0 else 0.0, len(halves))


def adjusted(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, [n], by Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289.

    NaN are left out, and stay NaN.
    """
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested])]
    ranks = np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate((p[order] * len(order) / ranks)[::-1])[::-1], 1)
    return q


def contested_p(scores: np.ndarray, pairs: np.ndarray, families: int) -> np.ndarray:
    """Return the one-sided p of a mean score as low, [n], as the module describes.

    Args:
        scores: [q, n], normal scores of each pair of families.
        pairs: int [q, 2], the families of each.
        families: number of families, at least four.
    """
    from scipy.special import ndtr, ndtri

    deviation, q = scores.mean(0), len(scores)
    of_family = np.stack([scores[(pairs == f).any(1)].sum(0) for f in range(families)])
    squares = (scores**2).sum(0).mean()
    # Each product of two pairs that share a family is in the square of one sum, twice; each square is in two sums.
    sharing = ((of_family**2).sum(0).mean() - 2 * squares) / 2
    independent = np.sqrt((squares + 2 * max(sharing, 0)) / q**2)
    upper = max(np.quantile(deviation, one_sided) / ndtri(one_sided) for one_sided in UPPER)
    scale = max(independent, upper)
    return np.asarray(ndtr(deviation / scale)) if scale > 0 else np.ones(len(deviation))
