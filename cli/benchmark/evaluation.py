"""One model against the reference panel on one set of samples."""

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
# Common samples, at least, on which a model is compared.
MIN_SAMPLES = 20
# The share of the samples that the panel's errors rest on, at least, for an error to be ranked with them.
COMPARABLE = 0.9
# Sorts after every name, so that it is this model whose samples change places under permutation.
TARGET = "~"


class TooFewSamplesError(InputError):
    """A model shares too few samples with the panel."""


@dataclass(frozen=True)
class PanelEvaluation:
    """What one set says of one model.

    Args:
        panel: what it was compared with.
        n: samples that all have.
        k: neighbours.
        metric: the one that the diagnosis goes by.
        metrics: all that were measured, this one first.
        comparison: of the panel and the model, which is called `TARGET` there.
        members: those of the panel that are not the model itself, by name, controls among them.
        other_families: models of other families.
        same_family: models of its own family.
        score: how well it does, None where nothing tells.
        best: the one of the others that does best, empty where nothing tells.
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
        """Say how aligned a model is with each of the others, by default this one with all of other families."""
        from hyle.engine.analysis import align_to

        return align_to(
            self.comparison,
            model,
            metric or self.metric,
            others=self.other_families if other_families is None else other_families,
        )

    def peers(self) -> dict[str, tuple[Performance | None, Estimate]]:
        """Give performance and alignment of every model of the panel, by the same rule as this one's."""
        models = {name: one for name, one in self.members.items() if one.modality != CONTROL}
        found = {}
        for name, one in models.items():
            other_families = [other for other, two in models.items() if two.family != one.family]
            if other_families:
                kind = self.score.kind if self.score else ""
                found[name] = (one.scores.get(kind), self.align_to(model=name, other_families=other_families).mean)
        return found

    def rank(self) -> tuple[int, int] | None:
        """Give the rank of its performance, 1 for the best, and of how many; None where it cannot be ranked."""
        if self.score is None or self.unranked_reason():
            return None
        sign = 1 if self.score.higher_is_better else -1
        known = [peer.value for peer, _ in self.peers().values() if peer is not None]
        return 1 + sum(sign * value > sign * self.score.value for value in known), 1 + len(known)

    def unranked_reason(self) -> str:
        """Say why its performance is not set against the panel's; empty where it is."""
        if self.score is None:
            return f"nothing tells how well it does on {self.panel.name}: it gives no energies, and there is no label"
        # Energies of rare elements count in no error, the panel's neither.
        peers = [one.scores[self.score.kind] for one in self.members.values() if self.score.kind in one.scores]
        most = max((peer.n for peer in peers), default=len(self.panel.ids))
        if self.score.n < COMPARABLE * most:
            known = f"its performance is known on {self.score.n} samples of {self.panel.name}, the panel's on {most}"
            return f"{known}: too few to be set against it"
        return ""

    def quadrant(self) -> Quadrant | str:
        """Diagnose the model, or say why that cannot be."""
        from hyle.engine.analysis import quadrant

        if why := self.unranked_reason():
            return why
        assert self.score is not None
        known = [(peer, near) for peer, near in self.peers().values() if peer is not None]
        mean = self.align_to().mean
        try:
            return quadrant(
                (self.score.value, mean.value),
                np.array([(peer.value, near.value) for peer, near in known]).reshape(-1, 2),
                own_se=(self.score.se, mean.se),
                panel_se=np.array([(peer.se, near.se) for peer, near in known]).reshape(-1, 2),
                higher_is_better=self.score.higher_is_better,
            )
        except ValueError as error:
            return str(error)

    def dimension(self, name: str, model: str = TARGET) -> Estimate:
        """Give an intrinsic dimension with its interval."""
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
        panel: of the set.
        scores: of the model on the set, by kind; energies are preferred.
        family: of the model, whose others are kept out of means and ranks of relatives; empty where it is not known.
        metric: the one that the diagnosis goes by.
        metrics: others that are measured.
        permutations: behind p-values and calibrated scores.
        jackknife_groups: parts that are left out in turn.
        progress: see `hyle.engine.compare`.

    Raises:
        TooFewSamplesError: fewer than 20 are common to all.
        ValueError: the panel has no model of another family.
    """
    from hyle import engine

    members = {one.name: one for one in panel.members if not same_checkpoint(one.representation, representation)}
    reps = {name: one.representation for name, one in members.items()} | {TARGET: representation}
    n = len(set(representation.ids).intersection(*(one.ids for one in reps.values())))
    if n < MIN_SAMPLES:
        raise TooFewSamplesError(
            f"{representation.name} shares {n} samples of {panel.name} with the panel, and at least {MIN_SAMPLES} of "
            f"{len(panel.ids)} are needed; get all of them: hyle.zoo.load_dataset({panel.name!r}, n={len(panel.ids)})"
        )
    other_families = [name for name, one in members.items() if one.modality != CONTROL and one.family != family]
    if not other_families:
        raise InputError(f"the panel of {panel.name} has no model of another family than {family}")
    k, wanted = min(25, n // 4), list(dict.fromkeys([metric, *metrics]))
    comparison = engine.compare(
        reps,
        metrics=[*wanted, *DIMENSIONS],
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
        wanted,
        comparison,
        members,
        other_families,
        [name for name, one in members.items() if one.modality != CONTROL and family and one.family == family],
        scores.get("energy") or scores.get("probe"),
        _best([members[name] for name in other_families]),
    )


def same_checkpoint(member: Representation, own: Representation) -> bool:
    """Whether a model of the panel is the one to be measured, under whatever name."""
    return any(own.recipe.get(key) == member.recipe.get(key) not in (None, "", "none") for key in ("model", "weights"))


def _best(members: Sequence[Member]) -> str:
    for kind, sign in (("energy", 1), ("probe", -1)):
        known = [(sign * one.scores[kind].value, one.name) for one in members if kind in one.scores]
        if known:
            return min(known)[1]
    return ""


def as_data(standing: PanelEvaluation) -> dict[str, Any]:
    """Give what one set says as plain data."""
    score, rank, best = standing.score, standing.rank(), standing.best
    own = {metric: standing.align_to(metric) for metric in standing.metrics}
    peers = standing.peers()
    controls = [name for name, one in standing.members.items() if one.modality == CONTROL]
    known = [peer.value for peer, _ in peers.values() if peer is not None]
    return {
        "dataset": standing.panel.name,
        "version": standing.panel.version,
        "n": standing.n,
        "k": standing.k,
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
            "panel_median": float(np.median(known)) if known else None,
        },
        "unranked_reason": standing.unranked_reason(),
        "best": best,
        "alignment": {
            metric: {
                "panel": placed.mean._asdict() | {"p": placed.mean_p},
                "best": placed.to(best)._asdict() | _raw(placed, best) if best in placed.others else None,
            }
            for metric, placed in own.items()
        },
        "panel_median_alignment": float(np.median([near.value for _, near in peers.values()])) if peers else None,
        "dimension": {
            label: standing.dimension(name)._asdict()
            | {"panel_median": float(np.median([standing.dimension(name, one).value for one in peers]))}
            for name, label in DIMENSIONS.items()
        },
        "relatives": _listed(own[standing.metric], 5),
        "own_family": _listed(standing.align_to(other_families=standing.same_family), None)
        if standing.same_family
        else [],
        "controls": _listed(standing.align_to(other_families=controls), None) if controls else [],
        "panel": {
            "sha256": standing.panel.sha256,
            "hyle_version": standing.panel.hyle_version,
            "models": {
                name: {
                    "family": standing.members[name].family,
                    "modality": standing.members[name].modality,
                    "performance": peer and peer.value,
                    "performance_se": peer and peer.se,
                    "alignment": near._asdict(),
                }
                for name, (peer, near) in peers.items()
            },
        },
    }


def _raw(placed: AlignmentProfile, name: str) -> dict[str, float]:
    at = placed.others.index(name)
    return {"score": float(placed.score[at]), "p": float(placed.p[at])}


def _listed(placed: AlignmentProfile, count: int | None) -> list[dict[str, Any]]:
    return [{"model": name} | placed.to(name)._asdict() | _raw(placed, name) for name in list(placed.others)[:count]]
