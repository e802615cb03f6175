"""Which model to transfer from, and whether the way of choosing is any good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from ..base import InputError, renamed_arguments
from ._matrix import alignment_of, labels_of
from .convergence import MIN_MODELS
from .probe import Kind, fit

RESAMPLES = 999
# Models among the best of which complementary pairs are sought: all pairs would be many fits.
AMONG = 5


@dataclass(frozen=True)
class Criterion:
    """One way of ranking models, held against the errors on samples held out.

    Args:
        name: ``probe``, ``alignment``, ``generality`` or ``parameters``.
        score: [m], the higher the earlier a model is taken; mean over the draws.
        correlation: Spearman's between score and accuracy (less error) over models, mean over the draws; NaN for fewer
            than five models.
        low: lower end of its 95 % interval, by resampling models.
        high: upper end.
        p: two-sided, by permutation of the models.
        regret: error of the model taken first: 0 as the best there is, 1 as one drawn by lot, mean over the draws.
        over_parameters: lower and upper end of the 95 % interval of how much its correlation exceeds that of the
            parameter count; NaN where that is not known.
    """

    name: str
    score: np.ndarray
    correlation: float
    low: float
    high: float
    p: float
    regret: float
    over_parameters: tuple[float, float]


@dataclass(frozen=True)
class Selection:
    """Models for a target set with few labels.

    Args:
        models: names, the one to take first by its probe at the head.
        error: [m], mean absolute error on the samples held out, in the order of models.
        baseline: the same of the median of the few labels.
        criteria: ways of ranking, with their check.
        pair: the two models together that did best on the few labels most often; empty for fewer than two.
        pair_error: mean error held out of the pair taken in each draw.
        single_error: the same of the single model taken by its probe.
        n_labels: labels to choose and fit by.
        test: samples held out.
        draws: of the few.
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
    """Rank models for a label of which few values are known, and check each way of ranking on the other samples.

    In each draw the few labels alone are looked at: ``probe`` is the error of a cross-validated probe on them;
    ``alignment`` that to the model of the best probe; ``generality`` the mean alignment to all models, without
    labels; ``parameters`` the size. Then a probe of each model, fitted on the few, is tested on all others.

    Args:
        comparison: of the models, with ``parameters`` where known. Controls take no part.
        embeddings: name of a model of it -> [n, d], rows of the same samples.
        label: [n]; samples without a finite one are left out.
        metric: a pair metric.
        n_labels: labels to choose and fit by, at least 10.
        draws: of the few.
        kind: of probe.
        seed: of the draws.

    Cost: draws x models x 6 fits of few samples.

    Raises:
        ValueError: fewer than two models have embeddings, or fewer than 10 samples are few or left to test.
        ImportError without scikit-learn.
    """
    names = [str(n) for n in comparison["model"].values]
    control = labels_of(comparison, "modality") == "control"
    used = [i for i, name in enumerate(names) if name in embeddings and not control[i]]
    if len(used) < 2:
        raise InputError(f"{len(used)} models have embeddings, and at least two are needed")
    y = np.asarray(label, np.float64)
    known = np.isfinite(y)
    xs = [np.asarray(embeddings[names[i]], np.float64)[known] for i in used]
    y = y[known]
    n, m = len(y), len(used)
    if n_labels < 10 or n - n_labels < 10:
        raise InputError(
            f"{n} samples have a label: {n_labels} to fit on and {n - n_labels} to test, and 10 are needed of each"
        )
    near = alignment_of(comparison, metric)[np.ix_(used, used)]
    apart = np.where(np.eye(m, dtype=bool), np.nan, near)
    general = np.nanmean(apart, 1)
    size = np.asarray(comparison["parameters"].values if "parameters" in comparison else np.zeros(len(names)))[used]
    sized = bool((size > 0).all() and np.ptp(size) > 0)
    generator = np.random.default_rng([seed, n])
    scores: dict[str, list[np.ndarray]] = {"probe": [], "alignment": [], "generality": []}
    scores |= {"parameters": []} if sized else {}
    errors, baselines, pairs, together = [], [], [], []
    for _ in range(draws):
        order = generator.permutation(n)
        own, held = order[:n_labels], order[n_labels:]
        inner = np.array([_cv_error(kind, x[own], y[own]) for x in xs])
        errors.append(np.array([_test_error(kind, x, y, own, held) for x in xs]))
        baselines.append(np.abs(y[held] - np.median(y[own])).mean())
        scores["probe"].append(-inner)
        best = int(inner.argmin())
        scores["alignment"].append(np.where(np.arange(m) == best, near[best, best], near[best]))
        scores["generality"].append(general)
        if sized:
            scores["parameters"].append(size.astype(np.float64))
        top = np.argsort(inner, kind="stable")[:AMONG]
        tried = [(int(a), int(b)) for i, a in enumerate(top) for b in top[i + 1 :]]
        both = [np.concatenate([xs[a], xs[b]], 1) for a, b in tried]
        taken = int(np.argmin([_cv_error(kind, x[own], y[own]) for x in both]))
        pairs.append(tried[taken])
        together.append(_test_error(kind, both[taken], y, own, held))
    missed = np.array(errors)
    criteria = _criteria({name: np.array(rows) for name, rows in scores.items()}, missed, seed)
    order = np.argsort(-criteria[0].score, kind="stable")
    alone = missed[np.arange(draws), np.array(scores["probe"]).argmax(1)]
    often = max(sorted(set(pairs)), key=pairs.count)
    return Selection(
        tuple(names[used[i]] for i in order),
        missed.mean(0)[order],
        float(np.mean(baselines)),
        tuple(Criterion(**{**vars(c), "score": c.score[order]}) for c in criteria),
        tuple(names[used[i]] for i in often),
        float(np.mean(together)),
        float(alone.mean()),
        n_labels,
        n - n_labels,
        draws,
    )


def _criteria(scores: Mapping[str, np.ndarray], errors: np.ndarray, seed: int) -> list[Criterion]:
    m = errors.shape[1]
    generator = np.random.default_rng(seed)
    boots = generator.integers(0, m, (RESAMPLES, m))
    drawn = {name: np.array([_agree(s[:, b], errors[:, b]) for b in boots]) for name, s in scores.items()}
    shuffles = np.array([generator.permutation(m) for _ in range(RESAMPLES)])
    nan = float("nan")
    found = []
    for name, score in scores.items():
        ends, p, value, over = (nan, nan), nan, nan, (nan, nan)
        if m >= MIN_MODELS:
            value = _agree(score, errors)
            ends = tuple(np.quantile(drawn[name], [0.025, 0.975]))
            null = np.array([_agree(score[:, s], errors) for s in shuffles])
            p = (1 + (np.abs(null) >= abs(value) - 1e-12).sum()) / (1 + RESAMPLES)
            if "parameters" in scores and name != "parameters":
                over = tuple(np.quantile(drawn[name] - drawn["parameters"], [0.025, 0.975]))
        taken = errors[np.arange(len(errors)), score.argmax(1)]
        room = errors.mean(1) - errors.min(1)
        regret = np.where(room > 0, (taken - errors.min(1)) / np.where(room > 0, room, 1), 0).mean()
        low, high = (float(end) for end in ends)
        more = (float(over[0]), float(over[1]))
        found.append(Criterion(name, score.mean(0), value, low, high, float(p), float(regret), more))
    return found


def _agree(score: np.ndarray, error: np.ndarray) -> float:
    """Spearman's correlation of score and less error along the last axis, averaged over the first."""
    a, b = (rankdata(v, axis=1) - (v.shape[1] + 1) / 2 for v in (score, -error))
    length = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return float(((a * b).sum(1) / np.where(length > 0, length, 1)).mean())


def _cv_error(kind: Kind, x: np.ndarray, y: np.ndarray) -> float:
    missed = np.empty(len(y))
    for fold in range(5):
        out = np.arange(len(y)) % 5 == fold
        missed[out] = y[out] - fit(kind, x[~out], y[~out]).predict(x[out])
    return float(np.abs(missed).mean())


def _test_error(kind: Kind, x: np.ndarray, y: np.ndarray, own: np.ndarray, held: np.ndarray) -> float:
    return float(np.abs(y[held] - fit(kind, x[own], y[own]).predict(x[held])).mean())
