"""Degrees of freedom of the standard errors of a Comparison."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..comparison import jackknife_design, jackknife_freedom


def error_freedom(comparison: xr.Dataset, name: str, /) -> float:
    """Return the degrees of freedom of the standard errors ``<name>_se`` of a metric.

    Those of the jackknife groups where the Comparison keeps the values without each, else one fewer than their number,
    as for groups of equal size. NaN for errors that are not from the jackknife, and without errors.

    Args:
        comparison: result of ``hyle.engine.compare(jackknife_groups=20)``.
        name: of a metric in it.

    Example:
        >>> error = xr.Variable("model", np.array([0.1, 0.2]), {"jackknife_groups": 20})
        >>> error_freedom(xr.Dataset({"intrinsic_dimension_se": error}), "intrinsic_dimension")
        19.0
    """
    if f"{name}_se" not in comparison.variables:
        return float("nan")
    if f"{name}_jackknife_values" in comparison.variables:
        count = comparison[f"{name}_jackknife_values"].sizes["jackknife_group"]
        return jackknife_freedom(jackknife_design(comparison, name).get("sizes", np.ones(count)))
    groups = comparison[f"{name}_se"].attrs.get("jackknife_groups")
    return float("nan") if groups is None else max(1.0, float(groups) - 1)
