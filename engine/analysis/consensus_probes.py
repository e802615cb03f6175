"""What the shared part of a panel predicts, beside single models, their private rests, and all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError, t_quantile
from .consensus import FOLDS, MIN_GROUPS, Consensus
from .maxvar import votes_of
from .probe import labelled_rows
from .ridge import fit_ridge

SHARED, BEST, ALL, PCA, REST = "shared part", "best model", "concatenation", "PCA of the concatenation", "best rest"
LEVEL = 0.05


@dataclass(frozen=True)
class Share:
    """Share of the variance of a label that is predicted on held-out groups, or a difference of two such shares.

    Args:
        value: 1 at best; below 0 where the mean of the training labels does better.
        low: lower end of the 95 % interval over groups.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelProbe:
    """Ridge probes of one label on the parts of a panel, each tested on the groups of samples that were held out.

    Args:
        parts: R² of the shared part, of the model and of the private rest that were best on the training folds, of the
            concatenation of all models with a vote, and of its first r principal components, by the names above.
        models: R² of each model.
        rests: R² of the private rest of each model.
        gains: R² of the shared part less that of each of the other parts.
        chosen: the model that was best on the training samples of each fold.
        n: number of samples with a label.
        groups: number of their groups.
    """

    parts: Mapping[str, Share]
    models: Mapping[str, Share]
    rests: Mapping[str, Share]
    gains: Mapping[str, Share]
    chosen: tuple[str, ...]
    n: int
    groups: int

    @property
    def verdict(self) -> str:
        """Whether the shared part predicts the label better than the best single model does: one of four answers.

        ``no part predicts it``, ``shared part better``, ``best model better``, or ``no difference found``, where an
        interval that contains 0 finds nothing. The better one has to predict the label as well: its own interval is
        above 0.
        """
        if all(part.low <= 0 for part in self.parts.values()):
            return "no part predicts it"
        gain = self.gains[BEST]
        if gain.low > 0 and self.parts[SHARED].low > 0:
            return "shared part better"
        if gain.high < 0 and self.parts[BEST].low > 0:
            return "best model better"
        return "no difference found"


def probe_consensus(
    result: Consensus,
    embeddings: Mapping[str, Any],
    label: Any,
    /,
    *,
    groups: Sequence[Any] | None = None,
    progress: Callable[[float], None] | None = None,
) -> LabelProbe:
    """Predict a label from the shared part of a panel and from what it is compared with.

    Every probe is a ridge regression, whose penalty and scaling are chosen on the training samples, in the folds in
    which the shared part was cross-fitted: no group of samples is both fitted and tested by a probe, nor are the
    coordinates of a sample by weights that were fitted to its group. Those of training samples, and the rank, do depend
    on the rows of the test samples, without their labels, as in transductive learning. The best model and the best
    private rest are those of the smallest leave-one-out error on the training samples of the fold, so that choosing
    among many gives no advantage. In the concatenation every family has the same variance, and its principal components
    are those of the training samples.

    Args:
        result: of at least rank 1, from `consensus`.
        embeddings: those of which it was computed.
        label: [n]; samples without a finite label are left out.
        groups: as `consensus` was given them.
        progress: called with the share that is done.

    The intervals are of a ratio of means over groups; they take the fitted probes as given, which is asymptotically
    right for cross-validation with stable fits, and assume that groups are independent.

    Cost: about twice as many ridge fits as there are models, in each of five folds.

    Raises:
        ValueError: rank 0, different numbers of rows, labels that do not vary, or labels of fewer than ten groups or of
            too few samples in a fold.

    Source: Bayle, Bayle, Janson & Mackey (2020), NeurIPS 33, on intervals of cross-validated errors.
    """
    if not result.rank:
        raise InputError("nothing is shared, so that there is no shared part to probe")
    y = np.asarray(label, np.float64)
    n = len(result.folds)
    labelled = np.isfinite(y)
    if y.shape != (n,):
        raise InputError(f"{n} labels are needed, one for each sample; got shape {y.shape}")
    units = np.arange(n) if groups is None else np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    count = len(np.unique(units[labelled]))
    in_folds = np.bincount(result.folds[labelled], minlength=FOLDS)
    if count < MIN_GROUPS or in_folds.min() == 0 or in_folds.sum() - in_folds.max() < MIN_GROUPS:
        raise InputError(f"{in_folds.sum()} samples of {count} groups have the label: too few to fit and to test")
    if not np.ptp(y[labelled]):
        raise InputError("the label is the same for all samples")
    rows = {name: labelled_rows(name, np.asarray(embeddings[name], np.float64), labelled) for name in result.models}
    rests = {name: rest[labelled] for name, rest in result.private.items()}
    voting = [name for name, code in zip(result.models, result.families, strict=True) if code >= 0]
    weights = dict(zip(result.models, votes_of(result.families), strict=True))
    y, folds, units = y[labelled], result.folds[labelled], np.unique(units[labelled], return_inverse=True)[1]
    squares: dict[tuple[str, str], np.ndarray] = {}
    total, chosen = np.empty(len(y)), []
    for number in range(FOLDS):
        train, test = folds != number, folds == number
        total[test] = (y[test] - y[train].mean()) ** 2

        def test_error(
            key: tuple[str, str], x: np.ndarray, train: np.ndarray = train, test: np.ndarray = test
        ) -> float:
            fitted = fit_ridge(x[train], y[train])
            squares.setdefault(key, np.empty(len(y)))[test] = (y[test] - fitted.predict(x[test])) ** 2
            return fitted.error

        together = np.hstack([rows[name] * (weights[name] ** 0.5 / _spread(rows[name][train])) for name in voting])
        test_error(("part", SHARED), result.coordinates[labelled])
        test_error(("part", ALL), together)
        test_error(("part", PCA), _components(together, train, result.rank))
        for kind, part, of in (("model", BEST, rows), ("rest", REST, rests)):
            errors = {name: test_error((kind, name), of[name]) for name in of}
            best = min(voting, key=errors.__getitem__)
            squares.setdefault(("part", part), np.empty(len(y)))[test] = squares[kind, best][test]
            chosen += [best] * (kind == "model")
        if progress is not None:
            progress((number + 1) / FOLDS)

    def share(errors: np.ndarray) -> Share:
        return _share(total - errors, total, units)

    parts = {part: share(squares["part", part]) for part in (SHARED, BEST, ALL, PCA, REST)}
    gains = {
        part: _share(squares["part", part] - squares["part", SHARED], total, units) for part in parts if part != SHARED
    }
    models = {name: share(squares["model", name]) for name in rows}
    return LabelProbe(
        parts, models, {name: share(squares["rest", name]) for name in rests}, gains, tuple(chosen), len(y), count
    )


def _spread(rows: np.ndarray) -> float:
    """Return the root of the total variance of rows; 1 if they are constant."""
    return float(np.sqrt(rows.var(0).sum())) or 1.0


def _components(rows: np.ndarray, train: np.ndarray, width: int) -> np.ndarray:
    """Return the first principal components [n, width] of rows, by the training rows."""
    mean = rows[train].mean(0)
    _, _, right = np.linalg.svd(rows[train] - mean, full_matrices=False)
    return np.asarray((rows - mean) @ right[:width].T)


def _share(explained: np.ndarray, total: np.ndarray, units: np.ndarray) -> Share:
    """Return the sum of `explained` over that of `total`, with the interval of a ratio of means over groups."""
    top, bottom = np.bincount(units, explained), np.bincount(units, total)
    count, value = len(top), float(explained.sum() / total.sum())
    se = float(np.sqrt(count / (count - 1) * ((top - value * bottom) ** 2).sum()) / bottom.sum())
    half = float(t_quantile(1 - LEVEL / 2, count - 1)) * se
    return Share(value, value - half, value + half)
