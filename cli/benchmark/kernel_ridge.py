"""Ridge regression on kernels of n samples, whose penalty and kernel are chosen on the training samples alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

# Penalties that are tried, as shares of the largest eigenvalue of the kernel.
PENALTIES = np.geomspace(1e-8, 10, 10)
# Principal axes with a smaller share of the largest variance contain rounding errors only.
RANK = 1e-10

Name = TypeVar("Name", bound=Hashable)


def principal_axes(x: np.ndarray, width: int | None = None) -> np.ndarray:
    """Rotate rows [n, d], centred, onto their principal axes, [n, up to `width`]; the result has variance 1 in all.

    Rotating, shifting or scaling the rows, or appending constant columns, changes nothing but signs.
    """
    centred = np.asarray(x, np.float64) - np.mean(x, 0, dtype=np.float64)
    size = np.abs(centred).max(initial=0.0)
    if not size:
        return np.zeros((len(centred), 0))
    left, values, _ = np.linalg.svd(centred / size, full_matrices=False)
    keep = np.flatnonzero(values > RANK**0.5 * values[0])[:width]
    axes = left[:, keep] * values[keep]
    return np.asarray(axes / np.sqrt((axes**2).sum() / len(axes)))


def linear_kernels(axes: np.ndarray) -> list[np.ndarray]:
    """Return two kernels [n, n] of principal axes [n, q]: of the rows as they are, and of columns of equal variance."""
    whitened = axes / np.sqrt((axes**2).mean(0))
    return [axes @ axes.T, whitened @ whitened.T / max(1, axes.shape[1])]


def gaussian_kernel(axes: np.ndarray) -> np.ndarray:
    """Return the Gaussian kernel [n, n] whose width is the median distance of two rows of axes [n, q]."""
    squares = (axes**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * axes @ axes.T, 0)
    median = np.median(distances[np.triu_indices(len(axes), 1)])
    return np.exp(-distances / median) if median > 0 else np.ones_like(distances)


def fold_by_group(groups: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Assign samples to folds, whole groups at a time, as evenly as possible; int [n].

    The result depends on the groups and the seed alone, not on the order of the groups' names in memory.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    names = sorted(members)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    fold, sizes = np.empty(len(groups), np.int64), np.zeros(folds, np.int64)
    # Large groups first: they could not be balanced at the end. The sort keeps the random order of equal groups.
    for name in sorted(order, key=lambda name: -len(members[name])):
        smallest = int(sizes.argmin())
        fold[members[name]] = smallest
        sizes[smallest] += len(members[name])
    return fold


def fit_predict(
    kernels: Sequence[np.ndarray],
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    blocks: Sequence[int] = (),
    groups: Sequence[str] = (),
) -> np.ndarray:
    """Fit to the training samples, and predict the others.

    The kernel and the penalty are those with the smallest error over the training samples, each predicted without its
    group; an infinite penalty, which predicts the mean, is among them.

    Args:
        kernels: each [n, n].
        y: [n, t], targets; only rows of `train` are used.
        train: rows to fit on.
        test: rows to predict.
        blocks: numbers of columns of y that share a choice, which add up to t; default: all columns do.
        groups: [n], samples of one group are left out together; default: each sample alone.

    Returns:
        [len(test), t].
    """
    together = _positions([groups[row] for row in train]) if len(groups) else []
    starts = np.concatenate([[0], np.cumsum(blocks)[:-1]]).astype(np.int64) if len(blocks) else np.zeros(1, np.int64)
    block = np.repeat(np.arange(len(starts)), blocks) if len(blocks) else np.zeros(y.shape[1], np.int64)
    mean = y[train].mean(0)
    centred = y[train] - mean
    n = len(train)
    best = np.add.reduceat((centred**2).sum(0), starts) * (n / (n - 1)) ** 2
    predicted = np.repeat(mean[None], len(test), 0)
    for kernel in kernels:
        inner, across = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
        columns = inner.mean(0)
        across = across - columns - across.mean(1, keepdims=True) + columns.mean()
        inner = inner - columns - columns[:, None] + columns.mean()
        values, vectors = np.linalg.eigh(inner)
        if values[-1] <= 0:
            continue
        values = np.maximum(values, 0)
        scores, squares, across = vectors.T @ centred, vectors**2, across @ vectors
        for penalty in PENALTIES * values[-1]:
            shrinkage = values / (values + penalty)
            residual = centred - vectors @ (shrinkage[:, None] * scores)
            left_out = residual / np.maximum(1 - 1 / n - squares @ shrinkage, 1e-9)[:, None]
            for rows in together:
                part = vectors[rows]
                remainder = np.eye(rows.shape[1]) - 1 / n - (part * shrinkage) @ part.transpose(0, 2, 1)
                left_out[rows] = np.linalg.solve(remainder + 1e-9 * np.eye(rows.shape[1]), residual[rows])
            error = np.add.reduceat((left_out**2).sum(0), starts)
            better = (error < best)[block]
            if better.any():
                best = np.minimum(error, best)
                predicted[:, better] = mean[better] + across @ (scores[:, better] / (values + penalty)[:, None])
    return predicted


def _positions(groups: Sequence[str]) -> list[np.ndarray]:
    """Return the positions of the members of groups of several, one array [groups, size] for each size."""
    members: dict[str, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    sizes = sorted({len(one) for one in members.values()} - {1})
    return [np.array([one for one in members.values() if len(one) == size]) for size in sizes]


def cross_predict(
    kernels: Sequence[np.ndarray],
    y: np.ndarray,
    fold: np.ndarray,
    *,
    blocks: Sequence[int] = (),
    groups: Sequence[str] = (),
) -> np.ndarray:
    """Predict the targets [n, t] of each fold by a fit to the others, see `fit_predict`."""
    predicted = np.empty_like(y)
    for number in np.unique(fold):
        test = np.flatnonzero(fold == number)
        train = np.flatnonzero(fold != number)
        predicted[test] = fit_predict(kernels, y, train, test, blocks=blocks, groups=groups)
    return predicted


def explained_shares(kernels: Sequence[np.ndarray], targets: Mapping[Name, np.ndarray]) -> dict[Name, float]:
    """Return the share of the variance of each target [n, t] that kernels of other rows predict, by cross-validation.

    Args:
        kernels: each [n, n], of the rows that predict.
        targets: name -> [n, t], centred.
    """
    names = list(targets)
    y = np.concatenate([targets[name] for name in names], 1)
    fold = fold_by_group([str(row) for row in range(len(y))], 5, 0)
    blocks = [targets[name].shape[1] for name in names]
    error = ((y - cross_predict(kernels, y, fold, blocks=blocks)) ** 2).sum(0)
    total = ((y - y.mean(0)) ** 2).sum(0)
    shares: dict[Name, float] = {}
    start = 0
    for name in names:
        end = start + targets[name].shape[1]
        shares[name] = float(1 - error[start:end].sum() / total[start:end].sum())
        start = end
    return shares
