"""Write a Comparison as one long table, and as CSV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_atomically
from .numbers import integer, text
from .scores import _details, _recipe, model_names, per_model, read_scores, single_metrics

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

STRATA_COLUMNS = ("strata_null", "strata_p", "beyond")


def long_table(comparison: xr.Dataset) -> pd.DataFrame:
    """Return one row for each pair metric and pair of models, then one for each single metric and model.

    The columns of numbers are those of `hyle.engine.Comparison.to_frame`. `strata_null`, `strata_p` and `beyond` come
    from permutations within strata. Each row contains all that is needed to reproduce its value.
    """
    import pandas as pd

    from hyle.engine.comparison import pair_values, to_frame

    scores, singles = read_scores(comparison), single_metrics(comparison)
    table = to_frame(comparison, [*scores, *singles])
    index = {name: i for i, name in enumerate(model_names(comparison))}
    facts: dict[str, tuple[Any, ...]] = {
        name: (each.k, each.n, each.estimator, each.neighbour_metric, _details(each.recipe))
        for name, each in scores.items()
    }
    used: dict[str, list[Any]] = {}
    for metric in singles:
        attrs = comparison[metric].attrs
        n = integer(attrs.get("n", comparison.attrs.get("n")))
        described = (text(attrs, "estimator"), text(attrs, "neighbour_metric"), _details(_recipe(attrs)))
        facts[metric] = (integer(attrs.get("k")), n, *described)
        used[metric] = per_model(comparison, f"{metric}_n_used")
    strata = {name: [pair_values(comparison, name, kind) for kind in STRATA_COLUMNS] for name in scores}
    nan = float("nan")
    rows = []
    for model, other, metric in zip(table["model"], table["other"], table["metric"], strict=True):
        k, n, *texts = facts[metric]
        i = index[model]
        if metric in used and used[metric][i] is not None:
            n = int(used[metric][i])
        beyond = [nan] * 3 if metric in used else [float(matrix[i, index[other]]) for matrix in strata[metric]]
        rows.append((k, n, *texts, *beyond))
    columns = ["k", "n", "estimator", "neighbour_metric", "details", *STRATA_COLUMNS]
    table = table.join(pd.DataFrame(rows, columns=columns)).astype({"k": "Int64", "n": "Int64"})
    provenance = ("dataset", "dataset_version", "sample_hash", "dtype", "hyle_version")
    table = table.assign(**{key: text(comparison.attrs, key) for key in provenance})
    return table[[column for column in table if column not in STRATA_COLUMNS] + list(STRATA_COLUMNS)]


def write_csv(comparison: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the long table as CSV, atomically."""
    return write_atomically(path, long_table(comparison).to_csv(index=False).encode())
