"""The alignment of a Comparison as one symmetric matrix."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..base import InputError


def alignment_of(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Give a pair metric as alignment [m, m] in float64: 1 for the most aligned, 0 for none, both directions averaged.

    Where lower is better that is one minus the share of what nothing in common gives: the median chance level where
    the Comparison has one, else the upper limit of its scale.

    Raises:
        ValueError: the Comparison has no such pair metric; names those that it has.
    """
    known = [str(name) for name, variable in comparison.data_vars.items() if variable.attrs.get("kind") == "pair"]
    if metric not in known:
        raise InputError(f"the comparison has no pair metric {metric!r}; it has {', '.join(known) or 'none'}")
    variable = comparison[metric].transpose("model", "other")
    values = variable.values.astype(np.float64)
    values = (values + values.T) / 2
    if variable.attrs.get("higher_is_better") == "no":
        none = float(np.ravel(variable.attrs["limits"])[-1])
        if f"{metric}_chance" in comparison:
            chance = comparison[f"{metric}_chance"].values
            none = float(np.median(chance[~np.eye(len(chance), dtype=bool)]))
        values = 1 - values / none
    return values


def labels_of(comparison: xr.Dataset, name: str) -> np.ndarray:
    """Give a fact of every model, as text [m]; empty where it is not known."""
    if name not in comparison.variables:
        return np.full(comparison.sizes["model"], "")
    return np.array([str(value) for value in comparison[name].values])
