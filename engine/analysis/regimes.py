"""The same models on two sets of samples: what becomes of their alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import alignment_of, labels_of
from .convergence import MIN_MODELS, rank_correlation

RESAMPLES = 2000


@dataclass(frozen=True)
class Change:
    """How one metric changes from one set of samples to another, over the pairs of the same models.

    Args:
        metric: its name; values are as alignment, so that more is more alike.
        models: how many are in both, without controls.
        inside: mean over pairs on the first set.
        outside: mean on the second.
        low: lower end of the 95 % interval of outside - inside, by resampling models.
        high: upper end.
        rising: share of the pairs that rise.
        correlation: Spearman's over pairs between both sets, NaN for fewer than five models; pairs share models, so
            that no p-value is given.
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
        inside: as `hyle.engine.compare` gives it.
        outside: the same models on other samples; models and metrics that are not in both are left out.
        seed: of resampling.

    Of scores whose chance level differs between the sets, the part beyond chance is taken: alignment less the chance
    level, over 1 less it.

    Raises:
        ValueError: fewer than two models or no metric are in both.
    """
    kinds = dict(zip(inside["model"].values, labels_of(inside, "modality"), strict=True))
    names = [name for name in inside["model"].values if name in outside["model"].values and kinds[name] != "control"]
    metrics = [
        str(name)
        for name, variable in inside.data_vars.items()
        if variable.attrs.get("kind") == "pair" and name in outside.data_vars
    ]
    if len(names) < 2 or not metrics:
        raise InputError(f"the comparisons share {len(names)} models and {len(metrics)} pair metrics: too few")
    generator, found = np.random.default_rng(seed), []
    m = len(names)
    off = np.triu_indices(m, 1)
    for metric in metrics:
        both = [_beyond_chance(data.sel(model=names, other=names), metric) for data in (inside, outside)]
        first, second = (values[off] for values in both)
        drawn = []
        for _ in range(RESAMPLES):
            chosen = generator.integers(0, m, m)
            apart = chosen[:, None] != chosen[None, :]  # a model with itself is no pair
            if apart.any():
                change = (both[1] - both[0])[np.ix_(chosen, chosen)]
                drawn.append(np.nanmean(change[apart]))
        low, high = np.quantile(drawn, [0.025, 0.975])
        known = np.isfinite(first) & np.isfinite(second)
        enough = m >= MIN_MODELS and known.sum() >= MIN_MODELS
        correlation = rank_correlation(first[known], second[known], seed=seed)[0] if enough else float("nan")
        found.append(
            Change(
                metric,
                m,
                float(np.nanmean(first)),
                float(np.nanmean(second)),
                float(low),
                float(high),
                float((second > first)[known].mean()),
                correlation,
            )
        )
    return found


def _beyond_chance(comparison: xr.Dataset, metric: str) -> np.ndarray:
    values = alignment_of(comparison, metric)
    for suffix in ("chance", "null"):
        if f"{metric}_{suffix}" in comparison:
            level = comparison[f"{metric}_{suffix}"]
            both = comparison.assign({metric: level.assign_attrs(comparison[metric].attrs)})
            chance = alignment_of(both, metric)
            return np.asarray((values - chance) / (1 - chance))
    return values
