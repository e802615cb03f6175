"""Each model's share of what a panel has in common, on samples that were held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cross_fit import Fold

# Upper 5 % point of the standard normal distribution, for a correlation of held-out groups.
ABOVE_CHANCE = 1.645


def others_mean(estimates: np.ndarray, codes: np.ndarray, model: int) -> np.ndarray:
    """Return the mean over the other families of their estimates [n, r]."""
    others = sorted(set(codes[codes >= 0]) - {codes[model]})
    return np.asarray(np.mean([estimates[codes == code].mean(0) for code in others], axis=0))


def recovered_shares(estimates: np.ndarray, codes: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared correlations [m, r] with the other families, and the number of significant families [r]."""
    m, _, rank = estimates.shape
    recovered = np.zeros((m, rank))
    for i in range(m):
        recovered[i] = np.maximum(_correlations(estimates[i], others_mean(estimates, codes, i)), 0) ** 2
    carriers = np.zeros(rank, np.int64)
    for code in np.unique(codes[codes >= 0]):
        members = np.flatnonzero(codes == code)
        mean = _correlations(estimates[members].mean(0), others_mean(estimates, codes, int(members[0])))
        carriers += mean > ABOVE_CHANCE / np.sqrt(n_groups)
    return recovered, carriers


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of first [n, r] with the same column of second; 0 where one is constant."""
    first, second = first - first.mean(0), second - second.mean(0)
    lengths = np.sqrt((first**2).sum(0) * (second**2).sum(0))
    return np.asarray(np.where(lengths > 0, (first * second).sum(0) / np.where(lengths > 0, lengths, 1), 0.0))


def explained_shares(
    points: Sequence[np.ndarray], folds: Sequence[Fold], estimates: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Return the share of the variance of each model [m] that the others' coordinates explain on held-out groups."""
    shares = []
    for i, one in enumerate(points):
        others = others_mean(estimates, codes, i)
        left = total = 0.0
        for fold in folds:
            mean, level = one[fold.train].mean(0), others[fold.train].mean(0)
            slopes = np.linalg.lstsq(others[fold.train] - level, one[fold.train] - mean, rcond=None)[0]
            held_out = one[fold.test] - mean
            left += float(((held_out - (others[fold.test] - level) @ slopes) ** 2).sum())
            total += float((held_out**2).sum())
        shares.append(1 - left / total)
    return np.array(shares)
