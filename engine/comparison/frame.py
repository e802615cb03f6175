"""A Comparison as a pandas DataFrame: one row per pair of models, or per model, and metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..base import InputError
from .schema import beside, metric_facts, metric_names

COLUMNS = ("model", "other", "metric", "value", "chance", "p", "q", "calibrated", "error", "low", "high", "raw")
_DIMS = {"model", "other"}


def to_frame(comparison: xr.Dataset, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row for each pair metric and pair of models, then one for each single metric and model.

    A pair has one row, or two if the metric is directed: one for each direction, from `model` to `other`. In the rows
    of single metrics `other` is empty. `error` is one standard error; what was not computed is NaN.

    Args:
        comparison: as `compare` returns it, or a selection of its models.
        metrics: names of variables, in the order of the rows; by default all metrics.

    Returns:
        The table, with the columns `COLUMNS`.

    Raises:
        ValueError: an unknown metric, or one that has further dimensions.
    """
    chosen = [*metric_names(comparison), *metric_names(comparison, "single")] if metrics is None else metrics
    rows: list[tuple[Any, ...]] = []
    for name in chosen:
        metric_facts(comparison, name)  # raises an error for an unknown name
        further = [str(dim) for dim in comparison[name].dims if dim not in _DIMS]
        if further:
            raise InputError(f"{name} extends over {', '.join(further)}: select one first, by .isel({further[0]}=0)")
        rows += _pair_rows(comparison, name) if "other" in comparison[name].dims else _model_rows(comparison, name)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pair_values(comparison: xr.Dataset, name: str, *kinds: str) -> np.ndarray:
    """Return a pair metric as float64 [m, o], or the first of the variables of these kinds that it has, else NaN."""
    names = [f"{name}_{kind}" for kind in kinds] or [name]
    found = next((each for each in names if each in comparison), None)
    if found is None:
        return np.full_like(comparison[name].transpose("model", "other").values, np.nan, dtype=np.float64)
    if comparison.variables[found].dims == ("model", "other"):  # without the time that xarray takes for coordinates
        return np.asarray(comparison.variables[found].values, np.float64)
    related = comparison[found].broadcast_like(comparison[name])
    return np.asarray(related.transpose("model", "other").values, np.float64)


def chance_values(comparison: xr.Dataset, name: str) -> np.ndarray:
    """Return the chance level of each pair [m, o], NaN where there is none.

    Closed forms are for independent samples. Without one, and where the samples have groups, the chance level is the
    mean score under permutation.
    """
    return pair_values(comparison, name, *(("null",) if has_group_null(comparison, name) else ("chance", "null")))


def has_group_null(comparison: xr.Dataset, name: str) -> bool:
    """Return whether the samples have groups and the metric was recomputed under permutations."""
    groups = comparison.attrs.get("groups") or 0  # missing or empty in files of earlier releases
    return float(groups) > 0 and f"{name}_null" in comparison


def is_directed(comparison: xr.Dataset, name: str) -> bool:
    """Return whether the scores of a pair metric from a to b and from b to a may differ."""
    values = pair_values(comparison, name)
    if not metric_facts(comparison, name).symmetric:
        return True
    square = values.shape[0] == values.shape[1]
    return square and not np.allclose(values, values.T, rtol=1e-6, atol=1e-9, equal_nan=True)


def _pair_rows(comparison: xr.Dataset, name: str) -> list[tuple[Any, ...]]:
    matrices = [pair_values(comparison, name), chance_values(comparison, name)]
    matrices += [pair_values(comparison, name, kind) for kind in ("p", "q", "calibrated", "se", "low", "high", "raw")]
    models, others = (_names(comparison, dim) for dim in ("model", "other"))
    directed, seen = is_directed(comparison, name), set[tuple[str, str]]()
    rows = []
    for i, model in enumerate(models):
        for j, other in enumerate(others):
            if model == other or (not directed and (other, model) in seen):
                continue
            seen.add((model, other))
            rows.append((model, other, name, *(float(matrix[i, j]) for matrix in matrices)))
    return rows


def _model_rows(comparison: xr.Dataset, name: str) -> list[tuple[Any, ...]]:
    nan = float("nan")
    # The standard error is that of the jackknife if there is one, else that of the estimator.
    columns = [_per_model(comparison, name, *kinds) for kinds in (("se", "error"), ("low",), ("high",), ("raw",))]
    values = np.asarray(comparison[name].values, np.float64)
    return [
        (model, "", name, float(values[i]), *[nan] * 4, *(float(column[i]) for column in columns))
        for i, model in enumerate(_names(comparison, "model"))
    ]


def _per_model(comparison: xr.Dataset, name: str, *kinds: str) -> np.ndarray:
    found = beside(comparison, name, *kinds)
    return np.full(comparison.sizes["model"], np.nan) if found is None else np.asarray(found.values, np.float64)


def _names(comparison: xr.Dataset, dim: str) -> list[str]:
    return [str(name) for name in np.atleast_1d(comparison[dim].values)]
