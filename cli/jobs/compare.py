"""Compare representations, all with all."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyle.zoo import InputError, Representation, list_datasets, list_models

from ..atomic import write_atomically
from ..comparison import (
    TRAINED_ON_SAMPLES,
    model_names,
    outlying_in_any,
    read_scores,
    replicate_ceiling,
    row_words,
    with_ranks,
    without,
    without_resamples,
    write_csv,
)
from ..console import SILENT, SilentProgress, with_progress
from ..interrupts import INTERRUPTS
from ..options import NO_GROUPS, CompareOptions, json_text
from .comparison_data import as_data, count_repeats
from .groups import with_groups
from .rows import node_kind

if TYPE_CHECKING:
    import xarray as xr

# Facts of a model's card that a Comparison keeps.
FACTS = ("modality", "family", "parameters", "architecture", "training_data", "licence")
# A Comparison of fewer samples is refused; the engine's message says why there are so few.
MIN_SAMPLES = 4
# With fewer samples a Comparison says how little its scores mean.
FEW_SAMPLES = 50
COMPARISON_SUFFIXES = (".nc", ".csv", ".json", ".html")


def compare(
    representations: Sequence[Representation],
    measure: CompareOptions | None = None,
    *,
    covariates: Representation | None = None,
    attributes: Mapping[str, Any] | None = None,
    keep_resamples: bool = False,
    where: Mapping[str, Any] | None = None,
    progress: SilentProgress = SILENT,
) -> xr.Dataset:
    """Compare representations by sample id, and add the facts of their models' cards.

    Args:
        representations: of any models or files; tensors are passed to JAX by DLPack.
        measure: what to measure and how; its metrics are `hyle.engine.DEFAULT_METRICS` by default.
        covariates: regressed out of every representation first.
        attributes: further attributes of the Comparison, such as its title.
        keep_resamples: keep the scores under permutations and without jackknife groups.
        where: ``mesh`` and ``checkpoint`` of `hyle.engine.compare`.
        progress: shows a progress bar, and notes on the samples; default nothing.

    Returns:
        The Comparison with the facts of the cards over ``model`` and the recipes in its attributes.
    """
    from hyle import engine

    named, measure = by_name(representations), measure or CompareOptions()
    # The best of several layers is tested as the largest of them.
    layered = bool(measure.permutations) and any("@" in name for name in named)
    samples = with_groups(measure, representations)
    # The report of two models draws the scores under permutation.
    kept = layered or keep_resamples or len(named) == 2
    options = engine_options(samples.measure) | {
        "keep_resamples": kept or bool(measure.jackknife_groups),
        **(where or {}),
    }
    if resolution := _resolution(options, len(named)):
        progress.say(f"warning: {resolution}")
    with progress.bar("comparing") as update, warnings.catch_warnings():
        for kind in (engine.JoinWarning, engine.ExplainedWarning, engine.ResolutionWarning):
            warnings.simplefilter("ignore", kind)  # they are among the notes
        comparison: xr.Dataset = engine.compare(
            named, covariates=covariates, progress=lambda stage, share: update(share, stage), **options
        )
    if measure.jackknife_groups:
        comparison = with_ranks(comparison)
    if not kept:
        comparison = without_resamples(comparison)
    names = [str(rep.recipe.get("model", "")) for rep in named.values()]
    cards = {card.name: card for card in list_models()} if any(names) else {}
    models = [cards.get(name) for name in names]
    for fact in FACTS:
        missing: Any = -1 if fact == "parameters" else ""
        comparison[fact] = ("model", [getattr(card, fact) if card else missing for card in models])
    comparison["trained_on"] = ("model", ["; ".join(sorted(card.trained_on)) if card else "" for card in models])
    for fact in ("layer", "pooling"):
        comparison[fact] = ("model", [str(rep.recipe.get(fact, "")) for rep in named.values()])
    datasets = {(str(r.recipe.get("dataset", "")), str(r.recipe.get("dataset_version", ""))) for r in named.values()}
    if len(datasets) == 1:
        comparison.attrs["dataset"], comparison.attrs["dataset_version"] = next(iter(datasets))
    known_as = {info.name: info.known_as for info in list_datasets()} if any(models) else {}
    sets = {known_as.get(dataset) or dataset for dataset, _ in datasets} - {""}
    trained = [int(card is not None and bool(sets & set(card.trained_on))) for card in models]
    comparison[TRAINED_ON_SAMPLES] = ("model", trained)
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
    comparison.attrs |= {
        "per": node_kind(representations),
        "groups_kind": samples.groups_kind,
        "strata_kind": samples.strata_kind,
        "units": samples.note,
        "repeats": samples.warning,
    }
    for note in _notes(comparison, covariates):
        progress.say(note)
    if comparison.attrs["resolution"] not in ("", resolution):  # known only now
        progress.say(f"warning: {comparison.attrs['resolution']}")
    return comparison


compare_with_progress = with_progress(compare)


def by_name(representations: Sequence[Representation]) -> dict[str, Representation]:
    """Return name -> representation; those that share a name are numbered."""
    named: dict[str, Representation] = {}
    for representation in representations:
        name, copies = representation.name, 2
        while name in named:
            name, copies = f"{representation.name} ({copies})", copies + 1
        named[name] = representation
    return named


def _resolution(options: Mapping[str, Any], m: int) -> str:
    """Return what the number of permutations that is asked for cannot resolve, before anything is computed."""
    from hyle.engine import find_metric
    from hyle.engine.comparison import count_pairs, level_of_pairs, resolution_note

    if options["permutations"] == "auto":
        return ""
    metrics = [find_metric(name) for name in options["metrics"]]
    pairs = count_pairs(metrics, m)
    directed = [metric.name for metric in metrics if metric.kind == "pair" and not metric.symmetric]
    alpha = level_of_pairs(pairs, 0.05, options["fdr"])
    return resolution_note(pairs, options["permutations"], alpha, directed=directed)


def _notes(comparison: xr.Dataset, covariates: Representation | None) -> list[str]:
    """Return what a user has to know of the samples of a Comparison, a line each."""
    n, rows = comparison.attrs["n"], row_words(comparison)
    lost = [re.sub(r"\bsamples\b", rows, line) for line in str(comparison.attrs["join"]).splitlines()]
    regressed = []
    if covariates is not None:
        words = comparison.attrs["covariates"].partition(": ")[2]
        if rank := re.search(r"rank (\d+), BLUS", words):
            n += int(rank[1]) + 1
            words += f" ({n} less the rank and the mean)"
        regressed = [f"regressed out {covariates.name} linearly: {words}"]
    lines = [f"joined {n} {rows} by id; {lost[0]}" if lost else f"joined {n} {rows} by id; all have these", *lost[1:]]
    lines += regressed
    if comparison.attrs["n"] < FEW_SAMPLES:
        few = f"only {comparison.attrs['n']} {rows}: scores of so few vary widely by chance"
        lines.append(f"warning: {few}; use {FEW_SAMPLES} or more")
    if (queries := comparison.attrs["queries"]) < comparison.attrs["n"]:
        drawn = f"{queries:,} of {comparison.attrs['n']:,} {rows} drawn as queries"
        lines.append(f"note: {drawn}; intervals are of this sampling, and scores without one are exact")
    if "neighbour_recall" in comparison:
        least = float(comparison["neighbour_recall"].min())
        measured = f"measured on {min(1000, comparison.attrs['n']):,} {rows}"
        lines.append(f"note: neighbours are approximate: {least:.1%} of them are found, {measured}")
    if comparison.attrs["join_warning"]:
        lines.append(f"warning: {comparison.attrs['join_warning']}")
    if repeats := comparison.attrs.get("repeats"):
        lines.append(f"warning: {repeats}")
    if units := comparison.attrs.get("units"):
        lines.append(f"note: {units}")
    if explained := comparison.attrs.get("explained"):
        lines.append(f"warning: the covariates explain {explained} wholly: nothing is left, and no score is defined")
    if ceiling := replicate_ceiling(comparison):
        lines.append(f"note: {ceiling}")
    by_neighbours = any(score.k is not None for score in read_scores(comparison).values())
    for name, duplicates, ties in zip(model_names(comparison), *count_repeats(comparison), strict=True):
        if max(duplicates, ties * by_neighbours) > comparison.attrs["n"] / 20:
            lines.append(
                f"note: {name}: {duplicates} rows repeat an earlier one"
                + f", {ties} have ties at the k-th neighbour; ties are broken by the lowest index, so that models with "
                "many ties look similar in neighbour metrics" * by_neighbours
            )
    return lines


def check_common(
    representations: Sequence[Representation], measure: CompareOptions, covariates: Representation | None = None
) -> None:
    """Check the numbers of neighbours against the number of common samples, before anything is computed.

    Raises:
        InputError: too few common samples for the numbers of neighbours or of jackknife groups.
    """
    everything = [*representations, covariates] if covariates else representations
    common = set.intersection(*(set(rep.ids) for rep in everything))
    if len(common) >= MIN_SAMPLES:
        measure.check(len(common))


def compare_without_outliers(
    comparison: xr.Dataset,
    representations: Sequence[Representation],
    measure: CompareOptions,
    covariates: Representation | None = None,
    where: Mapping[str, Any] | None = None,
) -> tuple[dict[str, list[str]], xr.Dataset | None]:
    """Compare once more without the rows that are norm outliers in one of the representations.

    Permutations, groups and intervals are omitted, and the intrinsic dimension keeps its number of neighbours.

    Args:
        comparison: of all rows.
        representations: as `compare` takes them.
        measure: as `compare` takes it.
        covariates: as `compare` takes them.
        where: as `compare` takes it.

    Returns:
        Name -> ids of the norm outliers, for the representations that have any; and the Comparison, None where there
        are no outliers or too few samples remain.
    """
    outliers = outlying_in_any(by_name(representations))
    ids = {id_ for each in outliers.values() for id_ in each}
    rest = [without(each, ids) for each in representations]
    left = len(set.intersection(*(set(each.ids) for each in rest)))
    dimension_k = min(int(comparison.attrs["dimension_k"]), max(2, left - 1))
    plain = dataclasses.replace(
        measure,
        permutations=0,
        jackknife_groups=0,
        groups=NO_GROUPS,
        permute=None,
        strata=NO_GROUPS,
        dimension_k=dimension_k,
    )
    try:
        plain.check(left)
    except ValueError:  # too few samples remain for this k
        return outliers, None
    again = bool(ids) and left >= MIN_SAMPLES
    return outliers, compare(rest, plain, covariates=covariates, where=where) if again else None


def engine_options(measure: CompareOptions) -> dict[str, Any]:
    """Return what to measure as keyword arguments of `hyle.engine.compare`."""
    options = {field.name: getattr(measure, field.name) for field in dataclasses.fields(measure)}
    options["metrics"] = measure.metric_names()
    options["permute"] = measure.permute or "within"
    return options


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    """Check the suffix of an output file before anything is computed.

    Raises:
        InputError: another suffix.
    """
    if path.suffix not in suffixes:
        allowed = " or ".join(suffixes) if len(suffixes) == 2 else f"one of {', '.join(suffixes)}"
        raise InputError(f"--output {path}: the suffix must be {allowed}")


def write_comparison(comparison: xr.Dataset, path: Path) -> Path:
    """Write a Comparison as netCDF (.nc), long table (.csv), plain data (.json) or report (.html).

    Args:
        comparison: as `compare` returns it.
        path: the file; missing folders are created.

    Raises:
        InputError: another suffix.
        OutputError: the file cannot be written.
    """
    check_suffix(path, COMPARISON_SUFFIXES)
    if path.suffix == ".nc":
        from hyle.engine import save_comparison

        with INTERRUPTS.unwinding():
            return save_comparison(comparison, path)
    if path.suffix == ".csv":
        return write_csv(comparison, path)
    if path.suffix == ".json":
        return write_atomically(path, json_text(as_data(comparison)).encode())
    from ..analyses import run_default_analyses
    from ..report import write_report

    return write_report(comparison, path, run_default_analyses(comparison))
