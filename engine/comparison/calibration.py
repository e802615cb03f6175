"""Scores against their chance: p-values, thresholds and calibrated scores by permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..base import InputError
from ..context import NULL, MetricContext
from ..metrics import Metric
from ..permutation import Permutations


@dataclass(frozen=True)
class Calibration:
    """What K permutations say of scores of any shape.

    Args:
        mean: of the scores under permutation.
        p: one-sided, (1 + permutations at least as aligned) / (1 + K); NaN where the score is.
        threshold: what a score must pass to be significant at level alpha.
        score: 0 up to the threshold and 1 for the most aligned, in between the share of the way.
    """

    mean: np.ndarray
    p: np.ndarray
    threshold: np.ndarray
    score: np.ndarray


def calibrate(
    value: Any, null: Any, /, *, best: float = 1.0, higher_is_better: bool = True, alpha: float = 0.05
) -> Calibration:
    """Set scores against what they are by chance.

    The threshold is the ceil((1 - alpha) (K + 1))-th smallest of the score and its K permutations, and the calibrated
    score max((s - threshold) / (best - threshold), 0); for scores of which less is more alike, all signs are turned.

    Args:
        value: scores [...].
        null: [K, ...], the same under K permutations of the samples of one side.
        best: the score of the most aligned.
        higher_is_better: False where less is more alike.
        alpha: level of the threshold, between 0 and 1.

    Source: Gröger et al. (2026), arXiv 2602.14486; the p-value: Phipson & Smyth (2010), SAGMB 9, 39.

    Raises:
        ValueError: alpha is not between 0 and 1, or there is no permutation.

    Example:
        >>> found = calibrate(0.5, [0.1, 0.0, 0.2, 0.1], alpha=0.2)
        >>> float(found.p), float(found.threshold), round(float(found.score), 3)
        (0.2, 0.2, 0.375)
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha={alpha} must lie between 0 and 1")
    seen, chance = np.asarray(value, np.float64), np.asarray(null, np.float64)
    if not len(chance):
        raise InputError("there is no permutation to calibrate by")
    sign = 1.0 if higher_is_better else -1.0
    known = np.isfinite(seen) & np.isfinite(chance).all(0)
    every = np.sort(sign * np.concatenate([seen[None], chance]), axis=0)
    threshold = sign * every[math.ceil((1 - alpha) * len(every)) - 1]
    p = (1 + (sign * chance >= sign * seen).sum(0)) / (1 + len(chance))
    room = sign * (best - threshold)
    share = np.clip(sign * (seen - threshold) / np.where(room > 0, room, 1), 0, 1)
    return Calibration(
        np.where(known, chance.mean(0), np.nan),
        np.where(known, p, np.nan),
        np.where(known, threshold, np.nan),
        np.where(known & (room > 0), share, np.nan),
    )


def adjusted(p: np.ndarray, *, symmetric: bool) -> np.ndarray:
    """Adjust the p-values [m, m] of all pairs for their number, so that they bound the share of false discoveries.

    A model with itself is no pair, and keeps NaN. Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57, 289.
    """
    from scipy.stats import false_discovery_control  # half a second, which only those wait for who permute

    m = len(p)
    chosen = np.triu(np.ones((m, m), bool), 1) if symmetric else ~np.eye(m, dtype=bool)
    chosen &= np.isfinite(p)
    found = np.full((m, m), np.nan)
    if chosen.any():
        found[chosen] = false_discovery_control(p[chosen])
    if symmetric:
        found.T[chosen] = found[chosen]
    return found


def null_of(metric: Metric, context: MetricContext, permutations: Permutations) -> np.ndarray:
    """Give the values [K, m, m] of a pair metric under permutations, of each pair the second by name permuted.

    A metric without a cheaper way of its own is evaluated once for each permutation, of all models and of all permuted.
    """
    cheaper = None if metric.null is None else metric.null(context, permutations)
    if cheaper is not None:
        return np.asarray(cheaper, np.float64)
    m, say = context.m, context.stage_callback(NULL)
    found: list[np.ndarray] = []
    for order in permutations.orders:
        arrays = [*context.arrays, *(x[order] for x in context.arrays)]
        # Names that sort as the first ones do, and after all of them.
        last = max(context.names)
        names = [*context.names, *(f"{last} {name}" for name in context.names)]
        both = replace(context, names=names, arrays=arrays, progress=None, _cache={})
        both.run_pass(sorted(metric.needs))
        value = np.asarray(metric.evaluate(both).value)
        # (a, b) with b permuted, and (a, b) with a permuted.
        second, first = value[:m, m:], value[m:, :m]
        found.append(np.where(context.in_order, second, first))
        say(len(found), len(permutations))
    return np.stack(found)
