"""Evaluation of one model against the reference panel on one set of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import InputError, Member, Performance, ReferencePanel, Representation

from ..comparison import CONTROL

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import AlignmentProfile, Estimate, Quadrant

METRICS = ("cknna", "cka", "mutual_knn", "information_imbalance")
DIMENSIONS = {"intrinsic_dimension": "MLE", "intrinsic_dimension_twonn": "TwoNN"}
# The smallest number of common samples on which a model is compared.
MIN_SAMPLES = 20
# The smallest share of the samples behind the panel's errors on which an error must be computed to be ranked with them.
COMPARABLE = 0.9
# This name sorts after all others, so that it is the samples of this model that are permuted.
TARGET = "~"


class TooFewSamplesError(InputError):
    """A model shares too few samples with the panel."""


@dataclass(frozen=True)
class PanelEvaluation:
    """Evaluation of one model, the target, against the panel on one set.

    Args:
        panel: reference panel of the set.
        n: number of samples common to the target and all members.
        k: number of neighbours.
        metric: primary metric, which the diagnosis is based on.
        metrics: all measured metrics, the primary one first.
        comparison: Comparison of the panel and the target, whose name there is `TARGET`.
        members: members of the panel except the target itself, by name, with controls.
        other_families: models of other families than the target's.
        same_family: other models of the target's family.
        score: performance of the target, None where it is unknown.
        best: model of another family with the best performance, empty where none is known.
    """

    panel: ReferencePanel
    n: int
    k: int
    metric: str
    metrics: Sequence[str]
    comparison: xr.Dataset
    members: Mapping[str, Member]
    other_families: Sequence[str]
    same_family: Sequence[str]
    score: Performance | None
    best: str

    def align_to(
        self, metric: str = "", *, model: str = TARGET, other_families: Sequence[str] | None = None
    ) -> AlignmentProfile:
        """Compute the alignment of a model with each of the others, by default of the target with other families."""
        from hyle.engine.analysis import align_to

        return align_to(
            self.comparison,
            model,
            metric or self.metric,
            others=self.other_families if other_families is None else other_families,
        )

    def peers(self) -> dict[str, tuple[Performance | None, Estimate]]:
        """Return the performance of each model of the panel, and its alignment to the models of other families."""
        models = {name: one for name, one in self.members.items() if one.modality != CONTROL}
        kind = self.score.kind if self.score else ""
        peers = {}
        for name, member in models.items():
            other_families = [other for other, one in models.items() if one.family != member.family]
            if other_families:
                peers[name] = (member.scores.get(kind), self.align_to(model=name, other_families=other_families).mean)
        return peers

    def rank(self) -> tuple[int, int] | None:
        """Return the rank of the target's performance, 1 for the best, and the number of ranked models; else None."""
        if self.score is None or self.unranked_reason():
            return None
        sign = 1 if self.score.higher_is_better else -1
        values = [peer.value for peer, _ in self.peers().values() if peer is not None]
        return 1 + sum(sign * value > sign * self.score.value for value in values), 1 + len(values)

    def unranked_reason(self) -> str:
        """Return why the target's performance is not compared with the panel's; empty where it is."""
        if self.score is None:
            return f"its performance on {self.panel.name} is unknown: it gives no energies, and there is no label"
        # Samples of rare elements are excluded from all energy errors, also from those of the panel.
        peers = [one.scores[self.score.kind] for one in self.members.values() if self.score.kind in one.scores]
        most = max((peer.n for peer in peers), default=len(self.panel.ids))
        if self.score.n < COMPARABLE * most:
            counts = f"its performance is known on {self.score.n} samples of {self.panel.name}, the panel's on {most}"
            return f"{counts}: too few for a comparison"
        return ""

    def quadrant(self) -> Quadrant | str:
        """Return the quadrant of the target, or the reason why there is none."""
        from hyle.engine.analysis import quadrant

        if reason := self.unranked_reason():
            return reason
        assert self.score is not None
        panel = [(peer, alignment) for peer, alignment in self.peers().values() if peer is not None]
        mean = self.align_to().mean
        try:
            return quadrant(
                (self.score.value, mean.value),
                np.array([(peer.value, alignment.value) for peer, alignment in panel]).reshape(-1, 2),
                own_se=(self.score.se, mean.se),
                panel_se=np.array([(peer.se, alignment.se) for peer, alignment in panel]).reshape(-1, 2),
                higher_is_better=self.score.higher_is_better,
            )
        except ValueError as error:
            return str(error)

    def dimension(self, name: str, model: str = TARGET) -> Estimate:
        """Return an intrinsic dimension with its interval."""
        from hyle.engine.analysis import Estimate

        row = self.comparison.sel(model=model)
        return Estimate(*(float(row[f"{name}{suffix}"]) for suffix in ("", "_se", "_low", "_high")))


def evaluate_on_panel(
    representation: Representation,
    panel: ReferencePanel,
    scores: Mapping[str, Performance],
    *,
    family: str = "",
    metric: str = METRICS[0],
    metrics: Sequence[str] = METRICS,
    permutations: int = 200,
    jackknife_groups: int = 20,
    progress: Callable[[str, float], None] | None = None,
) -> PanelEvaluation:
    """Compare one model with the reference panel on one set.

    Args:
        representation: of the model; rows are joined by id.
        panel: reference panel of the set.
        scores: performance of the model on the set, by kind; energies are preferred.
        family: family of the model; its other models are excluded from means and from the ranking of relatives. Empty
            where it is unknown.
        metric: primary metric, which the diagnosis is based on.
        metrics: further metrics to measure.
        permutations: number of permutations for p-values and calibrated scores.
        jackknife_groups: number of groups of the delete-a-group jackknife.
        progress: see `hyle.engine.compare`.

    Raises:
        TooFewSamplesError: fewer than 20 samples are common to all.
        ValueError: the panel has no model of another family.
    """
    from hyle import engine

    members = {one.name: one for one in panel.members if not same_checkpoint(one.representation, representation)}
    reps = {name: one.representation for name, one in members.items()} | {TARGET: representation}
    n = len(set(representation.ids).intersection(*(one.ids for one in reps.values())))
    if n < MIN_SAMPLES:
        raise TooFewSamplesError(
            f"{representation.name} shares {n} samples of {panel.name} with the panel, and at least {MIN_SAMPLES} of "
            f"{len(panel.ids)} are needed; load them with hyle.zoo.load_dataset({panel.name!r}, n={len(panel.ids)})"
        )
    other_families = [name for name, one in members.items() if one.modality != CONTROL and one.family != family]
    if not other_families:
        raise InputError(f"the panel of {panel.name} has no model of another family than {family}")
    k, pair_metrics = min(25, n // 4), list(dict.fromkeys([metric, *metrics]))
    comparison = engine.compare(
        reps,
        metrics=[*pair_metrics, *DIMENSIONS],
        k=k,
        permutations=permutations,
        jackknife_groups=min(jackknife_groups, n // 2),
        keep_resamples=True,
        progress=progress,
    )
    comparison["family"] = ("model", [members[name].family if name in members else family for name in reps])
    return PanelEvaluation(
        panel,
        n,
        k,
        metric,
        pair_metrics,
        comparison,
        members,
        other_families,
        [name for name, one in members.items() if one.modality != CONTROL and family and one.family == family],
        scores.get("energy") or scores.get("probe"),
        _best([members[name] for name in other_families]),
    )


def same_checkpoint(member: Representation, target: Representation) -> bool:
    """Return whether a member of the panel is the target, also under another name."""
    keys = ("model", "weights")
    return any(target.recipe.get(key) == member.recipe.get(key) not in (None, "", "none") for key in keys)


def _best(members: Sequence[Member]) -> str:
    for kind, sign in (("energy", 1), ("probe", -1)):
        scored = [(sign * one.scores[kind].value, one.name) for one in members if kind in one.scores]
        if scored:
            return min(scored)[1]
    return ""


def as_data(evaluation: PanelEvaluation) -> dict[str, Any]:
    """Return an evaluation as plain data."""
    score, rank, best = evaluation.score, evaluation.rank(), evaluation.best
    aligned = {metric: evaluation.align_to(metric) for metric in evaluation.metrics}
    peers = evaluation.peers()
    controls = [name for name, one in evaluation.members.items() if one.modality == CONTROL]
    performances = [peer.value for peer, _ in peers.values() if peer is not None]
    return {
        "dataset": evaluation.panel.name,
        "version": evaluation.panel.version,
        "n": evaluation.n,
        "k": evaluation.k,
        "performance": score
        and {
            "kind": score.kind,
            "label": score.label,
            "units": score.units,
            "value": score.value,
            "se": score.se,
            "n": score.n,
            "rank": rank and rank[0],
            "of": rank and rank[1],
            "panel_median": float(np.median(performances)) if performances else None,
        },
        "unranked_reason": evaluation.unranked_reason(),
        "best": best,
        "alignment": {
            metric: {
                "panel": profile.mean._asdict() | {"p": profile.mean_p},
                "best": profile.to(best)._asdict() | _raw(profile, best) if best in profile.others else None,
            }
            for metric, profile in aligned.items()
        },
        "panel_median_alignment": float(np.median([alignment.value for _, alignment in peers.values()]))
        if peers
        else None,
        "dimension": {
            label: evaluation.dimension(name)._asdict()
            | {"panel_median": float(np.median([evaluation.dimension(name, one).value for one in peers]))}
            for name, label in DIMENSIONS.items()
        },
        "relatives": _listed(aligned[evaluation.metric], 5),
        "own_family": _listed(evaluation.align_to(other_families=evaluation.same_family), None)
        if evaluation.same_family
        else [],
        "controls": _listed(evaluation.align_to(other_families=controls), None) if controls else [],
        "panel": {
            "sha256": evaluation.panel.sha256,
            "hyle_version": evaluation.panel.hyle_version,
            "models": {
                name: {
                    "family": evaluation.members[name].family,
                    "modality": evaluation.members[name].modality,
                    "performance": peer and peer.value,
                    "performance_se": peer and peer.se,
                    "alignment": alignment._asdict(),
                }
                for name, (peer, alignment) in peers.items()
            },
        },
    }


def _raw(profile: AlignmentProfile, name: str) -> dict[str, float]:
    at = profile.others.index(name)
    return {"score": float(profile.score[at]), "p": float(profile.p[at])}


def _listed(profile: AlignmentProfile, count: int | None) -> list[dict[str, Any]]:
    return [{"model": name} | profile.to(name)._asdict() | _raw(profile, name) for name in list(profile.others)[:count]]
