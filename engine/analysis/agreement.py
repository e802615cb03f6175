"""Chance-adjusted agreement of classifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError


@dataclass(frozen=True)
class Agreement:
    """Chance-adjusted agreement of m classifiers.

    Args:
        capa: [m, m]; 1 where two classifiers always agree, 0 where they agree as often as independent classifiers with
            the same accuracies.
        accuracy: [m], mean probability of the true class.
        n: number of samples.
        classes: number of classes.
    """

    capa: np.ndarray
    accuracy: np.ndarray
    n: int
    classes: int


def agreement(predictions: Any, truth: Any, /, *, classes: int | None = None) -> Agreement:
    """Compute CAPA, the chance-adjusted probabilistic agreement, of all pairs of classifiers.

    CAPA is ``(o - e) / (1 - e)``. The observed agreement o is the probability that both predict the same class: the
    mean over samples of the inner product of their class probabilities. The expected agreement e is that of independent
    classifiers with the same accuracies a and b, whose errors are uniform over the wrong classes:
    ``e = a b + (1 - a)(1 - b) / (classes - 1)``. Unlike error consistency, CAPA counts two different wrong answers as
    disagreement.

    Args:
        predictions: [m, n, c] probabilities that sum to 1, or [m, n] class indices from 0.
        truth: [n] class indices from 0.
        classes: number of classes, for class indices; default: the largest index that occurs, plus 1. Probabilities
            have c classes.

    Cost O(m^2 n c).

    Raises:
        ValueError: shapes that do not match, fewer than two classes, a class out of range, or invalid probabilities.

    Source: Goel et al. (2025), arXiv 2502.04313.

    Example:
        >>> truth = np.random.default_rng(0).integers(0, 3, 500)
        >>> wrong = (truth + 1) % 3
        >>> bool(agreement([wrong, wrong], truth).capa[0, 1] == 1)
        True
    """
    probabilities, true = np.asarray(predictions), np.asarray(truth)
    if probabilities.ndim not in (2, 3) or true.shape != probabilities.shape[1:2]:
        raise InputError(
            f"predictions [m, n] or [m, n, c] and truth [n] are needed; got {probabilities.shape} and {true.shape}"
        )
    if probabilities.ndim == 2:
        indices = probabilities
        largest = int(max(indices.max(initial=0), true.max(initial=0)))
        count = classes or largest + 1
        if min(indices.min(initial=0), true.min(initial=0)) < 0 or largest >= count:
            raise InputError(f"classes must be 0 to {count - 1}")
        probabilities = np.eye(count)[indices.astype(np.int64)]
    probabilities = probabilities.astype(np.float64)
    n, count = probabilities.shape[1:]
    if count < 2 or true.min(initial=0) < 0 or true.max(initial=0) >= count or n == 0:
        raise InputError(
            f"samples of at least two classes, numbered from 0, are needed; got {n} samples of {count} classes"
        )
    if not np.allclose(probabilities.sum(2), 1, atol=1e-4) or (probabilities < 0).any():
        raise InputError("probabilities must be 0 or more and sum to 1 for each sample")
    accuracy = probabilities[:, np.arange(n), true.astype(np.int64)].mean(1)
    flat = probabilities.reshape(len(probabilities), -1)
    expected = np.outer(accuracy, accuracy) + np.outer(1 - accuracy, 1 - accuracy) / (count - 1)
    observed = flat @ flat.T / n
    capa = np.where(expected < 1, (observed - expected) / np.where(expected < 1, 1 - expected, 1), np.nan)
    return Agreement(capa, accuracy, n, count)
