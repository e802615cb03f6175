"""Benchmark card of a model: its performance and alignment relative to the reference panels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hyle.zoo import (
    InputError,
    ReferencePanel,
    Representation,
    changed_libraries,
    load_dataset,
    load_panel,
)

from ..console import progress_bar, say
from .evaluation import METRICS, PanelEvaluation, TooFewSamplesError, as_data, evaluate_on_panel
from .performance import scores_of
from .subjects import Subject

if TYPE_CHECKING:
    from hyle.engine.analysis import Quadrant

# The quadrants, with the terms of the study (Edamadaka et al., arXiv 2512.03750).
WORDS = {
    "foundational": "better than the median of the panel and more aligned: foundational, as in the study",
    "local optimum": "better than the median of the panel and less aligned: an over-fit local optimum, as in the study",
    "missing information": "more aligned than the median of the panel and no better: information missing from all of "
    "them, as in the study",
    "sub-optimal": "neither better than the median of the panel nor more aligned: a local sub-optimum, as in the study",
}


def benchmark(subject: Subject, *, metric: str = METRICS[0]) -> dict[str, Any]:
    """Compare a model, embedded on its sets, with the reference panel.

    Args:
        subject: as returned by `hyle.cli.benchmark.find_subject`.
        metric: primary pair metric, which the diagnosis is based on.

    Returns:
        The card as plain data, see `hyle benchmark --help`. It is deterministic for given embeddings.

    Raises:
        ValueError: the versions of panel and data set differ, or they share too few samples with the model.
    """
    evaluations, ood_missing_reason = {"in": _evaluate(subject, "in", metric)}, subject.ood_missing_reason
    if "out" in subject.sets:
        try:
            evaluations["out"] = _evaluate(subject, "out", metric)
        except TooFewSamplesError as error:  # such as molecules with elements that the model does not support
            ood_missing_reason = str(error)
    inside, outside = evaluations["in"], evaluations.get("out")
    quadrant = inside.quadrant()
    bench = subject.sets["in"]
    names = bench.name, _known_as(bench.name).casefold()
    return {
        "model": subject.name,
        "family": subject.family,
        "parameters": subject.parameters,
        "domain": bench.domain,
        "metric": metric,
        "trained_on_it": [name for name in subject.trained_on if name.casefold() in names],
        "sets": {role: as_data(evaluation) for role, evaluation in evaluations.items()},
        "ood_missing_reason": ood_missing_reason,
        "generality": None if outside is None else _generality(subject, inside, outside),
        "diagnosis": {
            "quadrant": None if isinstance(quadrant, str) else quadrant.name,
            "probability": None if isinstance(quadrant, str) else dict(quadrant.probability),
            "median": None if isinstance(quadrant, str) else quadrant.median,
            "models": None if isinstance(quadrant, str) else quadrant.models,
            "words": _words(quadrant, inside),
        },
        "dropped": {role: dict(rep.dropped) for role, rep in subject.representations.items()},
        "recipe": {role: dict(rep.recipe) for role, rep in subject.representations.items()},
    }


def _known_as(name: str) -> str:
    from hyle.zoo import find_dataset

    return find_dataset(name).known_as


def _evaluate(subject: Subject, role: str, metric: str) -> PanelEvaluation:
    bench, representation = subject.sets[role], subject.representations[role]
    data, panel = load_dataset(bench.name, n=bench.samples), load_panel(bench.name)
    if data.version != panel.version:
        raise InputError(
            f"the samples of {bench.name} have version {data.version}, those of the panel {panel.version}: rebuild the "
            "panel with hyle benchmark --rebuild-panel DIR"
        )
    report_changed_libraries(panel)
    representation = _of_set(representation, set(data.ids))
    scores = scores_of(representation, data, bench)
    with progress_bar(f"comparing on {bench.name}") as update:
        return evaluate_on_panel(
            representation,
            panel,
            scores,
            family=subject.family,
            metric=metric,
            progress=lambda stage, share: update(share, stage),
        )


def report_changed_libraries(panel: ReferencePanel) -> None:
    """Say which models of the panel were embedded with other versions of a library that changes their rows."""
    changed: dict[tuple[str, str, str], list[str]] = {}
    for member in panel.members:
        for library, (then, now) in changed_libraries(member.representation.recipe).items():
            changed.setdefault((library, then, now), []).append(member.name)
    for (library, then, now), names in changed.items():
        say(
            f"warning: the panel of {panel.name} was made with {library} {then}, and {now} is installed: rows of "
            f"{', '.join(names)} may differ; to rebuild it: hyle benchmark --rebuild-panel DIR"
        )


def _of_set(rep: Representation, ids: set[str]) -> Representation:
    """Exclude the rows of a file that are not of samples of the set."""
    keep = [row for row, name in enumerate(rep.ids) if name in ids]
    if len(keep) == len(rep.ids):
        return rep
    energies = None if rep.energies is None else rep.energies[keep]
    return dataclasses.replace(
        rep, embedding=rep.embedding[keep], ids=[rep.ids[row] for row in keep], energies=energies
    )


def _generality(subject: Subject, inside: PanelEvaluation, outside: PanelEvaluation) -> dict[str, Any]:
    """Return the change of alignment and performance from the first set to the second, for models in both panels."""
    from hyle.engine.analysis import Estimate, degree_of_shift, difference

    shift = degree_of_shift(*(_rows(subject.representations[role]) for role in ("in", "out")))
    shared = [name for name in inside.other_families if name in outside.other_families]
    if not shared:
        return {"models": [], "shift": {"ratio": shift.ratio, "auc": shift.auc}, "alignment": {}, "performance": None}
    alignment = {}
    for metric in inside.metrics:
        first, second = (one.align_to(metric, other_families=shared).mean for one in (inside, outside))
        alignment[metric] = {"in": first.value, "out": second.value, "change": difference(first, second)._asdict()}
    performance = None
    if inside.score and outside.score and inside.score.kind == outside.score.kind:
        first, second = (Estimate(one.score.value, one.score.se) for one in (inside, outside) if one.score)
        peers = [one.peers() for one in (inside, outside)]
        scored = [name for name in peers[0] if name in peers[1] and all(peer[name][0] for peer in peers)]
        medians = [_median([peer[name][0].value for name in scored]) for peer in peers]  # type: ignore[union-attr]
        performance = {
            "in": first.value,
            "out": second.value,
            "change": difference(first, second)._asdict(),
            "panel_median_in": medians[0],
            "panel_median_out": medians[1],
        }
    return {
        "models": shared,
        "shift": {"ratio": shift.ratio, "auc": shift.auc},
        "alignment": alignment,
        "performance": performance,
    }


def _median(values: list[float]) -> float | None:
    import statistics

    return statistics.median(values) if values else None


def _rows(representation: Representation) -> Any:
    from hyle.engine import as_array

    return as_array(representation.embedding)


def _words(quadrant: Quadrant | str, inside: PanelEvaluation) -> str:
    if isinstance(quadrant, str):
        return f"inconclusive: {quadrant}"
    basis = f"against {quadrant.models} models on {inside.n} samples of {inside.panel.name}, by {inside.metric}"
    if quadrant.name is None:
        return f"inconclusive {basis}: no quadrant has a probability of 80 %"
    return f"{WORDS[quadrant.name]}; {basis}, with a probability of {quadrant.probability[quadrant.name]:.0%}"
