"""Probes: what a frozen embedding tells about a label, by a small model fitted on top and tested on other samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from ..base import InputError
from .nearest_rows import fit_nearest
from .ridge import fit_ridge

Kind = Literal["ridge", "knn"]


@dataclass(frozen=True)
class Probe:
    """Test error of a probe.

    Args:
        mae: mean absolute error in the units of the label.
        se: its standard error over repeated splits, with the correction of Nadeau and Bengio (2003) for their overlap;
            NaN for one split.
        r2: share of the variance explained: 1 at best, below 0 where the mean of the training labels does better.
        r2_se: its standard error, in the same way.
        baseline: mean absolute error of the median of the training labels.
        train: number of training samples, the smallest of all splits: whole groups do not add up to one number.
        test: number of test samples, the smallest of all splits.
    """

    mae: float
    se: float
    r2: float
    r2_se: float
    baseline: float
    train: int
    test: int


def probe(
    embedding: Any,
    label: Any,
    /,
    *,
    kind: Kind = "ridge",
    train: int | float = 0.8,
    repeats: int = 5,
    seed: int = 0,
    groups: Sequence[Any] | None = None,
) -> Probe:
    """Predict a label from an embedding by ridge regression or k nearest neighbours.

    The penalty or k, and whether each column is divided by its standard deviation or all columns by one number, are
    chosen by cross-validation on the training samples only. Division by the standard deviation suits columns of
    different units; counts, such as fingerprints, are better without it.

    Args:
        embedding: [n, d].
        label: [n]; samples without a finite label are excluded.
        kind: ``ridge``, or ``knn`` with 1 to 30 neighbours, weighted by inverse distance.
        train: training samples, as a number (int) or a share (float).
        repeats: number of random splits; the splits are the same for every embedding of the same samples.
        seed: of the splits.
        groups: n labels of samples that are not independent, such as states of one material: no group is both trained
            on and tested, so that the numbers of samples differ from those that were asked for, much so where few
            groups are large.

    Raises:
        ValueError: lengths differ, rows that are not finite, or fewer than 10 samples to fit on or to test in a split.
        ImportError: ``knn``, and scikit-learn is not installed.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 5))
        >>> result = probe(x, x @ rng.normal(size=5) + 0.1 * rng.normal(size=200))
        >>> result.r2 > 0.95, result.mae < result.baseline / 4
        (True, True)
    """
    if kind not in get_args(Kind):
        raise InputError(f"unknown probe {kind!r}: use ridge or knn")
    x, y = np.asarray(embedding, np.float64), np.asarray(label, np.float64)
    if x.ndim != 2 or len(x) != len(y):
        raise InputError(f"an embedding [n, d] and n labels are needed; got shapes {x.shape} and {y.shape}")
    labelled = np.isfinite(y)
    x, y = labelled_rows("the embedding", x, labelled), y[labelled]
    n = len(y)
    units = np.arange(n)
    if groups is not None:
        units = np.unique(np.asarray(groups).astype(str)[labelled], return_inverse=True)[1]
    n_train = train if isinstance(train, int) else round(train * n)
    n_test = n - n_train
    if n_train < 10 or n_test < 10:
        raise InputError(
            f"{n} samples have a label: {n_train} to fit on and {n_test} to test, and at least 10 are needed of each"
        )
    generator = np.random.default_rng([seed, n])
    splits = [_split(units, n_train, generator) for _ in range(repeats)]
    sizes = np.array([[len(rows) for rows in split] for split in splits])
    fewest_train, fewest_test = (int(count) for count in sizes.min(0))
    if min(fewest_train, fewest_test) < 10:
        raise InputError(
            f"splits by group have as few as {fewest_train} samples to fit on and {fewest_test} to test, and at least "
            "10 are needed of each: use more samples, or smaller groups"
        )
    rows = []
    for train_idx, test_idx in splits:
        y_train, y_test = y[train_idx], y[test_idx]
        error = y_test - fit(kind, x[train_idx], y_train).predict(x[test_idx])
        total = ((y_test - y_train.mean()) ** 2).sum()
        r2 = 1 - (error**2).sum() / total if total > 0 else np.nan
        rows.append((np.abs(error).mean(), r2, np.abs(y_test - np.median(y_train)).mean()))
    maes, r2s, baselines = np.array(rows).T
    se = r2_se = float("nan")
    if repeats > 1:
        # s / sqrt(repeats) would be the error of independent splits, and these share most of their samples.
        factor = (1 / repeats + (sizes[:, 1] / sizes[:, 0]).mean()) ** 0.5
        se, r2_se = float(maes.std(ddof=1) * factor), float(r2s.std(ddof=1) * factor)
    return Probe(float(maes.mean()), se, float(r2s.mean()), r2_se, float(baselines.mean()), fewest_train, fewest_test)


def _split(units: np.ndarray, n_train: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw training and test rows: whole units in random order, until about n_train rows are drawn."""
    sizes = np.bincount(units)
    if len(sizes) < 2:
        raise InputError("all samples are in one group: there is none to test on")
    order = generator.permutation(len(sizes))
    # The last drawn unit is the one that comes closest; both sides have one at least.
    filled = np.cumsum(sizes[order])
    drawn = int(np.clip(np.abs(filled - n_train).argmin() + 1, 1, len(sizes) - 1))
    rows = np.argsort(order)[units]
    in_order = np.argsort(rows, kind="stable")
    count = int(filled[drawn - 1])
    return in_order[:count], in_order[count:]


def labelled_rows(name: str, x: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Select the rows of x [n, d] that have a label, and check that they are finite.

    Raises:
        ValueError: a row is not finite; names the embedding and the first such row.
    """
    rows = x[labelled]
    unusable = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(unusable):
        raise InputError(
            f"{name}: {len(unusable)} of {len(rows)} labelled rows contain NaN or infinite numbers, the first of them "
            f"row {np.flatnonzero(labelled)[unusable[0]]}: remove these samples"
        )
    return rows


class Predictor(Protocol):
    """A fitted probe."""

    def predict(self, x: np.ndarray, /) -> np.ndarray:
        """Predict the labels [n] of rows [n, d]."""


def fit(kind: Kind, x: np.ndarray, y: np.ndarray) -> Predictor:
    """Fit a probe to rows [n, d] and labels [n]; everything about it is chosen by these rows alone."""
    fitted: Predictor = fit_ridge(x, y) if kind == "ridge" else fit_nearest(x, y)
    return fitted
