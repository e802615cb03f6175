"""Errors of ridge heads on groups of samples that they were not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError
from ..comparison import draw_jackknife_groups
from .probe import labelled_rows
from .ridge import fit_ridge

# Jackknife groups of held-out groups for intervals, and the fewest samples with a label.
INTERVAL_GROUPS, MIN_SAMPLES = 20, 40


class HeldOut(NamedTuple):
    """Errors of every head on every sample that has a label.

    Args:
        stitched: [m, m, n], true minus predicted of the head of one model (first axis) in another (second).
        own: [m, n], of heads fitted to the models' own rows; m is 0 without these.
        composition: [n], of the head of the composition; NaN without it.
        mean: [n], of the mean of the training labels.
        median: [n], of their median.
        parts: row numbers of the jackknife groups, whole groups of samples each.
        groups: number of groups.
        permuted: [permutations, m, m], summed squared errors of the stitched heads if the anchors of the second model
            change places.
    """

    stitched: np.ndarray
    own: np.ndarray
    composition: np.ndarray
    mean: np.ndarray
    median: np.ndarray
    parts: Sequence[np.ndarray]
    groups: int
    permuted: np.ndarray


def held_out_errors(
    relative: Mapping[str, Any],
    label: Any,
    own: Mapping[str, Any],
    composition: Any,
    groups: Sequence[Any] | None,
    *,
    penalty: float | None,
    standardise: bool,
    folds: int,
    permutations: int,
    seed: int,
) -> HeldOut:
    """Fit all heads without each fold of groups, and predict the samples of the fold; see `stitching`."""
    if penalty is not None and not 0 < penalty < np.inf:
        raise InputError(
            f"penalty={penalty} must be above 0, such as 0.1, or None to choose it by leave-one-out errors"
        )
    y = np.asarray(label, np.float64)
    labelled = np.isfinite(y) if y.ndim == 1 else np.zeros(0, bool)
    z = [_rows(name, values, labelled) for name, values in relative.items()]
    x = [_rows(name, own[name], labelled) for name in relative if own]
    c = None if composition is None else _rows("the composition", composition, labelled)
    if len({rows.shape[1] for rows in z}) != 1:
        raise InputError(f"relative rows have {', '.join(str(rows.shape[1]) for rows in z)} columns: use one choice")
    y, labels = y[labelled], np.arange(len(labelled))
    if groups is not None:
        if len(groups) != len(labelled):
            raise InputError(f"{len(groups)} groups for {len(labelled)} samples")
        labels = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    labels = np.unique(labels[labelled], return_inverse=True)[1]
    count = int(labels.max(initial=-1)) + 1
    if len(y) < MIN_SAMPLES or not 5 <= folds <= count:
        raise InputError(
            f"{len(y)} samples of {count} groups have a label: at least {MIN_SAMPLES} samples are needed, and from 5 "
            f"folds to as many as there are groups; got {folds} folds"
        )
    if not y.max() > y.min():
        raise InputError("the label is the same for all samples: there is nothing to predict")
    n, m, units = len(y), len(z), labels.tolist()
    errors = HeldOut(
        np.empty((m, m, n)),
        np.empty((len(x), n)),
        np.full(n, np.nan),
        np.empty(n),
        np.empty(n),
        draw_jackknife_groups(n, min(INTERVAL_GROUPS, count), groups=units, seed=seed + 1),
        count,
        np.zeros((permutations, m, m)),
    )
    generator = np.random.default_rng([seed, z[0].shape[1]])
    orders = [generator.permutation(z[0].shape[1]) for _ in range(permutations)]
    for test in draw_jackknife_groups(n, folds, groups=units, seed=seed):
        train = np.setdiff1d(np.arange(n), test)
        errors.mean[test] = y[test] - y[train].mean()
        errors.median[test] = y[test] - np.median(y[train])
        new = [_scaled(rows[train], rows[test]) if standardise else rows[test] for rows in z]
        for a, rows in enumerate(z):
            known = _scaled(rows[train], rows[train]) if standardise else rows[train]
            head = fit_ridge(known, y[train]) if penalty is None else _penalised(known, y[train], penalty)
            errors.stitched[a][:, test] = y[test] - np.stack([head.predict(each) for each in new])
            for b, each in enumerate(new):
                for order, sums in zip(orders, errors.permuted[:, a], strict=True):
                    sums[b] += ((y[test] - head.predict(each[:, order])) ** 2).sum()
        for a, rows in enumerate(x):
            errors.own[a][test] = y[test] - fit_ridge(rows[train], y[train]).predict(rows[test])
        if c is not None:
            errors.composition[test] = y[test] - fit_ridge(c[train], y[train]).predict(c[test])
    return errors


class _Linear(NamedTuple):
    mean: np.ndarray
    coefficients: np.ndarray
    intercept: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray((x - self.mean) @ self.coefficients + self.intercept)


def _penalised(x: np.ndarray, y: np.ndarray, penalty: float) -> _Linear:
    """Fit a ridge regression whose penalty is a share of the total variance of the columns."""
    mean = x.mean(0)
    points = x - mean
    total = (points * points).sum()
    if not total > 0:
        return _Linear(mean, np.zeros(x.shape[1]), float(y.mean()))
    points = points / np.sqrt(total)
    target = points.T @ (y - y.mean())
    coefficients = np.linalg.solve(points.T @ points + penalty * np.eye(len(target)), target)
    return _Linear(mean, coefficients / np.sqrt(total), float(y.mean()))


def _rows(name: str, values: Any, labelled: np.ndarray) -> np.ndarray:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or len(rows) != len(labelled):
        raise InputError(f"{name}: a matrix [n, d] and n labels are needed; got shape {rows.shape}, {len(labelled)}")
    return labelled_rows(name, rows, labelled)


def _scaled(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Subtract the column means of the training rows and divide by their deviations; constant columns become 0."""
    mean, deviation = train.mean(0), train.std(0)
    varying = deviation > 1e-12 * np.abs(mean)
    return np.where(varying, (rows - mean) / np.where(varying, deviation, 1), 0)
