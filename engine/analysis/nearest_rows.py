"""Prediction from nearest neighbours whose number and scaling of the columns are chosen by cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import MissingPackageError

# Numbers of neighbours that are tried.
NEIGHBOURS = (1, 3, 5, 10, 20, 30)
FOLDS = 5


def fit_nearest(x: np.ndarray, y: np.ndarray) -> Any:
    """Fit nearest neighbours, weighted by inverse distance, and return them as a scikit-learn estimator.

    The number of neighbours, and whether each column is divided by its standard deviation, are those with the smallest
    mean absolute error over five folds of the training rows. The standard deviations are those of the other folds.

    Args:
        x: [n, d].
        y: [n].

    Raises:
        ImportError: scikit-learn is not installed.
    """
    try:
        from sklearn.model_selection import KFold
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingPackageError("a probe needs scikit-learn: pip install scikit-learn") from error
    folds = list(KFold(FOLDS).split(x))
    # Few rows have fewer neighbours, which is decided by the smallest set to fit on.
    numbers = [k for k in NEIGHBOURS if k <= min(len(train) for train, _ in folds)]
    errors = {}
    for scaled in (True, False):
        of_folds = []
        for train, test in folds:
            scaler = StandardScaler(with_std=scaled).fit(x[train])
            # The largest number of neighbours contains all smaller ones, so that one search serves all.
            nearest = KNeighborsRegressor(max(numbers)).fit(scaler.transform(x[train]), y[train])
            distances, index = nearest.kneighbors(scaler.transform(x[test]))
            of_folds.append([_error(distances[:, :k], y[train][index[:, :k]], y[test]) for k in numbers])
        for k, mean in zip(numbers, np.mean(of_folds, 0), strict=True):
            errors[scaled, k] = float(mean)
    scaled, k = min(errors, key=errors.__getitem__)
    model = make_pipeline(StandardScaler(with_std=scaled), KNeighborsRegressor(k, weights="distance"))
    return model.fit(x, y)


def _error(distances: np.ndarray, labels: np.ndarray, target: np.ndarray) -> float:
    """Compute the mean absolute error of means of labels [b, k], weighted by inverse distances [b, k]."""
    same = distances == 0
    weights = np.where(same.any(1, keepdims=True), same, 1 / np.where(same, 1, distances))
    return float(np.abs((weights * labels).sum(1) / weights.sum(1) - target).mean())
