"""What a frozen embedding knows of a label: a small model on top, on samples held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError, MissingPackageError

Kind = Literal["ridge", "knn"]
# Penalties tried, of standardised columns.
PENALTIES = np.geomspace(1e-3, 1e6, 19)


@dataclass(frozen=True)
class Probe:
    """The error of a probe, over samples that it was not fitted on.

    Args:
        mae: mean absolute error in the units of the label.
        se: standard error, over repeated draws of the samples to fit on; NaN for one.
        r2: share of the variance explained, 1 at best and below 0 where the mean of the label does better.
        r2_se: its standard error, with the correction of Nadeau and Bengio (2003) for draws that overlap; NaN for one.
        baseline: mean absolute error of the median of the labels fitted on.
        train: samples fitted on.
        test: samples held out.
    """

    mae: float
    se: float
    r2: float
    r2_se: float
    baseline: float
    train: int
    test: int


def probe(
    embedding: Any, label: Any, /, *, kind: Kind = "ridge", train: int | float = 0.8, repeats: int = 5, seed: int = 0
) -> Probe:
    """Predict a label from an embedding by ridge regression or k nearest neighbours.

    Columns are standardised and penalty or k chosen by cross-validation, both on the samples fitted on alone.

    Args:
        embedding: [n, d].
        label: [n]; samples without a finite one are left out.
        kind: ``ridge``, or ``knn`` of 1 to 30 neighbours, weighted by their distance.
        train: samples to fit on, a number or a share.
        repeats: draws of them; the same for every embedding of the same samples.
        seed: of the draws.

    Raises:
        ValueError: lengths differ, or fewer than 10 samples to fit on or to test. ImportError without scikit-learn.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 5))
        >>> found = probe(x, x @ rng.normal(size=5) + 0.1 * rng.normal(size=200))
        >>> found.r2 > 0.95, found.mae < found.baseline / 4
        (True, True)
    """
    if kind not in get_args(Kind):
        raise InputError(f"unknown probe {kind!r}: use ridge or knn")
    x, y = np.asarray(embedding, np.float64), np.asarray(label, np.float64)
    if x.ndim != 2 or len(x) != len(y):
        raise InputError(f"an embedding [n, d] and n labels are needed; got shapes {x.shape} and {y.shape}")
    known = np.isfinite(y)
    x, y = x[known], y[known]
    n = len(y)
    fitted = train if isinstance(train, int) else round(train * n)
    if fitted < 10 or n - fitted < 10:
        raise InputError(f"{n} samples have a label: {fitted} to fit on and {n - fitted} to test, and 10 are needed")
    generator = np.random.default_rng([seed, n])
    rows = []
    for _ in range(repeats):
        order = generator.permutation(n)
        own, held = order[:fitted], order[fitted:]
        missed = y[held] - fit(kind, x[own], y[own]).predict(x[held])
        spread = ((y[held] - y[own].mean()) ** 2).sum()
        share = 1 - (missed**2).sum() / spread if spread > 0 else np.nan
        rows.append((np.abs(missed).mean(), share, np.abs(y[held] - np.median(y[own])).mean()))
    maes, shares, baselines = np.array(rows).T
    se = float(maes.std(ddof=1) / repeats**0.5) if repeats > 1 else float("nan")
    r2_se = float(shares.std(ddof=1) * (1 / repeats + (n - fitted) / fitted) ** 0.5) if repeats > 1 else float("nan")
    return Probe(float(maes.mean()), se, float(shares.mean()), r2_se, float(baselines.mean()), fitted, n - fitted)


def fit(kind: Kind, x: np.ndarray, y: np.ndarray) -> Any:
    """Fit a probe to rows [n, d] and labels [n]; it has ``predict``, as any estimator of scikit-learn."""
    try:
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import GridSearchCV
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingPackageError("a probe needs scikit-learn: pip install 'hyle[study]'") from error
    if kind == "ridge":
        return make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x, y)
    neighbours = [k for k in (1, 3, 5, 10, 20, 30) if k <= 0.8 * len(y) - 1]
    search = GridSearchCV(
        KNeighborsRegressor(weights="distance"), {"n_neighbors": neighbours}, scoring="neg_mean_absolute_error"
    )
    return make_pipeline(StandardScaler(), search).fit(x, y)
