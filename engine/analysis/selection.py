"""Which model to transfer from, and whether each way of choosing it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..base import InputError, renamed_arguments
from ._matrix import CONTROL, alignment_of, model_facts
from .criteria import Criterion, rank_criteria
from .families import families_of
from .probe import Kind, fit, labelled_rows

# Number of best models among which complementary pairs are sought: all pairs would need many fits.
AMONG = 5


@dataclass(frozen=True)
class Selection:
    """Ranking of models for a target set with few labels.

    Args:
        models: names, sorted by the score of the probe, best first.
        error: [m], mean absolute error on the test samples, in the order of models.
        baseline: mean absolute error of the median of the training labels.
        criteria: ways of ranking, with their evaluation.
        pair: the two models that, concatenated, most often had the lowest cross-validated error on the training labels.
        pair_error: mean test error of the pair taken in each draw.
        single_error: mean test error of the single model taken in each draw by its probe.
        n_labels: number of labels to choose and to fit with.
        test: number of test samples.
        draws: number of draws of the training samples.
    """

    models: tuple[str, ...]
    error: np.ndarray
    baseline: float
    criteria: tuple[Criterion, ...]
    pair: tuple[str, ...]
    pair_error: float
    single_error: float
    n_labels: int
    test: int
    draws: int


class _Draw(NamedTuple):
    """Errors of one draw of the training samples.

    Args:
        cv_error: [m], cross-validated error of each model on the training samples.
        test_error: [m], error of each model on the test samples.
        baseline: test error of the median of the training labels.
        pair: indices of the two models with the lowest cross-validated error together.
        pair_error: test error of this pair.
    """

    cv_error: np.ndarray
    test_error: np.ndarray
    baseline: float
    pair: tuple[int, int]
    pair_error: float


@renamed_arguments(few="n_labels")
def selection(
    comparison: xr.Dataset,
    embeddings: Mapping[str, Any],
    label: Any,
    metric: str = "cknna",
    /,
    *,
    n_labels: int = 50,
    draws: int = 10,
    kind: Kind = "ridge",
    seed: int = 0,
) -> Selection:
    """Rank models for a label of which few values are known, and evaluate each way of ranking on the other samples.

    In each draw the ranking uses the labels of ``n_labels`` training samples only. ``probe`` scores a model by the
    cross-validated error of a probe on them, ``alignment`` by its alignment with the model of the best probe,
    ``generality`` by its mean alignment with all other models, without labels, and ``parameters`` by its size. Then a
    probe of each model, fitted on the training samples, is tested on all others.

    ``alignment`` ranks the models of other families than that of the best probe, which is aligned with itself and its
    family by construction: these have no score in this draw, and neither the correlation nor the regret counts them.

    Args:
        comparison: of the models, with ``parameters`` and ``family`` where known. Controls are excluded.
        embeddings: name of a model of the comparison -> [n, d], rows of the same samples.
        label: [n]; samples without a finite label are excluded.
        metric: name of a pair metric in the comparison.
        n_labels: number of labels to choose and to fit with, at least 10.
        draws: number of draws of the training samples.
        kind: of the probe.
        seed: of the draws.

    Cost: draws x models x 6 fits to ``n_labels`` samples, and up to draws x 51 fits for the pairs.

    Raises:
        ValueError: no such metric, fewer than two models with embeddings, rows that are not finite, or fewer than 10
            samples to fit on or test.
        ImportError: ``knn``, and scikit-learn is not installed.
    """
    names = [str(name) for name in comparison["model"].values]
    is_control = model_facts(comparison, "modality") == CONTROL
    used = [i for i, name in enumerate(names) if name in embeddings and not is_control[i]]
    if len(used) < 2:
        raise InputError(f"{len(used)} models have embeddings, and at least two are needed")
    y = np.asarray(label, np.float64)
    labelled = np.isfinite(y)
    xs = [labelled_rows(names[i], np.asarray(embeddings[names[i]], np.float64), labelled) for i in used]
    y = y[labelled]
    n, m = len(y), len(used)
    if n_labels < 10 or n - n_labels < 10:
        raise InputError(
            f"{n} samples have a label: {n_labels} to fit on and {n - n_labels} to test, and 10 are needed of each"
        )
    alignment = alignment_of(comparison, metric)[np.ix_(used, used)]
    generality = np.nanmean(np.where(np.eye(m, dtype=bool), np.nan, alignment), 1)
    generator = np.random.default_rng([seed, n])
    orders = [generator.permutation(n) for _ in range(draws)]
    results = [_one_draw(kind, xs, y, order[:n_labels], order[n_labels:]) for order in orders]
    cv_errors = np.array([result.cv_error for result in results])
    test_errors = np.array([result.test_error for result in results])
    first, families = cv_errors.argmin(1), families_of(comparison)[used]
    own_family = families == families[first][:, None]
    scores = {
        "probe": -cv_errors,
        "alignment": np.where(own_family, np.nan, alignment[first]),
        "generality": np.tile(generality, (draws, 1)),
    }
    size = np.asarray(comparison["parameters"].values if "parameters" in comparison else np.zeros(len(names)))[used]
    if (size > 0).all() and np.ptp(size) > 0:
        scores["parameters"] = np.tile(size.astype(np.float64), (draws, 1))

    criteria = rank_criteria(scores, test_errors, families, seed=seed)
    order = np.argsort(-criteria[0].score, kind="stable")
    pairs = [result.pair for result in results]
    most_frequent = max(sorted(set(pairs)), key=pairs.count)
    return Selection(
        tuple(names[used[i]] for i in order),
        test_errors.mean(0)[order],
        float(np.mean([result.baseline for result in results])),
        tuple(Criterion(**{**vars(c), "score": c.score[order]}) for c in criteria),
        tuple(names[used[i]] for i in most_frequent),
        float(np.mean([result.pair_error for result in results])),
        float(test_errors[np.arange(draws), first].mean()),
        n_labels,
        n - n_labels,
        draws,
    )


def _one_draw(
    kind: Kind, xs: Sequence[np.ndarray], y: np.ndarray, train_idx: np.ndarray, test_idx: np.ndarray
) -> _Draw:
    """Fit and test the probes of all models xs, and of the best pair of them, on one split of the samples."""
    y_train = y[train_idx]
    cv_error = np.array([_cv_error(kind, x[train_idx], y_train) for x in xs])
    test_error = np.array([_test_error(kind, x, y, train_idx, test_idx) for x in xs])
    best = np.argsort(cv_error, kind="stable")[:AMONG]
    pairs = [(int(a), int(b)) for i, a in enumerate(best) for b in best[i + 1 :]]
    joined = [np.concatenate([xs[a], xs[b]], 1) for a, b in pairs]
    chosen = int(np.argmin([_cv_error(kind, x[train_idx], y_train) for x in joined]))
    return _Draw(
        cv_error,
        test_error,
        float(np.abs(y[test_idx] - np.median(y_train)).mean()),
        pairs[chosen],
        _test_error(kind, joined[chosen], y, train_idx, test_idx),
    )


def _cv_error(kind: Kind, x: np.ndarray, y: np.ndarray) -> float:
    """Compute the mean absolute error of a probe by five-fold cross-validation."""
    error = np.empty(len(y))
    for fold in range(5):
        out = np.arange(len(y)) % 5 == fold
        error[out] = y[out] - fit(kind, x[~out], y[~out]).predict(x[out])
    return float(np.abs(error).mean())


def _test_error(kind: Kind, x: np.ndarray, y: np.ndarray, train_idx: np.ndarray, test_idx: np.ndarray) -> float:
    """Compute the mean absolute error on the test samples of a probe fitted on the training samples."""
    return float(np.abs(y[test_idx] - fit(kind, x[train_idx], y[train_idx]).predict(x[test_idx])).mean())
