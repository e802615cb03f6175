"""The alignment of a Comparison as one symmetric matrix, and facts about its models."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..base import InputError
from ..comparison import chance_level, metric_facts, metric_names

# The modality of models that are controls.
CONTROL = "control"


def alignment_of(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Return a pair metric as float64 alignment [m, m]: 1 for the most aligned, 0 for none, both directions averaged.

    Where lower is better, alignment is one minus the score divided by that of representations with nothing in common:
    the median chance level where the Comparison has one, else the upper end of the metric's scale.

    Raises:
        ValueError: the Comparison has no such pair metric; names those that it has.
    """
    names = metric_names(comparison)
    if metric not in names:
        raise InputError(f"the comparison has no pair metric {metric!r}; it has {', '.join(names) or 'none'}")
    return as_alignment(comparison, metric, comparison[metric].transpose("model", "other").values)


def as_alignment(comparison: xr.Dataset, metric: str, scores: np.ndarray) -> np.ndarray:
    """Return scores [..., m, m] of a pair metric of the Comparison as alignment, see `alignment_of`."""
    values = np.asarray(scores, np.float64)
    values = (values + values.swapaxes(-1, -2)) / 2
    facts = metric_facts(comparison, metric)
    if facts.higher_is_better:
        return values
    chance = chance_level(comparison, metric)
    return 1 - values / (facts.worst if np.isnan(chance) else chance)


def beyond_chance(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Return the alignment [m, m] beyond chance, (alignment - chance) / (1 - chance), where chance is known."""
    values = alignment_of(comparison, metric)
    for suffix in ("chance", "null"):
        if f"{metric}_{suffix}" in comparison:
            level = comparison[f"{metric}_{suffix}"].transpose("model", "other").values
            chance = as_alignment(comparison, metric, level)
            return np.asarray((values - chance) / (1 - chance))
    return values


def model_facts(comparison: xr.Dataset, name: str) -> np.ndarray:
    """Return a variable over ``model`` as text [m], such as family or modality; all empty where there is none."""
    if name not in comparison.variables:
        return np.full(comparison.sizes["model"], "")
    return np.array([str(value) for value in comparison[name].values])
