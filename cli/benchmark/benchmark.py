"""Place a model among the references of the benchmark sets."""

from __future__ import annotations

import dataclasses
from typing import Any

from hyle.zoo import InputError, Representation, load_dataset, load_panel

from ..console import progress_bar
from .evaluation import METRICS, PanelEvaluation, TooFewSamplesError, as_data, evaluate_on_panel
from .performance import scores_of
from .subjects import Subject

WORDS = {
    "foundational": "better than the middle of the panel and more aligned: foundational, as the study has it",
    "local optimum": "better than the middle of the panel and less aligned: an over-fit local optimum, as the study "
    "has it",
    "missing information": "more aligned than the middle of the panel and no better: information that all of them "
    "lack, as the study has it",
    "sub-optimal": "neither better than the middle of the panel nor more aligned: a local sub-optimum, as the study "
    "has it",
}


def benchmark(subject: Subject, *, metric: str = METRICS[0]) -> dict[str, Any]:
    """Measure a model, embedded on its sets, against the reference panel.

    Args:
        subject: as `hyle.cli.subjects.find_subject` gives it.
        metric: a pair metric, which the diagnosis goes by.

    Returns:
        The card as plain data, see `hyle benchmark --help`. The same embeddings give the same numbers.

    Raises:
        ValueError: a changed panel or data set, or too few samples in common.
    """
    standings, ood_missing_reason = {"in": _stand(subject, "in", metric)}, subject.ood_missing_reason
    if "out" in subject.sets:
        try:
            standings["out"] = _stand(subject, "out", metric)
        except TooFewSamplesError as error:  # such as molecules of elements that the model does not know
            ood_missing_reason = str(error)
    inside, outside = standings["in"], standings.get("out")
    found = inside.quadrant()
    bench = subject.sets["in"]
    seen = [name for name in subject.trained_on if name.casefold() in (bench.name, _known_as(bench.name).casefold())]
    return {
        "model": subject.name,
        "family": subject.family,
        "parameters": subject.parameters,
        "domain": bench.domain,
        "metric": metric,
        "trained_on_it": seen,
        "sets": {role: as_data(standing) for role, standing in standings.items()},
        "ood_missing_reason": ood_missing_reason,
        "generality": None if outside is None else _generality(subject, inside, outside),
        "diagnosis": {
            "quadrant": None if isinstance(found, str) else found.name,
            "probability": None if isinstance(found, str) else dict(found.probability),
            "median": None if isinstance(found, str) else found.median,
            "models": None if isinstance(found, str) else found.models,
            "words": _words(found, inside),
        },
        "dropped": {role: dict(rep.dropped) for role, rep in subject.representations.items()},
        "recipe": {role: dict(rep.recipe) for role, rep in subject.representations.items()},
    }


def _known_as(name: str) -> str:
    from hyle.zoo import find_dataset

    return find_dataset(name).known_as


def _stand(subject: Subject, role: str, metric: str) -> PanelEvaluation:
    bench, representation = subject.sets[role], subject.representations[role]
    data, panel = load_dataset(bench.name, n=bench.samples), load_panel(bench.name)
    if data.version != panel.version:
        raise InputError(
            f"the samples of {bench.name} are of version {data.version} and the panel's of {panel.version}: "
            "write the panel anew: hyle benchmark --rebuild-panel DIR"
        )
    representation = _of_set(representation, set(data.ids))
    scores = scores_of(representation, data, bench)
    with progress_bar(f"comparing on {bench.name}") as update:
        return evaluate_on_panel(
            representation,
            panel,
            scores,
            family=subject.family,
            metric=metric,
            progress=lambda what, share: update(share, what),
        )


def _of_set(rep: Representation, ids: set[str]) -> Representation:
    """Leave out rows of a file that are of no sample of the set."""
    keep = [row for row, name in enumerate(rep.ids) if name in ids]
    if len(keep) == len(rep.ids):
        return rep
    energies = None if rep.energies is None else rep.energies[keep]
    return dataclasses.replace(
        rep, embedding=rep.embedding[keep], ids=[rep.ids[row] for row in keep], energies=energies
    )


def _generality(subject: Subject, inside: PanelEvaluation, outside: PanelEvaluation) -> dict[str, Any]:
    """Say what is left of alignment and performance on the other set, with the models that are in both panels."""
    from hyle.engine.analysis import Estimate, degree_of_shift, difference

    shift = degree_of_shift(*(_rows(subject.representations[role]) for role in ("in", "out")))
    both = [name for name in inside.other_families if name in outside.other_families]
    if not both:
        return {"models": [], "shift": {"ratio": shift.ratio, "auc": shift.auc}, "alignment": {}, "performance": None}
    alignment = {}
    for metric in inside.metrics:
        first, second = (one.align_to(metric, other_families=both).mean for one in (inside, outside))
        alignment[metric] = {"in": first.value, "out": second.value, "change": difference(first, second)._asdict()}
    performance = None
    if inside.score and outside.score and inside.score.kind == outside.score.kind:
        first, second = (Estimate(one.score.value, one.score.se) for one in (inside, outside) if one.score)
        peers = [one.peers() for one in (inside, outside)]
        shared = [name for name in peers[0] if name in peers[1] and all(peer[name][0] for peer in peers)]
        medians = [_median([peer[name][0].value for name in shared]) for peer in peers]  # type: ignore[union-attr]
        performance = {
            "in": first.value,
            "out": second.value,
            "change": difference(first, second)._asdict(),
            "panel_median_in": medians[0],
            "panel_median_out": medians[1],
        }
    return {
        "models": both,
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


def _words(found: Any, inside: PanelEvaluation) -> str:
    if isinstance(found, str):
        return f"not told: {found}"
    about = f"against {found.models} models on {inside.n} samples of {inside.panel.name}, by {inside.metric}"
    if found.name is None:
        return f"not told {about}: no quadrant has a probability of 80 %"
    return f"{WORDS[found.name]}; {about}, with a probability of {found.probability[found.name]:.0%}"
