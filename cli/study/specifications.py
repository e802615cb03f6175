"""Each claim under other reasonable choices of metric, neighbours, centring, control and families.

A verdict is on one registered specification. A curve shows what the other ones would have given, so that a reader can
see whether the choice decides. It has no p-value of its own: the specifications share models and samples.
Source: Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import find_card, find_dataset

from ..comparison import CONTROL, modalities, model_names
from ..console import SILENT, SilentProgress
from . import statistics
from .findings import signed_errors
from .plan import DEFAULT, StudyResult, StudyResults
from .verdict import Estimate

if TYPE_CHECKING:
    import xarray as xr

LOCAL, GLOBAL = ("cknna", "mutual_knn"), ("cka", "cka_rbf", "distance_correlation")
KS = (10, 25, 50)
# What the models of a Comparison are known by, and their errors.
FACTS = ("family", "modality", "architecture", "trained_on", "parameters", "energy_mae")
Statistic = Callable[["xr.Dataset", str], Estimate]
# Claim and test -> its statistic of a Comparison and a metric.
CURVES: Mapping[tuple[str, str], Statistic] = {
    ("same_kind", "within"): statistics.same_kind,
    ("same_kind", "across"): statistics.across,
    ("better_is_closer", "closer"): statistics.better_is_closer,
    ("local_and_global", "order"): statistics.local_and_global,
    ("training_data", "data"): statistics.training_data,
    ("training_data", "before_architecture"): statistics.before_architecture,
    ("scale", "alignment"): statistics.scale_alignment,
}
_DEFAULTS = {"layer": DEFAULT, "pooling": DEFAULT}
BLIND_SPOTS = ("blind_spots", "errors")
# Claims about the model with the lowest error, which other models can stand for.
OF_BEST = ("better_is_closer", "scale")


@dataclass(frozen=True)
class Specification:
    """One choice, and the estimate under it.

    Args:
        claim: of the registered rules.
        test: of the claim.
        dataset: name of the set.
        metric: pair metric.
        k: number of neighbours; 0 for a metric without them.
        centred: whether rows were centred before neighbours were found.
        composition: whether composition was regressed out.
        layer: ``default`` for that of each model's card, or ``middle``.
        pooling: ``default`` for that of each model's card, ``sum`` or ``cumulants(2)``, mean and variance.
        without: the family that was left out; empty for none.
        reference: the models that others are compared with, for claims about the best model; empty for other claims.
        levels: ``all`` models with energies, or those at the ``level of the labels``; empty for other claims.
        registered: whether the verdict is on this specification.
        estimate: of the statistic.
    """

    claim: str
    test: str
    dataset: str
    metric: str
    k: int
    centred: bool
    composition: bool
    layer: str
    pooling: str
    without: str
    reference: str
    levels: str
    registered: bool
    estimate: Estimate


def specifications(
    panels: StudyResults, sets_of: Mapping[str, Sequence[str]], *, progress: SilentProgress = SILENT
) -> list[Specification]:
    """Estimate the statistics of the claims on every set under all choices, where they are defined.

    Args:
        panels: the compared sets.
        sets_of: claim -> the sets that its verdict is on.
        progress: shows a progress bar; default nothing.
    """
    found: list[Specification] = []
    with progress.bar("other specifications") as update:
        for at, (name, panel) in enumerate(panels.items()):
            signed = signed_errors(panel) if "energy_mae" in panel.comparison else {}
            choices = list(_choices(panel))
            for done, (comparison, metrics, facts) in enumerate(choices):
                for metric in metrics:
                    for (claim, test), statistic in _curves(signed).items():
                        registered = (
                            name in sets_of.get(claim, ())[:1] and metric == "cknna" and _as_registered(panel, facts)
                        )
                        found += _with_families(claim, test, name, comparison, metric, facts, registered, statistic)
                update((at + (done + 1) / len(choices)) / len(panels), name)
    return found


def _curves(signed: Mapping[str, np.ndarray]) -> dict[tuple[str, str], Statistic]:
    curves = dict(CURVES)
    if len(signed) >= 4:
        curves[BLIND_SPOTS] = lambda comparison, metric: statistics.shared_errors(comparison, metric, dict(signed))
    return curves


def _choices(panel: StudyResult) -> Iterator[tuple[xr.Dataset, Sequence[str], dict[str, Any]]]:
    """Yield Comparisons of the models that are not controls, with the metrics to use and the choices behind them."""
    from hyle.engine import compare

    names = model_names(panel.comparison)
    rows = dict(zip(names, panel.representations, strict=True))
    kinds = dict(zip(names, modalities(panel.comparison), strict=True))
    chosen = {name: rep for name, rep in rows.items() if kinds[name] != CONTROL}
    controls: list[tuple[bool, dict[str, Any]]] = [(False, {})]
    if "composition" in rows:
        controls.append((True, {"covariates": rows["composition"]}))
    n = int(panel.comparison.attrs["n"])
    for composition, options in controls:
        for k in [k for k in KS if k <= n // 4]:
            for centred in (False, True):
                first = k == KS[0] and not centred
                metrics = (*LOCAL, *(GLOBAL if first else ("distance_correlation",)))
                comparison = compare(chosen, metrics=list(metrics), k=k, centre=centred, **options)
                for fact in FACTS:
                    if fact in panel.comparison:
                        comparison[fact] = ("model", panel.comparison[fact].sel(model=list(chosen)).values)
                used = metrics if first else LOCAL
                yield comparison, used, {"k": k, "centred": centred, "composition": composition, **_DEFAULTS}
    registered = int(panel.comparison.attrs["k"])
    for (layer, pooling), representations in panel.variants.items():
        comparison = compare({each.name: each for each in representations}, metrics=[*LOCAL, *GLOBAL], k=registered)
        for fact in FACTS:
            if fact in panel.comparison:
                comparison[fact] = ("model", panel.comparison[fact].sel(model=comparison.model.values).values)
        same = {"k": registered, "centred": False, "composition": False}
        yield comparison, (*LOCAL, *GLOBAL), same | {"layer": layer, "pooling": pooling}


def _as_registered(panel: StudyResult, facts: Mapping[str, Any]) -> bool:
    k = int(panel.comparison.attrs["k"])
    return facts == {"k": k, "centred": False, "composition": False, **_DEFAULTS}


def _with_families(
    claim: str,
    test: str,
    dataset: str,
    comparison: xr.Dataset,
    metric: str,
    facts: Mapping[str, Any],
    registered: bool,
    statistic: Statistic,
) -> Iterator[Specification]:
    """Yield the specification with all families and without each of them; none where it is not defined."""
    if (claim, test) == ("local_and_global", "order") and metric in GLOBAL:
        return
    if "energy_mae" not in comparison and claim in ("better_is_closer", "scale", "blind_spots"):
        return
    k = 0 if metric in GLOBAL else int(facts["k"])
    whole = statistic(comparison, metric)
    if np.isnan(whole.value):
        return
    analysis = (bool(facts["centred"]), bool(facts["composition"]), str(facts["layer"]), str(facts["pooling"]))
    choice = (claim, test, dataset, metric, k, *analysis)
    of_best = ("the best", "all") if claim in OF_BEST else ("", "")
    yield Specification(*choice, "", *of_best, registered, whole)
    if claim == "better_is_closer":
        for reference, levels, one in _of_other_references(dataset, comparison, metric):
            yield Specification(*choice, "", reference, levels, False, one)
    owners = np.array(statistics.families(comparison))
    for family in sorted(set(owners)):
        kept = [name for name, owner in zip(model_names(comparison), owners, strict=True) if owner != family]
        one = statistic(comparison.sel(model=kept, other=kept), metric)
        if not np.isnan(one.value):
            yield Specification(*choice, family, *of_best, False, one)


def _of_other_references(dataset: str, comparison: xr.Dataset, metric: str) -> Iterator[tuple[str, str, Estimate]]:
    """Yield the convergence towards other models than the best, and among models at the level of the labels."""
    order = statistics.by_error(comparison)
    level = find_dataset(dataset).level
    at_level = [name for name in order if find_card(name).level == level]
    for levels, names in (("all", order), ("level of the labels", at_level)):
        if len(names) < 5:
            continue
        chosen = comparison.sel(model=names, other=names)
        second = {"the second best": {"reference": names[1]}, "the three best": {"top": 3}}
        choices: dict[str, Any] = second | ({} if levels == "all" else {"the best": {}})
        for reference, options in choices.items():
            one = statistics.better_is_closer(chosen, metric, **options)
            if not np.isnan(one.value):
                yield reference, levels, one
