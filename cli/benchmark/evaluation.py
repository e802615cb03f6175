"""Evaluation of one model against the reference panel on one set of samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyle.zoo import InputError, Member, Performance, ReferencePanel, Representation, to_numpy

from ..comparison import CONTROL
from .copies import composite_of, find_contained
from .panel_evaluation import COMPOSITION, COMPOSITION_NETWORK, TARGET, PanelEvaluation, axis_of

METRICS = ("cknna", "cka", "mutual_knn", "information_imbalance")
DIMENSIONS = {"intrinsic_dimension": "MLE", "intrinsic_dimension_twonn": "TwoNN"}
# The smallest number of common samples on which a model is compared.
MIN_SAMPLES = 20
# Units of the control that reads composition alone.
UNITS = 256
# Rows of which composition explains all but this share of the variance contain nothing else, up to rounding.
NOTHING = 1e-8


class TooFewSamplesError(InputError):
    """A model shares too few samples with the panel."""


def evaluate_on_panel(
    representation: Representation,
    panel: ReferencePanel,
    scores: Mapping[str, Performance],
    *,
    family: str = "",
    level: str = "",
    origin_is_known: bool = False,
    metric: str = METRICS[0],
    metrics: Sequence[str] = METRICS,
    composition: Representation | None = None,
    groups: Mapping[str, str] | None = None,
    permutations: int = 200,
    jackknife_groups: int = 20,
    progress: Callable[[str, float], None] | None = None,
) -> PanelEvaluation:
    """Compare one model with the reference panel on one set.

    Args:
        representation: of the model; rows are joined by id.
        panel: reference panel of the set.
        scores: performance of the model on the set, by kind.
        family: family of the model; its other models are excluded from means and from the ranking of relatives. Empty
            where it is unknown.
        level: level of theory of the model's energies, of `hyle.zoo.LEVELS`.
        origin_is_known: whether the model is known to be made of no member: only a member that is the same model is
            then taken out, and none for being predicted better than models of other families usually do.
        metric: primary metric, which the diagnosis is based on.
        metrics: further metrics to measure.
        composition: of the samples, which is regressed out of all models; None regresses nothing out.
        groups: sample id -> what the sample is a state of, where several are states of one thing.
        permutations: number of permutations for p-values and calibrated scores.
        jackknife_groups: number of groups of the delete-a-group jackknife.
        progress: see `hyle.engine.compare`.

    Raises:
        TooFewSamplesError: fewer than 20 samples are common to all.
        ValueError: the panel has no model of another family.
    """
    from hyle import engine

    # A control stays: its own score is the floor, also where it is the target.
    members = {
        one.name: one
        for one in panel.members
        if one.modality == CONTROL or not same_checkpoint(one.representation, representation)
    }
    ids = _common_ids(representation, panel, members)
    embeddings = {name: _rows(one.representation, ids) for name, one in members.items()}
    target = _rows(representation, ids)
    found = find_contained(target, list(members.values()), embeddings)
    composite = [] if origin_is_known else composite_of(found, family)
    contained = [one for one in found if (one.same if origin_is_known else one.contained) and one.family != family]
    for one in found:
        if one.same:
            del members[one.model]
    excluded = {family, *(one.family for one in contained)} - {""}
    models = {name: one for name, one in members.items() if one.modality != CONTROL}
    others = [name for name, one in models.items() if one.family not in excluded]
    if not others and not contained:
        raise InputError(f"the panel of {panel.name} has no model of another family than {family}")
    rows = {name: embeddings[name] for name in members} | {TARGET: target}
    reps = {name: _Rows(values, ids) for name, values in rows.items()}
    covariates, nothing = None, False
    n = len(ids)
    if composition is not None:
        columns = _rows(composition, ids)
        covariates = _Rows(columns, ids)
        n, nothing = _left(columns, target)
        if n < MIN_SAMPLES:
            raise TooFewSamplesError(
                f"{representation.name} shares {len(ids)} samples of {panel.name} with the panel, of which {n} are "
                f"left without composition, and at least {MIN_SAMPLES} are needed; load {len(panel.ids)} with "
                f"hyle.zoo.load_dataset({panel.name!r}, n={len(panel.ids)})"
            )
    pairs = {name: one for name, one in reps.items() if covariates is None or name != COMPOSITION}
    if covariates is not None:
        pairs[COMPOSITION_NETWORK] = _Rows(_network(covariates.embedding), ids)
    if nothing:
        del pairs[TARGET]
    k, pair_metrics = min(25, n // 4), list(dict.fromkeys([metric, *metrics]))
    of_states: dict[str, Any] = {"groups": {name: groups[name] for name in ids}, "permute": "whole"} if groups else {}
    states = len({groups[name] for name in ids}) if groups else n
    options: dict[str, Any] = {"k": k, "jackknife_groups": min(jackknife_groups, states // 2), **of_states}
    with warnings.catch_warnings():
        # It is about q of single pairs, and means over the panel have a p of their own.
        warnings.simplefilter("ignore", engine.ResolutionWarning)
        comparison = engine.compare(
            pairs,
            metrics=pair_metrics,
            covariates=covariates,
            permutations=permutations,
            keep_resamples=True,
            progress=progress,
            **options,
        )
    families = [members[name].family if name in members else "" for name in map(str, comparison["model"].values)]
    comparison["family"] = ("model", families)
    dimensions = engine.compare(reps, metrics=list(DIMENSIONS), **(options | {"permute": "within"}))
    return PanelEvaluation(
        panel=panel,
        n=int(comparison.attrs["n"]),
        k=k,
        metric=metric,
        metrics=pair_metrics,
        comparison=comparison,
        dimensions=dimensions,
        members=members,
        other_families=[] if composite else others,
        same_family=[name for name, one in models.items() if family and one.family == family],
        score=scores.get(axis_of(panel)),
        best=_best([members[name] for name in others], axis_of(panel)),
        contained=contained,
        composite=composite,
        energy=scores.get("energy"),
        level=level,
        nothing=nothing,
    )


@dataclass(frozen=True)
class _Rows:
    """Rows with their ids, as `hyle.engine.compare` takes them."""

    embedding: np.ndarray
    ids: Sequence[str]


def _common_ids(representation: Representation, panel: ReferencePanel, members: Mapping[str, Member]) -> list[str]:
    common = set(representation.ids).intersection(*(one.representation.ids for one in members.values()))
    if len(common) < MIN_SAMPLES:
        raise TooFewSamplesError(
            f"{representation.name} shares {len(common)} samples of {panel.name} with the panel, and at least "
            f"{MIN_SAMPLES} of {len(panel.ids)} are needed; load them with "
            f"hyle.zoo.load_dataset({panel.name!r}, n={len(panel.ids)})"
        )
    return [name for name in panel.ids if name in common]


def _rows(representation: Representation, ids: Sequence[str]) -> np.ndarray:
    position = {name: row for row, name in enumerate(representation.ids)}
    return np.asarray(to_numpy(representation.embedding), np.float32)[[position[name] for name in ids]]


def _left(composition: np.ndarray, target: np.ndarray) -> tuple[int, bool]:
    """Return how many samples composition leaves, and whether nothing of the target is left beyond it."""
    from hyle.engine import blus_residuals

    rows, residuals = blus_residuals(target, composition)
    centred = np.asarray(target, np.float64) - target.mean(0, dtype=np.float64)
    left = float((np.asarray(residuals, np.float64) ** 2).sum())
    return len(rows), left <= NOTHING * float((centred**2).sum())


def _network(composition: np.ndarray) -> np.ndarray:
    """Return the rows of a network of one layer with random weights that reads composition [n, c] alone."""
    spread = composition.std(0)
    columns = (composition - composition.mean(0))[:, spread > 0] / spread[spread > 0]
    weights = np.random.default_rng(0).normal(size=(columns.shape[1], UNITS)) / max(1, columns.shape[1]) ** 0.5
    return np.maximum(columns @ weights, 0).astype(np.float32)


def same_checkpoint(member: Representation, target: Representation) -> bool:
    """Return whether a member of the panel is the target, also under another name."""
    keys = ("model", "weights")
    return any(target.recipe.get(key) == member.recipe.get(key) not in (None, "", "none") for key in keys)


def _best(members: Sequence[Member], kind: str) -> str:
    scored = [(one.scores[kind].value, one.name) for one in members if kind in one.scores]
    if not scored:
        return ""
    return max(scored)[1] if kind == "probe" else min(scored)[1]
