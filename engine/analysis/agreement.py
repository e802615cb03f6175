"""Whether classifiers agree more than their accuracies make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError


@dataclass(frozen=True)
class Agreement:
    """Chance-adjusted agreement of m classifiers.

    Args:
        capa: [m, m]; 1 where two always agree, 0 where as much as two independent ones of the same accuracies.
        accuracy: [m], mean probability of the true class.
        n: samples.
        classes: how many.
    """

    capa: np.ndarray
    accuracy: np.ndarray
    n: int
    classes: int


def agreement(predictions: Any, truth: Any, /, *, classes: int | None = None) -> Agreement:
    """Compute CAPA, the chance-adjusted probabilistic agreement, of all pairs of classifiers.

    ``(o - e) / (1 - e)``: o is the probability that both give the same class, mean over samples of the product of
    their probabilities; e is what independent ones would reach that are right as often and else give any wrong class
    alike, ``e = a b + (1 - a)(1 - b) / (classes - 1)``. Unlike error consistency it counts two different wrong
    answers as disagreement.

    Args:
        predictions: [m, n, c] probabilities that sum to 1, or [m, n] classes from 0.
        truth: [n] classes from 0.
        classes: how many there are; default as many as probabilities, or as occur.

    Cost O(m^2 n c).

    Raises:
        ValueError: shapes that do not fit, fewer than two classes, a class out of range, or no probabilities.

    Source: Goel et al. (2025), arXiv 2502.04313.

    Example:
        >>> truth = np.random.default_rng(0).integers(0, 3, 500)
        >>> wrong = (truth + 1) % 3
        >>> bool(agreement([wrong, wrong], truth).capa[0, 1] == 1)
        True
    """
    given, true = np.asarray(predictions), np.asarray(truth)
    if given.ndim not in (2, 3) or true.shape != given.shape[1:2]:
        raise InputError(f"[m, n] or [m, n, c] and [n] truths are needed; got {given.shape} and {true.shape}")
    if given.ndim == 2:
        every = [given.max(initial=0), true.max(initial=0)]
        count = classes or int(max(every)) + 1
        if min(given.min(initial=0), true.min(initial=0)) < 0 or max(every) >= count:
            raise InputError(f"classes must be 0 to {count - 1}")
        given = np.eye(count)[given.astype(np.int64)]
    given = given.astype(np.float64)
    n, count = given.shape[1:]
    if count < 2 or true.min(initial=0) < 0 or true.max(initial=0) >= count or n == 0:
        raise InputError(f"{n} samples of {count} classes: at least two classes, from 0, are needed")
    if not np.allclose(given.sum(2), 1, atol=1e-4) or (given < 0).any():
        raise InputError("probabilities must be 0 or more and sum to 1 in each sample")
    right = given[:, np.arange(n), true.astype(np.int64)].mean(1)
    flat = given.reshape(len(given), -1)
    expected = np.outer(right, right) + np.outer(1 - right, 1 - right) / (count - 1)
    seen = flat @ flat.T / n
    capa = np.where(expected < 1, (seen - expected) / np.where(expected < 1, 1 - expected, 1), np.nan)
    return Agreement(capa, right, n, count)
