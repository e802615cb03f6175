"""Shared coordinates of samples that were held out, whole groups at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .maxvar import Space, maxvar, rotation, space

# Eigenvalues of held-out coordinates are not taken for smaller than this, which bounds their scale.
SMALLEST_EIGENVALUE = 0.02


class Fold(NamedTuple):
    """One fold.

    Args:
        train: rows to fit on.
        test: rows that are held out.
        spaces: of the models on the rows to fit on.
    """

    train: np.ndarray
    test: np.ndarray
    spaces: list[Space]


class CrossFit(NamedTuple):
    """Shared coordinates by weights that were fitted without the group of the sample, in one basis for all folds.

    Args:
        coordinates: [n, r], the mean over families in the units of the fitted coordinates, variance 1.
        estimates: [m, n, r], of each model alone.
        own: for each model and fold, the estimates [n, r] of all rows by the weights of that fold.
    """

    coordinates: np.ndarray
    estimates: np.ndarray
    own: list[list[np.ndarray]]


def group_folds(units: np.ndarray, folds: int, generator: np.random.Generator) -> np.ndarray:
    """Return the fold of each row [n]: groups in random order, the largest first, go to the fold with fewest rows."""
    sizes = np.bincount(units)
    order = generator.permutation(len(sizes))
    filled = np.zeros(folds, np.int64)
    fold_of = np.empty(len(sizes), np.int64)
    for unit in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[unit] = filled.argmin()
        filled[fold_of[unit]] += sizes[unit]
    return np.asarray(fold_of[units])


def make_fold(points: Sequence[np.ndarray], fold_of: np.ndarray, number: int) -> Fold:
    """Return one fold of the rows of all models, m times [n, q]."""
    train, test = np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)
    return Fold(train, test, [space(one[train]) for one in points])


def held_out_agreement(
    points: Sequence[np.ndarray], folds: Sequence[Fold], codes: np.ndarray, votes: np.ndarray, ridge: float, k: int
) -> float:
    """Return how well the families' own estimates of the first k coordinates agree on held-out rows.

    For each coordinate, the mean correlation of two families enters by its square, with its sign; the sum over the
    coordinates is averaged over the folds.
    """
    families = np.unique(codes[codes >= 0])
    total = 0.0
    for fold in folds:
        weights = maxvar(fold.spaces, votes, ridge, k).weights
        estimates = [
            (one[fold.test] - of.mean) @ weight for one, of, weight in zip(points, fold.spaces, weights, strict=True)
        ]
        means = np.stack([np.mean([estimates[i] for i in np.flatnonzero(codes == code)], axis=0) for code in families])
        means = means - means.mean(1, keepdims=True)
        lengths = np.sqrt((means**2).sum(1, keepdims=True))
        means = means / np.where(lengths > 0, lengths, 1)
        count = len(families)
        mean = ((means.sum(0) ** 2).sum(0) - (means**2).sum((0, 1))) / (count * (count - 1))
        total += float((np.sign(mean) * mean**2).sum())
    return total / len(folds)


def cross_fit(
    spaces: Sequence[Space],
    points: Sequence[np.ndarray],
    folds: Sequence[Fold],
    votes: np.ndarray,
    ridge: float,
    rank: int,
) -> CrossFit:
    """Compute the shared coordinates of all rows, each by the weights of the fold that it was held out of.

    Args:
        spaces: of m models on all rows, whose coordinates are the common basis.
        points: [n, q] rows of the m models.
        folds: that together hold out each row once.
        votes: [m], as `maxvar.votes_of` returns them.
        ridge: as `maxvar.maxvar` takes it.
        rank: number of coordinates, r.
    """
    n, m = len(points[0]), len(points)
    reference = maxvar(spaces, votes, ridge, rank).coordinates if rank else np.empty((n, 0))
    rank = reference.shape[1]
    coordinates, estimates = np.empty((n, rank)), np.empty((m, n, rank))
    own: list[list[np.ndarray]] = [[] for _ in points]
    for fold in folds:
        if not rank:
            for each in own:
                each.append(np.empty((n, 0)))
            continue
        fit = maxvar(fold.spaces, votes, ridge, rank)
        turn = rotation(fit.coordinates, reference[fold.train])
        every = [(one - of.mean) @ weight for one, of, weight in zip(points, fold.spaces, fit.weights, strict=True)]
        mean = sum(vote * one for vote, one in zip(votes, every, strict=True))
        scale = np.maximum(fit.eigenvalues, SMALLEST_EIGENVALUE)
        coordinates[fold.test] = ((mean / scale) @ turn)[fold.test]
        for i, one in enumerate(every):
            estimates[i, fold.test] = (one @ turn)[fold.test]
            own[i].append(one)
    return CrossFit(coordinates, estimates, own)


def private_rest(rows: np.ndarray, folds: Sequence[Fold], own: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rest [n, d] of a model's rows after its own estimates [n, r] of the shared coordinates.

    Each fold's rows are those that it holds out; means and slopes are of the others.
    """
    rest = np.empty(rows.shape)
    for fold, estimates in zip(folds, own, strict=True):
        mean, level = rows[fold.train].mean(0), estimates[fold.train].mean(0)
        slopes = np.linalg.lstsq(estimates[fold.train] - level, rows[fold.train] - mean, rcond=None)[0]
        rest[fold.test] = rows[fold.test] - mean - (estimates[fold.test] - level) @ slopes
    return rest
