"""A model evaluated against the reference panel on one set: its alignment, its rank and its quadrant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hyle.zoo import Member, Performance, ReferencePanel

from ..comparison import CONTROL
from .copies import Containment

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import AlignmentProfile, Estimate, Quadrant

# The smallest share of the samples behind the panel's performances on which one must be computed to be ranked.
COMPARABLE = 0.9
# This name sorts after all others, so that it is the samples of this model that are permuted.
TARGET = "~"
COMPOSITION = "composition"
# A control: an untrained network that reads composition alone.
COMPOSITION_NETWORK = "composition network, untrained"


class Control(NamedTuple):
    """The control with the highest alignment or performance."""

    name: str
    value: float


@dataclass(frozen=True)
class PanelEvaluation:
    """Evaluation of one model, the target, against the panel on one set.

    Args:
        panel: reference panel of the set.
        n: number of samples common to the target and all members, less those that regressing composition out takes.
        k: number of neighbours.
        metric: primary metric, which the diagnosis is based on.
        metrics: all measured metrics, the primary one first.
        comparison: Comparison of panel and target, whose name there is `TARGET`, beyond composition.
        dimensions: Comparison of the same rows as they are, with the intrinsic dimensions.
        members: members of the panel except the target itself and its copies, by name, with controls.
        other_families: models of families that are neither the target's nor contained in its rows.
        same_family: other models of the target's family.
        score: performance of the target of the panel's kind, None where it is unknown.
        best: model of another family with the best performance, empty where none is known.
        contained: members that the target's rows contain, see `hyle.cli.benchmark.copies`.
        composite: families of the members that the target's rows are made of; empty if they are not.
        energy: error of the target's own energies, None without energies of the level of theory of the labels.
        level: level of theory of the target's energies, empty where it is unknown.
        nothing: whether nothing of the target's rows is left beyond composition.
    """

    panel: ReferencePanel
    n: int
    k: int
    metric: str
    metrics: Sequence[str]
    comparison: xr.Dataset
    dimensions: xr.Dataset
    members: Mapping[str, Member]
    other_families: Sequence[str]
    same_family: Sequence[str]
    score: Performance | None
    best: str
    contained: Sequence[Containment] = ()
    composite: Sequence[str] = ()
    energy: Performance | None = None
    level: str = ""
    nothing: bool = False

    @property
    def models(self) -> Mapping[str, Member]:
        """The members that are no controls."""
        return {name: one for name, one in self.members.items() if one.modality != CONTROL}

    @property
    def controls(self) -> list[str]:
        """The controls that have scores. Composition has been regressed out, so that its alignment is 0."""
        names = {str(name) for name in self.comparison["model"].values} - {TARGET, *self.models}
        scores = self.comparison[self.metric]
        return sorted(name for name in names if np.isfinite(scores.sel(model=name, other=list(self.models))).any())

    def align_to(
        self, metric: str = "", *, model: str = TARGET, other_families: Sequence[str] | None = None
    ) -> AlignmentProfile:
        """Compute the alignment of a model with each of the others, by default of the target with other families.

        Alignment is beyond composition and calibrated: 0 is chance, and composition by construction. It is not defined
        (NaN) without other families.
        """
        from hyle.engine.analysis import AlignmentProfile, Estimate, align_to

        metric = metric or self.metric
        others = self.other_families if other_families is None else other_families
        if model == TARGET and (self.nothing or not others):
            mean = Estimate(0.0, 0.0, 0.0, 0.0) if others else Estimate(float("nan"))
            return AlignmentProfile(metric, (), np.zeros(0), np.zeros(0), (), mean, 1.0 if others else float("nan"))
        return align_to(self.comparison, model, metric, others=others)

    def best_control(self, metric: str = "", *, other_families: Sequence[str] | None = None) -> Control:
        """Return the control that is most aligned with the models of other families, composition if there is none."""
        others = self.other_families if other_families is None else other_families
        found = [Control(COMPOSITION, 0.0)]
        if others:
            found += [
                Control(name, self.align_to(metric, model=name, other_families=others).mean.value)
                for name in self.controls
            ]
        return max(found, key=lambda control: control.value)

    def best_performing_control(self) -> Control | None:
        """Return the control with the best performance of the panel's kind, or None."""
        kind = axis_of(self.panel)
        scored = [
            (one.scores[kind].value, name)
            for name, one in self.members.items()
            if one.modality == CONTROL and kind in one.scores
        ]
        if not scored:
            return None
        value, name = max(scored) if kind == "probe" else min(scored)
        return Control(name, value)

    def peers(self) -> dict[str, tuple[Performance | None, Estimate]]:
        """Return the performance of each model of the panel, and its alignment to the models of other families."""
        kind, models, peers = axis_of(self.panel), self.models, {}
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
        if self.composite:
            return (
                f"its rows predict members of {len(self.composite)} families of the panel "
                f"({', '.join(self.composite)}) better than any independent model does, so that they may be made of "
                "their rows"
            )
        if self.score is None:
            return (
                f"its performance on {self.panel.name} is unknown: there is no label of which enough samples are known"
            )
        kind = self.score.kind
        # Samples of rare elements are excluded from all energy errors, also from those of the panel.
        peers = [one.scores[kind] for one in self.members.values() if kind in one.scores]
        most = max((peer.n for peer in peers), default=len(self.panel.ids))
        if self.score.n < COMPARABLE * most:
            counts = f"its performance is known on {self.score.n} samples of {self.panel.name}, the panel's on {most}"
            return f"{counts}: too few for a comparison"
        return ""

    def quadrant(self) -> Quadrant | str:
        """Return the quadrant of the target, or the reason why there is none.

        A model is better, or more aligned, if it is above the median of the panel and above the best control: members
        below that control are counted as if they were as good as it.
        """
        from hyle.engine.analysis import quadrant

        if reason := self.unranked_reason():
            return reason
        assert self.score is not None
        if not self.other_families:
            return "its rows contain models of all families of the panel"
        ranked = self.ranked()
        try:
            return quadrant(
                (self.score.value, self.align_to().mean.value),
                np.array([one.values for one in ranked]).reshape(-1, 2),
                own_se=(self.score.se, self.align_to().mean.se),
                panel_se=np.array([one.errors for one in ranked]).reshape(-1, 2),
                families=[one.family for one in ranked],
                higher_is_better=self.score.higher_is_better,
            )
        except ValueError as error:
            return str(error)

    def ranked(self) -> list[Ranked]:
        """Return the models of the panel that have both numbers, raised to the best control where they are below it."""
        control, floor = self.best_performing_control(), self.best_control().value
        ranked = []
        for name, (peer, alignment) in self.peers().items():
            if peer is not None:
                least = peer.value if control is None else control.value
                better = max if peer.higher_is_better else min
                values = better(peer.value, least), max(alignment.value, floor)
                ranked.append(Ranked(self.members[name].family, values, (peer.se, alignment.se)))
        return ranked

    def dimension(self, name: str, model: str = TARGET) -> Estimate:
        """Return an intrinsic dimension with its interval."""
        from hyle.engine.analysis import Estimate

        row = self.dimensions.sel(model=model)
        return Estimate(*(float(row[f"{name}{suffix}"]) for suffix in ("", "_se", "_low", "_high")))


class Ranked(NamedTuple):
    """A model of the panel in the ranking: its family, performance and alignment, and their standard errors."""

    family: str
    values: tuple[float, float]
    errors: tuple[float, float]


def axis_of(panel: ReferencePanel) -> str:
    """Return the one kind of performance by which models are ranked: the one that most models of the panel have.

    It depends on the panel alone, so that a model and a file of its embeddings have the same axis.
    """
    kinds = [kind for one in panel.members if one.modality != CONTROL for kind in one.scores]
    return max(("probe", "energy"), key=kinds.count)
