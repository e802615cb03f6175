"""The alignment of a Comparison as one symmetric matrix."""

from __future__ import annotations

import numpy as np
import xarray as xr


def alignment_of(comparison: xr.Dataset, metric: str) -> np.ndarray:
    """Give a pair metric as alignment [m, m] in float64: 1 for the most aligned, 0 for none, both directions averaged.

    Raises:
        ValueError: the Comparison has no such pair metric; names those that it has.
    """
    known = [str(name) for name, variable in comparison.data_vars.items() if variable.attrs.get("kind") == "pair"]
    if metric not in known:
        raise ValueError(f"the comparison has no pair metric {metric!r}; it has {', '.join(known) or 'none'}")
    variable = comparison[metric].transpose("model", "other")
    values = variable.values.astype(np.float64)
    values = (values + values.T) / 2
    if variable.attrs.get("higher_is_better") == "no":
        # One minus the share of what nothing in common would give.
        none = 2.0 if metric == "procrustes" else 1.0
        values = 1 - values / none
    return values


def labels_of(comparison: xr.Dataset, name: str) -> np.ndarray:
    """Give a fact of every model, as text [m]; empty where it is not known."""
    if name not in comparison.variables:
        return np.full(comparison.sizes["model"], "")
    return np.array([str(value) for value in comparison[name].values])
