"""Write a Comparison as one long table, and as CSV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_atomically
from .numbers import integer, text
from .scores import _details, _recipe, errors, model_names, per_model, read_scores, single_metrics

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def long_table(comparison: xr.Dataset) -> pd.DataFrame:
    """Return one row for each pair metric and pair of models, then one for each single metric and model.

    A pair has one row, or two if the metric is directed: one for each direction, from `model` to `other`. In the rows
    of single metrics `other` is empty. `error` is one standard error; `p`, `q` and `calibrated` come from permutations,
    and `strata_null`, `strata_p` and `beyond` from permutations within strata.
    Each row contains all that is needed to reproduce its value.
    """
    import pandas as pd

    names = model_names(comparison)
    columns = ["model", "other", "metric", "value", "chance", "p", "q", "calibrated", "error", "low", "high", "raw"]
    columns += ["k", "n", "estimator", "neighbour_metric", "details"]
    rows: list[tuple[Any, ...]] = []
    for score in read_scores(comparison).values():
        recipe = (score.k, score.n, score.estimator, score.neighbour_metric, _details(score.recipe))
        matrices = [score.values, score.chance, score.p, score.q, score.calibrated]
        matrices += [score.se, score.low, score.high, score.raw]
        strata = [score.strata_null, score.strata_p, score.beyond]
        for i, j in score.pairs():
            numbers, beyond = ([float(matrix[i, j]) for matrix in each] for each in (matrices, strata))
            rows.append((names[i], names[j], score.name, *numbers, *recipe, *beyond))
    nan = float("nan")
    for metric in single_metrics(comparison):
        attrs = comparison[metric].attrs
        used = per_model(comparison, f"{metric}_n_used")
        n = integer(attrs.get("n", comparison.attrs.get("n")))
        k, estimator, space = integer(attrs.get("k")), text(attrs, "estimator"), text(attrs, "neighbour_metric")
        facts = (estimator, space, _details(_recipe(attrs)))
        extra = [per_model(comparison, f"{metric}_{suffix}") for suffix in ("low", "high", "raw")]
        for i, (name, value, error) in enumerate(
            zip(names, comparison[metric].values, errors(comparison, metric), strict=True)
        ):
            interval_and_raw = [nan if values[i] is None else values[i] for values in extra]
            n_row = n if used[i] is None else int(used[i])
            numbers = [float(value), *[nan] * 4, error, *interval_and_raw]
            rows.append((name, "", metric, *numbers, k, n_row, *facts, *[nan] * 3))
    beyond_strata = ["strata_null", "strata_p", "beyond"]
    table = pd.DataFrame(rows, columns=[*columns, *beyond_strata]).astype({"k": "Int64", "n": "Int64"})
    provenance = ("dataset", "dataset_version", "sample_hash", "dtype", "hyle_version")
    table = table.assign(**{key: text(comparison.attrs, key) for key in provenance})
    return table[[*columns, *provenance, *beyond_strata]]


def write_csv(comparison: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the long table as CSV, atomically."""
    return write_atomically(path, long_table(comparison).to_csv(index=False).encode())
