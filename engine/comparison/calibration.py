"""p-values, thresholds and calibrated scores by permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base import InputError
from ..context import NULL, MetricContext
from ..metrics import Metric
from ..permutation import Permutations

# Scores of float32 that differ by less than this share of their scale are ties: 2^-18, 3.8e-6, or 32 units of rounding.
ROUNDING = 2.0**-18
# The same for scores that are computed from integers in float64.
EXACT_ROUNDING = 2.0**-40


@dataclass(frozen=True)
class Calibration:
    """Permutation statistics of scores of any shape.

    Args:
        mean: mean score under the permutations under which it is defined; NaN where there are none.
        p: one-sided p-value, (1 + permutations at least as aligned) / (1 + K); NaN where the score is NaN.
        threshold: a score beyond it is significant at level alpha; NaN where none is, because the score is undefined
            under too many permutations.
        score: the calibrated score, 0 up to the threshold, 1 at the best score, linear in between; NaN where the best
            score is not beyond the threshold.
    """

    mean: np.ndarray
    p: np.ndarray
    threshold: np.ndarray
    score: np.ndarray


def calibrate(
    value: Any,
    null: Any,
    /,
    *,
    best: float = 1.0,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    rounding: float = ROUNDING,
) -> Calibration:
    """Calibrate scores against their null distribution.

    The threshold is the ceil((1 - alpha) (K + 1))-th smallest of the score and its K permutations; the calibrated score
    is max((s - threshold) / (best - threshold), 0). Where lower means more aligned, all signs are reversed.

    A permutation is at least as aligned as the data also where it is less aligned by no more than ``rounding`` times
    the scale, which is the largest magnitude among the score, its permutations and ``best``. Otherwise rounding errors
    would decide between representations of few distinct rows, for which many permutations leave a score as it is.

    So is a permutation under which the score is not defined, both for p and for the threshold: what is not known does
    not make a score significant.

    Args:
        value: scores [...].
        null: [K, ...], scores under K permutations of the samples of one side, NaN where not defined.
        best: the score of perfectly aligned representations.
        higher_is_better: False where a lower score means more aligned.
        alpha: significance level of the threshold, between 0 and 1.
        rounding: difference of two scores that counts as a tie, as a share of the scale; by default that of scores
            computed in float32.

    Source: Gröger et al. (2026), arXiv 2602.14486; the p-value: Phipson & Smyth (2010), SAGMB 9, 39.

    Raises:
        ValueError: alpha is not between 0 and 1, or K is 0.

    Example:
        >>> result = calibrate(0.5, [0.1, 0.0, 0.2, 0.1], alpha=0.2)
        >>> float(result.p), float(result.threshold), round(float(result.score), 3)
        (0.2, 0.2, 0.375)
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha={alpha} must lie between 0 and 1")
    score, chance = np.asarray(value, np.float64), np.asarray(null, np.float64)
    if not len(chance):
        raise InputError("calibration needs at least one permutation")
    sign = 1.0 if higher_is_better else -1.0
    finite, defined = np.isfinite(score), np.isfinite(chance)
    aligned = np.where(defined, sign * chance, np.inf)
    ordered = np.sort(np.concatenate([sign * score[None], aligned]), axis=0)
    threshold = sign * ordered[math.ceil((1 - alpha) * len(ordered)) - 1]
    known = finite & np.isfinite(threshold)
    threshold = np.where(known, threshold, score)
    count, chance = defined.sum(0), np.where(defined, chance, 0)
    scale = np.maximum(np.maximum(np.abs(score), np.abs(chance).max(0)), abs(best))
    margin = rounding * scale
    p = (1 + (aligned >= sign * score - margin).sum(0)) / (1 + len(chance))
    # A score within rounding of the threshold is not beyond it.
    threshold = np.where(np.abs(score - threshold) <= margin, score, threshold)
    room = sign * (best - threshold)
    room = np.where(room <= margin, 0, room)
    share = np.clip(sign * (score - threshold) / np.where(room > 0, room, 1), 0, 1)
    return Calibration(
        np.where(finite & (count > 0), chance.sum(0) / np.maximum(count, 1), np.nan),
        np.where(finite, p, np.nan),
        np.where(known, threshold, np.nan),
        np.where(known & (room > 0), share, np.nan),
    )


def adjusted(p: np.ndarray, *, symmetric: bool, fdr: str = "bh") -> np.ndarray:
    """Return the p-values [m, m] adjusted for the number of pairs, which control the false discovery rate.

    Args:
        p: [m, m]; the diagonal, a model with itself, becomes NaN.
        symmetric: whether (a, b) and (b, a) are one pair.
        fdr: ``bh`` for Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289, or ``by`` for Benjamini & Yekutieli
            (2001), Ann. Stat. 29, 1165, which holds for any dependence of the pairs: pairs share models. Its values are
            sum_{i <= P} 1 / i times as large for P pairs.
    """
    m = len(p)
    tested = np.triu(np.ones((m, m), bool), 1) if symmetric else ~np.eye(m, dtype=bool)
    tested &= np.isfinite(p)
    q = np.full((m, m), np.nan)
    if tested.any():
        q[tested] = _adjusted(p[tested], fdr)
    if symmetric:
        q.T[tested] = q[tested]
    return q


def _adjusted(p: np.ndarray, fdr: str) -> np.ndarray:
    # `scipy.stats.false_discovery_control` without half a second for the import of scipy.stats.
    order, rank = np.argsort(p), np.arange(1, len(p) + 1)
    factor = len(p) * (1 / rank).sum() if fdr == "by" else len(p)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate((p[order] * factor / rank)[::-1])[::-1], 1)
    return q


def null_of(metric: Metric, context: MetricContext, permutations: Permutations) -> np.ndarray:
    """Return a pair metric under K permutations, [K, m, m], permuting the model that `MetricContext.in_order` says.

    A metric without a faster way is evaluated once per permutation, on all models and their permuted copies.
    """
    faster = None if metric.null is None else metric.null(context, permutations)
    if faster is not None:
        return np.asarray(faster, np.float64)
    m, report = context.m, context.stage_callback(NULL)
    samples: list[np.ndarray] = []
    for order in permutations.orders:
        arrays = [*context.arrays, *(x[order] for x in context.arrays)]
        # The names of the copies sort after all others, in the same order.
        last = max(context.names)
        names = [*context.names, *(f"{last} {name}" for name in context.names)]
        widths = None if context.widths is None else [*context.widths, *context.widths]
        both = replace(context, names=names, arrays=arrays, widths=widths, progress=None, _cache={})
        both.run_pass(sorted(metric.needs))
        value = np.asarray(metric.evaluate(both).value)
        # (a, b) with b permuted, and (a, b) with a permuted.
        second, first = value[:m, m:], value[m:, :m]
        samples.append(np.where(context.in_order, second, first))
        report(len(samples), len(permutations))
    return np.stack(samples)
