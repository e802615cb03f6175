"""How the alignment of the same models changes from one set of samples to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..base import InputError
from ._matrix import CONTROL, beyond_chance, model_facts
from .families import count_families, families_of
from .family_pairs import mean_over_pairs, pair_correlation


@dataclass(frozen=True)
class Change:
    """Change of one metric from one set of samples to another, over the pairs of the same models.

    Args:
        metric: its name; values are given as alignment, so that higher is more similar.
        models: number of models in both, without controls.
        inside: mean over pairs of different families on the first set; over pairs of models for a single family.
        outside: the same mean on the second set.
        low: lower end of the 95 % interval of outside - inside, by the delete-a-family jackknife; NaN for fewer than
            six families.
        high: upper end.
        rising: share of the pairs of models whose alignment increases.
        correlation: Spearman correlation of the two sets over pairs of families, NaN for fewer than three families.
            There is no p-value: that the order of the pairs persists is no hypothesis of interest.
        families: number of families in both.
    """

    metric: str
    models: int
    inside: float
    outside: float
    low: float
    high: float
    rising: float
    correlation: float
    families: int


def regimes(inside: xr.Dataset, outside: xr.Dataset, /) -> list[Change]:
    """Compare two Comparisons of the same models, such as in and out of distribution, metric by metric.

    The change is averaged over the pairs of models of each pair of different families, and then over these, so that a
    family with many models counts once.

    Args:
        inside: result of `hyle.engine.compare`.
        outside: result for the same models on other samples; models and metrics that are not in both are excluded, and
            so are controls. ``family`` is that of the first Comparison.

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
    results = []
    m = len(names)
    families = families_of(inside.sel(model=names, other=names))
    pairs = np.triu_indices(m, 1)
    for metric in metrics:
        both = [beyond_chance(data.sel(model=names, other=names), metric) for data in (inside, outside)]
        first, second = (values[pairs] for values in both)
        valid = np.isfinite(first) & np.isfinite(second)
        complete = np.isfinite(both[0]) & np.isfinite(both[1])
        before, after = (np.where(complete, values, np.nan) for values in both)
        change = mean_over_pairs(after - before, families)
        means = mean_over_pairs(before, families).value, mean_over_pairs(after, families).value
        if count_families(families) < 2:
            means = float(np.nanmean(first)), float(np.nanmean(second))
        results.append(
            Change(
                metric,
                m,
                means[0],
                means[1],
                change.low,
                change.high,
                float((second > first)[valid].mean()),
                pair_correlation(before, after, families),
                count_families(families),
            )
        )
    return results
