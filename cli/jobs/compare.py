"""Compare representations, all with all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hyle.zoo import Representation, list_models

from ..comparison import long_table, model_names, read_scores, replicate_ceiling, single_metrics, usual_k, without
from ..console import progress_bar, say
from ..options import CompareOptions

if TYPE_CHECKING:
    import xarray as xr


FACTS = ("modality", "family", "parameters", "architecture", "training_data", "licence")


def compare(
    representations: Sequence[Representation],
    *,
    measure: CompareOptions | None = None,
    covariates: Representation | None = None,
    attributes: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> xr.Dataset:
    """Compare representations by sample id, and add what the cards say of their models.

    Args:
        representations: of any models or files; tensors cross into JAX by DLPack.
        measure: what to measure, and how; its metrics are `hyle.engine.DEFAULT_METRICS` unless it says otherwise.
        covariates: regressed out of every representation first.
        attributes: further facts for the whole, such as the title.
        progress: see `hyle.engine.compare`.

    Returns:
        The Comparison with the facts of the cards over ``model`` and the recipes in its attributes.
    """
    from hyle import engine

    named, measure = by_name(representations), measure or CompareOptions()
    # The best of several layers is tested as the largest of them.
    layered = bool(measure.permutations) and any("@" in name for name in named)
    options = engine_options(measure) | {"keep_resamples": layered}
    comparison = engine.compare(named, covariates=covariates, progress=progress, **options)
    cards = {card.name: card for card in list_models()}
    models = [cards.get(str(rep.recipe.get("model", ""))) for rep in named.values()]
    for fact in FACTS:
        missing: Any = -1 if fact == "parameters" else ""
        comparison[fact] = ("model", [getattr(card, fact) if card else missing for card in models])
    for fact in ("layer", "pooling"):
        comparison[fact] = ("model", [str(rep.recipe.get(fact, "")) for rep in named.values()])
    datasets = {(str(r.recipe.get("dataset", "")), str(r.recipe.get("dataset_version", ""))) for r in named.values()}
    if len(datasets) == 1:
        comparison.attrs["dataset"], comparison.attrs["dataset_version"] = next(iter(datasets))
    if covariates is not None:
        comparison.attrs["covariates"] = f"{covariates.name}: {comparison.attrs['covariates']}"
        comparison.attrs["covariates_recipe"] = json.dumps(dict(covariates.recipe), default=str)
    comparison.attrs |= {
        "recipe": json.dumps({name: dict(rep.recipe) for name, rep in named.items()}, default=str),
        "dropped": json.dumps({name: dict(rep.dropped) for name, rep in named.items() if rep.dropped}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": json.dumps({name: version(name) for name in ("jaxlib", "numpy", "scipy", "xarray")}),
        **(attributes or {}),
    }
    return comparison


def by_name(representations: Sequence[Representation]) -> dict[str, Representation]:
    """Name -> representation; those that share a name are numbered."""
    named: dict[str, Representation] = {}
    for representation in representations:
        name, copies = representation.name, 2
        while name in named:
            name, copies = f"{representation.name} ({copies})", copies + 1
        named[name] = representation
    return named


def compare_with_progress(
    representations: Sequence[Representation],
    measure: CompareOptions,
    *,
    covariates: Representation | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Do what `compare` does, and show it."""
    with progress_bar("comparing") as update:
        comparison = compare(
            representations,
            measure=measure,
            covariates=covariates,
            attributes=attributes,
            progress=lambda what, share: update(share, what),
        )
    n, lost = comparison.attrs["n"], {}
    for name, rows in zip(model_names(comparison), comparison["n_model"].values, strict=True):
        if rows != n:
            lost[name] = int(rows)
    if lost:
        say(f"joined {n} samples by id; " + ", ".join(f"{name} has {rows}" for name, rows in lost.items()))
    else:
        say(f"joined {n} samples by id, all that each has")
    if covariates is not None:
        say(f"took out what {covariates.name} explains linearly: {comparison.attrs['covariates'].partition(': ')[2]}")
    if highest := replicate_ceiling(comparison):
        say(f"note: {highest}")
    for name, repeated, tied in zip(model_names(comparison), *_repeats(comparison), strict=True):
        if max(repeated, tied) > n / 20:
            say(
                f"note: {name}: {repeated} rows repeat an earlier one, {tied} have ties at the k-th neighbour; ties go "
                "to the lowest index, so that models with many ties look alike in neighbour metrics"
            )
    return comparison


def _repeats(comparison: xr.Dataset) -> tuple[list[int], list[int]]:
    """Return, for each model, how many rows repeat an earlier one, and how many have ties at the k-th neighbour."""
    none = [0] * comparison.sizes["model"]
    ties = comparison["mutual_knn_ties"].values.tolist() if "mutual_knn_ties" in comparison else none
    return comparison["duplicates"].values.tolist(), ties


def as_data(comparison: xr.Dataset) -> dict[str, Any]:
    """Return a Comparison as plain data: the recipe, every score as a row, and the matrices."""
    attributes = {key: value for key, value in comparison.attrs.items() if key not in ("recipe", "dropped")}
    rows = {name: int(n) for name, n in zip(model_names(comparison), comparison["n_model"].values, strict=True)}
    pairs = read_scores(comparison)
    repeated, tied = (dict(zip(rows, counts, strict=True)) for counts in _repeats(comparison))
    return {
        "n": comparison.attrs["n"],
        "models": model_names(comparison),
        "rows": rows,
        "duplicates": repeated,
        "ties": tied,
        "results": long_table(comparison).astype(object).where(lambda t: t.notna(), None).to_dict("records"),
        "matrices": {name: comparison[name].values for name in [*pairs, *single_metrics(comparison)]},
        **{
            suffix: {name: comparison[f"{name}_{suffix}"].values for name in pairs if f"{name}_{suffix}" in comparison}
            for suffix in ("chance", "p", "q", "calibrated", "low", "high", "raw")
        },
        "recipe": {**attributes, "models": json.loads(comparison.attrs.get("recipe", "{}"))},
    }


def compare_others(
    found: Sequence[Representation],
    measure: CompareOptions,
    known: Representation | None,
    outliers: Mapping[str, list[str]],
) -> xr.Dataset | None:
    """Compare once more without the rows that lie far outside in one of the models; None where there are none."""
    ids = {id_ for each in outliers.values() for id_ in each}
    rest = [without(each, ids) for each in found]
    left = len(set.intersection(*(set(each.ids) for each in rest)))
    same = min(measure.dimension_k or usual_k(left + len(ids)), max(2, left - 1))
    once = dataclasses.replace(measure, permutations=0, jackknife_groups=0, groups=None, dimension_k=same)
    try:
        once.check(left)
    except ValueError:  # too few are left for this k
        return None
    return compare(rest, measure=once, covariates=known) if ids and left >= 4 else None


def engine_options(measure: CompareOptions) -> dict[str, Any]:
    """Give what to measure as the engine takes it."""
    from hyle import engine

    options = {field.name: getattr(measure, field.name) for field in dataclasses.fields(measure)}
    options["metrics"] = measure.metrics or engine.DEFAULT_METRICS
    return options
