"""A Comparison as plain data, for JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import (
    long_table,
    model_names,
    read_scores,
    single_metrics,
    undefined_scores,
)

if TYPE_CHECKING:
    import xarray as xr

# Of the variables beside a pair metric that say what models share beyond the strata of the samples.
STRATA_SUFFIXES = ("strata_null", "strata_p", "beyond")
RANK_SUFFIXES = ("rank", "rank_low", "rank_high")


def as_data(comparison: xr.Dataset) -> dict[str, Any]:
    """Return a Comparison as plain data: the recipe, every score as a row, and the matrices.

    ``chance`` has the chance levels that stand beside the scores everywhere, and ``independent_chance`` those of closed
    forms, which hold for independent samples; they differ where the samples have groups.
    """
    from hyle.engine.comparison import chance_values

    attributes = {key: value for key, value in comparison.attrs.items() if key not in ("recipe", "dropped")}
    rows = {name: int(n) for name, n in zip(model_names(comparison), comparison["n_model"].values, strict=True)}
    pairs = read_scores(comparison)
    duplicates, ties = (dict(zip(rows, counts, strict=True)) for counts in count_repeats(comparison))

    def matrices(suffix: str) -> dict[str, Any]:
        return {name: comparison[f"{name}_{suffix}"].values for name in pairs if f"{name}_{suffix}" in comparison}

    levels = {name: chance_values(comparison, name) for name in pairs}
    return {
        "n": comparison.attrs["n"],
        "models": model_names(comparison),
        "rows": rows,
        "duplicates": duplicates,
        "ties": ties,
        "results": long_table(comparison).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
        "matrices": {name: comparison[name].values for name in [*pairs, *single_metrics(comparison)]},
        "chance": {name: level for name, level in levels.items() if np.isfinite(level).any()},
        "independent_chance": matrices("chance"),
        **{
            suffix: matrices(suffix)
            for suffix in ("null", "p", "q", "calibrated", "low", "high", "raw", *STRATA_SUFFIXES, *RANK_SUFFIXES)
        },
        "undefined": [dataclasses.asdict(each) for each in undefined_scores(comparison)],
        "recipe": {**attributes, "models": json.loads(comparison.attrs.get("recipe", "{}"))},
    }


def count_repeats(comparison: xr.Dataset) -> tuple[list[int], list[int]]:
    """Return, for each model, the number of rows that repeat an earlier one, and of rows with tied k-th neighbours."""
    none = [0] * comparison.sizes["model"]
    ties = comparison["mutual_knn_ties"].values.tolist() if "mutual_knn_ties" in comparison else none
    return comparison["duplicates"].values.tolist(), ties
