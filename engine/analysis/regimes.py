"""How the alignment of the same models changes from one set of samples to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import CONTROL, alignment_of, model_facts
from .convergence import MIN_MODELS, rank_correlation

RESAMPLES = 2000


@dataclass(frozen=True)
class Change:
    """Change of one metric from one set of samples to another, over the pairs of the same models.

    Args:
        metric: its name; values are given as alignment, so that higher is more similar.
        models: number of models in both, without controls.
        inside: mean over pairs on the first set.
        outside: mean over pairs on the second set.
        low: lower end of the 95 % interval of outside - inside, by bootstrap over models.
        high: upper end.
        rising: share of the pairs whose alignment increases.
        correlation: Spearman correlation of the two sets over pairs, NaN for fewer than five models. There is no
            p-value, because pairs share models.
    """

    metric: str
    models: int
    inside: float
    outside: float
    low: float
    high: float
    rising: float
    correlation: float


def regimes(inside: xr.Dataset, outside: xr.Dataset, /, *, seed: int = 0) -> list[Change]:
    """Compare two Comparisons of the same models, such as in and out of distribution, metric by metric.

    Args:
        inside: result of `hyle.engine.compare`.
        outside: result for the same models on other samples; models and metrics that are not in both are excluded, and
            so are controls.
        seed: of the bootstrap.

    The chance level of a score may differ between the sets. Where it is known, the part beyond chance is compared:
    (alignment - chance) / (1 - chance).

    Raises:
        ValueError: fewer than two models or no pair metric are in both.
    """
    modality = dict(zip(inside["model"].values, model_facts(inside, "modality"), strict=True))
    names = [name for name in inside["model"].values if name in outside["model"].values and modality[name] != CONTROL]
    metrics = [
        str(name)
        for name, variable in inside.data_vars.items()
        if variable.attrs.get("kind") == "pair" and name in outside.data_vars
    ]
    if len(names) < 2 or not metrics:
        raise InputError(
            f"the comparisons share {len(names)} models and {len(metrics)} pair metrics: at least 2 and 1 are needed"
        )
    generator, results = np.random.default_rng(seed), []
    m = len(names)
    pairs = np.triu_indices(m, 1)
    for metric in metrics:
        both = [_beyond_chance(data.sel(model=names, other=names), metric) for data in (inside, outside)]
        first, second = (values[pairs] for values in both)
        changes = []
        for _ in range(RESAMPLES):
            chosen = generator.integers(0, m, m)
            distinct = chosen[:, None] != chosen[None, :]  # a model drawn twice is no pair
            if distinct.any():
                change = (both[1] - both[0])[np.ix_(chosen, chosen)]
                changes.append(np.nanmean(change[distinct]))
        low, high = np.quantile(changes, [0.025, 0.975])
        valid = np.isfinite(first) & np.isfinite(second)
        enough = m >= MIN_MODELS and valid.sum() >= MIN_MODELS
        correlation = rank_correlation(first[valid], second[valid], seed=seed)[0] if enough else float("nan")
        results.append(
            Change(
                metric,
                m,
                float(np.nanmean(first)),
                float(np.nanmean(second)),
                float(low),
                float(high),
                float((second > first)[valid].mean()),
                correlation,
            )
        )
    return results


def _beyond_chance(comparison: xr.Dataset, metric: str) -> np.ndarray:
    values = alignment_of(comparison, metric)
    for suffix in ("chance", "null"):
        if f"{metric}_{suffix}" in comparison:
            level = comparison[f"{metric}_{suffix}"]
            both = comparison.assign({metric: level.assign_attrs(comparison[metric].attrs)})
            chance = alignment_of(both, metric)
            return np.asarray((values - chance) / (1 - chance))
    return values
