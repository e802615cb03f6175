"""A comparison at several numbers of neighbours or samples: what to sweep, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from hyle.zoo import InputError

from ..atomic import write_atomically
from ..comparison import cell, long_table, model_names, notes, number, read_scores
from ..console import print_table, progress_bar
from ..options import json_text

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".nc", ".csv", ".json")


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
        raise InputError(f"--sweep {text}: give k or n and at least two numbers, such as k=5,10,25,50")
    return over.strip(), values


def sweep_with_progress(
    representations: Mapping[str, Any], over: str, values: list[int], options: dict[str, Any]
) -> xr.Dataset:
    """Do what `hyle.engine.sweep` does, and show it."""
    from hyle import engine

    if over == "k":
        options = {name: value for name, value in options.items() if name not in ("k", "dimension_k", "rank_k")}
    with progress_bar("comparing") as update:
        return engine.sweep(
            representations,
            over=over,  # type: ignore[arg-type]
            values=values,
            progress=lambda what, share: update(share, what),
            **options,
        )


def print_sweep(found: xr.Dataset, over: str) -> None:
    """Print, for each metric, a row a pair or model and a column a step, then how well the order of pairs holds.

    Chance stands in brackets, and a score that permutations do not tell from chance carries a sign.
    """
    names, headings = model_names(found), [f"{over} = {step}" for step in found[over].values]
    scores = [read_scores(step) for step in _steps(found, over)]
    for metric, first in scores[0].items():
        click.echo(first.label)
        rows = [(names[i], names[j], *(cell(each[metric], (i, j)) for each in scores)) for i, j in first.pairs()]
        print_table(("model", "other", *headings), rows, right=headings, keys=2)
        click.echo(_stability(found[f"{metric}_stability"].values, headings))
    for metric in _single(found, over):
        values = found[metric].transpose(over, ...).values
        click.echo(str(found[metric].attrs.get("long_name", metric)))
        rows = [(name, *(_shown(value) for value in values[:, i])) for i, name in enumerate(names)]
        print_table(("model", *headings), rows, right=headings, keys=1)
    click.echo("".join(f"{line}\n" for line in notes(list(scores[0].values()))), nl=False)


def sweep_data(found: xr.Dataset, over: str) -> dict[str, Any]:
    """Return a sweep as plain data: every score as a row, the matrices, and how well the order of pairs holds."""
    pairs = list(read_scores(found.isel({over: 0})))
    return {
        "over": over,
        "values": found[over].values,
        "models": model_names(found),
        "results": _table(found, over).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
        "matrices": {name: found[name].transpose(over, ...).values for name in [*pairs, *_single(found, over)]},
        "stability": {name: found[f"{name}_stability"].values for name in pairs},
        "recipe": dict(found.attrs),
    }


def write_sweep(found: xr.Dataset, over: str, path: Path) -> None:
    """Write a sweep as .nc, .json, or .csv: the rows of each step, whose k or n stands in its column."""
    if path.suffix == ".nc":
        from hyle.engine import save_comparison

        save_comparison(found, path)
    elif path.suffix == ".json":
        write_atomically(path, json_text(sweep_data(found, over)).encode())
    else:
        write_atomically(path, _table(found, over).to_csv(index=False).encode())


def _steps(found: xr.Dataset, over: str) -> list[xr.Dataset]:
    return [found.isel({over: i}) for i in range(found.sizes[over])]


def _single(found: xr.Dataset, over: str) -> list[str]:
    return [str(name) for name, v in found.data_vars.items() if over in v.dims and v.attrs.get("kind") == "single"]


def _table(found: xr.Dataset, over: str) -> Any:
    import pandas as pd

    train_val_test_split = [long_table(each).assign(**{over: int(each[over])}) for each in _steps(found, over)]
    return pd.concat(train_val_test_split, ignore_index=True)


def _stability(stable: np.ndarray, headings: list[str]) -> str:
    if not np.isfinite(stable).any():
        return ""
    a, b = np.unravel_index(np.nanargmin(stable), stable.shape)
    least = number(float(stable[a, b]), 2)
    return (
        f"order of the pairs: rank correlation between any two steps at least {least} "
        f"({headings[min(a, b)]} with {headings[max(a, b)]})\n"
    )


def _shown(value: float) -> str:
    return number(float(value), 4) if np.isfinite(value) else "–"
