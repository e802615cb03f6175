"""Evaluation of a model on one set as plain data, for the card."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .evaluation import DIMENSIONS
from .panel_evaluation import PanelEvaluation

if TYPE_CHECKING:
    from hyle.engine.analysis import AlignmentProfile, Estimate


def as_data(evaluation: PanelEvaluation) -> dict[str, Any]:
    """Return an evaluation as plain data, as `hyle.cli.benchmark.benchmark` describes."""
    best, peers = evaluation.best, evaluation.peers()
    aligned = {metric: evaluation.align_to(metric) for metric in evaluation.metrics}
    # A control that ships with the panel may be missing from the comparison, as composition is.
    controls = evaluation.controls
    return {
        "dataset": evaluation.panel.name,
        "version": evaluation.panel.version,
        "n": evaluation.n,
        "k": evaluation.k,
        "performance": _performance(evaluation),
        "energy": _energy(evaluation),
        "unranked_reason": evaluation.unranked_reason(),
        "best": best,
        "alignment": {
            metric: {
                "panel": _mean(evaluation, metric, profile),
                "best": profile.to(best)._asdict() | _raw(profile, best) if best in profile.others else None,
            }
            for metric, profile in aligned.items()
        },
        "panel_median_alignment": _median([alignment.value for _, alignment in peers.values()]),
        "dimension": {
            label: evaluation.dimension(name)._asdict()
            | {"panel_median": _median([evaluation.dimension(name, one).value for one in peers])}
            for name, label in DIMENSIONS.items()
        },
        "relatives": _listed(aligned[evaluation.metric], 5),
        "own_family": _listed(evaluation.align_to(other_families=evaluation.same_family), None)
        if evaluation.same_family
        else [],
        "controls": _listed(evaluation.align_to(other_families=controls), None) if controls else [],
        "copies": [
            {"model": one.model, "family": one.family, "share": one.share, "bar": one.bar, "same": one.same}
            for one in evaluation.contained
        ],
        "made_of": list(evaluation.composite),
        "panel": _panel(evaluation),
    }


def _performance(evaluation: PanelEvaluation) -> dict[str, Any] | None:
    score, rank = evaluation.score, evaluation.rank()
    if score is None:
        return None
    control = evaluation.best_performing_control()
    return {
        "kind": score.kind,
        "label": score.label,
        "units": score.units,
        "value": score.value,
        "se": score.se,
        "n": score.n,
        "rank": rank and rank[0],
        "of": rank and rank[1],
        "panel_median": _median([peer.value for peer, _ in evaluation.peers().values() if peer is not None]),
        "control": control and control.name,
        "control_value": control and control.value,
    }


def _energy(evaluation: PanelEvaluation) -> dict[str, Any] | None:
    energy = evaluation.energy
    if energy is None:
        return None
    values = [one.scores["energy"].value for one in evaluation.models.values() if "energy" in one.scores]
    return {
        "value": energy.value,
        "se": energy.se,
        "units": energy.units,
        "n": energy.n,
        "level": evaluation.level,
        "panel_median": _median(values),
        "models": len(values),
    }


def _mean(evaluation: PanelEvaluation, metric: str, profile: AlignmentProfile) -> dict[str, Any]:
    control = evaluation.best_control(metric)
    room = 1 - control.value
    above = (profile.mean.value - control.value) / room if room > 0 else float("nan")
    return profile.mean._asdict() | {
        "p": profile.mean_p,
        "control": control.name,
        "control_value": control.value,
        "above_control": above,
        "above_control_se": profile.mean.se / room if room > 0 else float("nan"),
    }


def _panel(evaluation: PanelEvaluation) -> dict[str, Any]:
    panel, others = evaluation.panel, evaluation.other_families
    return {
        "sha256": panel.sha256,
        "hyle_version": panel.hyle_version,
        "date": panel.date,
        "versions": dict(panel.versions),
        "n_models": len(others),
        "n_families": len({evaluation.members[name].family for name in others}),
        "models": {
            name: {
                "family": evaluation.members[name].family,
                "modality": evaluation.members[name].modality,
                "performance": peer and peer.value,
                "performance_se": peer and peer.se,
                "alignment": alignment._asdict(),
            }
            for name, (peer, alignment) in evaluation.peers().items()
        },
        "controls": {
            name: {"performance": _control_performance(evaluation, name), "alignment": _control(evaluation, name)}
            for name in ["composition", *evaluation.controls]
        },
    }


def _control(evaluation: PanelEvaluation, name: str) -> dict[str, float] | None:
    if not evaluation.other_families:
        return None
    if name not in evaluation.controls:
        return {"value": 0.0, "se": 0.0, "low": 0.0, "high": 0.0}
    mean: Estimate = evaluation.align_to(model=name, other_families=evaluation.other_families).mean
    return mean._asdict()


def _control_performance(evaluation: PanelEvaluation, name: str) -> float | None:
    kind = evaluation.score.kind if evaluation.score else ""
    member = evaluation.members.get(name)
    return member.scores[kind].value if member is not None and kind in member.scores else None


def _raw(profile: AlignmentProfile, name: str) -> dict[str, float]:
    at = profile.others.index(name)
    return {"score": float(profile.score[at]), "p": float(profile.p[at])}


def _listed(profile: AlignmentProfile, count: int | None) -> list[dict[str, Any]]:
    return [{"model": name} | profile.to(name)._asdict() | _raw(profile, name) for name in list(profile.others)[:count]]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
