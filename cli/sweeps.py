"""A comparison at several numbers of neighbours or samples: what to sweep, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ._console import print_table
from .tables import model_names, number

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def parse_sweep(text: str) -> tuple[str, list[int]]:
    """Read ``k=5,10,25`` or ``n=100,500``.

    Raises:
        ValueError: it is not of that form.
    """
    over, _, listed = text.partition("=")
    try:
        values = [int(value) for value in listed.split(",")]
    except ValueError:
        values = []
    if over.strip() not in ("k", "n") or len(values) < 2:
        raise ValueError(f"--sweep {text}: give k or n and at least two numbers, such as k=5,10,25,50")
    return over.strip(), values


def swept_metrics(found: xr.Dataset, over: str) -> list[str]:
    """Return the metrics of a sweep, pair metrics first."""
    kinds = {name: v.attrs.get("kind") for name, v in found.data_vars.items() if over in v.dims}
    return [str(name) for wanted in ("pair", "single") for name, kind in kinds.items() if kind == wanted]


def print_sweep(found: xr.Dataset, over: str) -> None:
    """Print, for each metric, a row a pair or model and a column a step, then how well the order of pairs holds."""
    names, steps = model_names(found), [f"{over} = {step}" for step in found[over].values]
    for metric in swept_metrics(found, over):
        single = found[metric].attrs["kind"] == "single"
        values = found[metric].transpose(over, ...).values
        click.echo(str(found[metric].attrs.get("long_name", metric)))
        if single:
            rows = [(name, *(_shown(v) for v in values[:, i])) for i, name in enumerate(names)]
            print_table(("model", *steps), rows, right=steps, keys=1)
            continue
        directed = not found[metric].attrs.get("symmetric", 1)
        pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if (i != j if directed else i < j)]
        rows = [(names[i], names[j], *(_shown(v) for v in values[:, i, j])) for i, j in pairs]
        print_table(("model", "other", *steps), rows, right=steps, keys=2)
        stable = found[f"{metric}_stability"].values
        if np.isfinite(stable).any():
            least = np.nanmin(stable)
            a, b = np.unravel_index(np.nanargmin(stable), stable.shape)
            click.echo(
                f"order of the pairs: rank correlation between any two steps at least {number(float(least), 2)} "
                f"({steps[min(a, b)]} with {steps[max(a, b)]})\n"
            )


def sweep_data(found: xr.Dataset, over: str) -> dict[str, Any]:
    """Return a sweep as plain data."""
    metrics = swept_metrics(found, over)
    return {
        "over": over,
        "values": found[over].values,
        "models": model_names(found),
        "matrices": {name: found[name].transpose(over, ...).values for name in metrics},
        "stability": {n: found[f"{n}_stability"].values for n in metrics if f"{n}_stability" in found},
        "recipe": dict(found.attrs),
    }


def sweep_table(found: xr.Dataset, over: str) -> pd.DataFrame:
    """Return one row for each metric, step, and pair of different models or model."""
    import pandas as pd

    parts = []
    for metric in swept_metrics(found, over):
        part = found[metric].to_series().rename("value").reset_index()
        if "other" in part:
            part = part[part["model"] != part["other"]]
        parts.append(part.assign(metric=metric))
    return pd.concat(parts)[["metric", over, "model", "other", "value"]]


def _shown(value: float) -> str:
    return number(float(value), 4) if np.isfinite(value) else "–"
