"""A comparison at several numbers of neighbours or of samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hyle.zoo import InputError, Representation

from ..atomic import write_atomically
from ..comparison import long_table, model_names, read_scores
from ..console import SILENT, SilentProgress, with_progress
from ..interrupts import INTERRUPTS
from ..options import CompareOptions, json_text
from .compare import engine_options
from .groups import with_groups

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# What metrics need that depends on a number of neighbours, and the metric that needs it without the shared pass.
OF_NEIGHBOURS = {"neighbours", "dimension", "ranks"}
OF_NEIGHBOURS_ALONE = {"reconstruction_error_local"}
SWEEP_SUFFIXES = (".nc", ".csv", ".json")


def parse_sweep(text: str) -> tuple[Literal["k", "n"], list[int]]:
    """Parse ``k=5,10,25`` or ``n=100,500``.

    Raises:
        InputError: it is not of that form.
    """
    over, _, listed = text.partition("=")
    try:
        values = [int(value) for value in listed.split(",")]
    except ValueError:
        values = []
    if over.strip() not in ("k", "n") or len(values) < 2:
        raise InputError(f"--sweep {text}: give k or n and at least two numbers, such as k=5,10,25,50")
    return cast(Literal["k", "n"], over.strip()), values


def sweep(
    representations: Mapping[str, Representation],
    over: Literal["k", "n"],
    values: list[int],
    measure: CompareOptions | None = None,
    *,
    covariates: Representation | None = None,
    where: Mapping[str, Any] | None = None,
    progress: SilentProgress = SILENT,
) -> xr.Dataset:
    """Compare representations at several numbers of neighbours or of samples; see `hyle.engine.sweep`.

    Args:
        representations: by name.
        over: ``k`` for neighbours, ``n`` for samples.
        values: the numbers.
        measure: what to measure and how; when k is swept, its numbers of neighbours are ignored.
        covariates: regressed out of every representation first.
        where: ``mesh`` and ``checkpoint`` of `hyle.engine.compare`.
        progress: shows a progress bar; default nothing.

    Returns:
        The Comparisons along a dimension `over`, with the recipes of the representations in the attributes.
    """
    from hyle import engine

    samples = with_groups(measure or CompareOptions(), list(representations.values()))
    if samples.note or samples.warning:
        progress.say(samples.note or f"warning: {samples.warning}")
    options = engine_options(samples.measure) | dict(where or {})
    if over == "k":
        _check_depends_on_k(options["metrics"])
        options = {name: value for name, value in options.items() if name not in ("k", "dimension_k", "rank_k")}
    if covariates is not None:
        options["covariates"] = covariates
    with progress.bar("comparing") as update:
        swept = engine.sweep(
            representations, over=over, values=values, progress=lambda stage, share: update(share, stage), **options
        )
    recipes = {name: dict(rep.recipe) for name, rep in representations.items()}
    swept.attrs["recipe"] = json.dumps(recipes, default=str)
    return swept


def _check_depends_on_k(metrics: Sequence[str]) -> None:
    """Check that there is something to sweep, before anything is computed.

    Raises:
        InputError: none of the metrics depends on the number of neighbours; names those that do.
    """
    from hyle import engine

    needs = {name: set(metric.needs) for name, metric in engine.list_metrics().items()}
    by_k = [name for name in needs if OF_NEIGHBOURS & needs[name] or name in OF_NEIGHBOURS_ALONE]
    if not set(metrics) & set(by_k):
        verb = "does" if len(metrics) == 1 else "do"
        raise InputError(
            f"--sweep k: {', '.join(metrics)} {verb} not depend on k; choose --metrics among {', '.join(by_k)}"
        )


sweep_with_progress = with_progress(sweep)


def sweep_data(swept: xr.Dataset, over: str) -> dict[str, Any]:
    """Return a sweep as plain data: every score as a row, the matrices, and the stability of the order of the pairs."""
    pairs = list(read_scores(swept.isel({over: 0})))
    return {
        "over": over,
        "values": swept[over].values,
        "models": model_names(swept),
        "results": _table(swept, over).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
        "matrices": {name: swept[name].transpose(over, ...).values for name in [*pairs, *swept_single(swept, over)]},
        "stability": {name: swept[f"{name}_stability"].values for name in pairs},
        "recipe": dict(swept.attrs),
    }


def write_sweep(swept: xr.Dataset, over: str, path: Path) -> Path:
    """Write a sweep as .nc, .json, or .csv: the long tables of all steps, with k or n as a column.

    Raises:
        OutputError: the file cannot be written.
    """
    if path.suffix == ".nc":
        from hyle.engine import save_comparison

        with INTERRUPTS.unwinding():
            return save_comparison(swept, path)
    if path.suffix == ".json":
        return write_atomically(path, json_text(sweep_data(swept, over)).encode())
    return write_atomically(path, _table(swept, over).to_csv(index=False).encode())


def sweep_steps(swept: xr.Dataset, over: str) -> list[xr.Dataset]:
    """Return the Comparison of each step."""
    return [swept.isel({over: i}) for i in range(swept.sizes[over])]


def swept_single(swept: xr.Dataset, over: str) -> list[str]:
    """Return the metrics of a single model that depend on what is swept."""
    return [str(name) for name, v in swept.data_vars.items() if over in v.dims and v.attrs.get("kind") == "single"]


def _table(swept: xr.Dataset, over: str) -> pd.DataFrame:
    import pandas as pd

    steps = [long_table(step).assign(**{over: int(step[over])}) for step in sweep_steps(swept, over)]
    return pd.concat(steps, ignore_index=True)
