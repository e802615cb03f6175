"""Benchmark card of a model: its performance and alignment relative to the reference panels.

A card is plain data (JSON) with these keys. An estimate is ``{value, se, low, high}``, NaN (null) where undefined.

- ``schema``: ``hyle-benchmark-card/1``. ``hyle_version``: version of hyle that made the card.
- ``model``, ``family``, ``modality``, ``parameters``, ``licence``, ``citation``, ``trained_on``: facts of the model,
  empty or 0 where they are unknown, such as those of a file. ``trained_on_it``: those that contain the first set.
- ``domain``. ``metric``: the primary pair metric.
- ``embedding_sha256``: role -> SHA-256 of the ids and rows (float32), see `embedding_hash`. ``recipe``: role -> recipe
  of the representation. ``dropped``: role -> id of a sample that the model could not embed -> reason.
- ``sets``: role, ``in`` or ``out`` -> one set:

  - ``dataset``, ``version``. ``n``: samples behind the scores. ``k``: neighbours.
  - ``performance``: the one axis of the ranking, None where it is unknown: ``kind``, ``label``, ``units``,
    ``value``, ``se``, ``n``, ``rank``, ``of``, ``panel_median``, and the best control with its value, ``control``,
    ``control_value``. ``unranked_reason``: why there is no rank, else empty.
  - ``energy``: error of the model's own energies, None unless they and the labels have the same level of theory:
    ``value``, ``se``, ``units``, ``n``, ``level``, ``panel_median``, ``models``. Never ranked together with the above.
  - ``alignment``: metric -> ``panel``, an estimate of the mean over models of other families, 0 for composition and
    chance, with ``p``, the most aligned control ``control`` and its value ``control_value``, and ``above_control``:
    (value - control_value) / (1 - control_value), with ``above_control_se``; ``best``, with the best model ``best``.
    ``panel_median_alignment``: of the members, each with models of other families.
  - ``dimension``: estimator -> estimate, with ``panel_median``.
  - ``relatives``, ``own_family``, ``controls``: models with estimates, ``score`` and ``p``.
  - ``copies``: members whose rows are in those of the model, with ``family``, ``share``, ``bar`` and ``same``; their
    families are excluded from the means. ``made_of``: families of the members that the rows are made of; empty if they
    are not. Such rows have no alignment, no rank and no diagnosis.
  - ``panel``: ``sha256``, ``hyle_version``, ``date``, ``versions`` (library -> versions), ``n_models`` and
    ``n_families`` that the means are over, ``models``: name -> ``family``, ``modality``, ``performance``,
    ``performance_se``, ``alignment``; ``controls``: name -> ``performance``, ``alignment``.

- ``ood_missing_reason``. ``generality``: changes from the first set to the second, or None.
- ``diagnosis``: ``quadrant`` or None; ``probability``: quadrant -> probability; ``median`` of performance and
  alignment over the families, not below the best controls; ``models``, ``families`` behind it; ``calibration``: how
  often reported quadrants are right in simulated panels like this one (``stated``, ``observed``, ``se``, ``reported``,
  ``panels``); ``words``. All but ``words`` are None without a diagnosis.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import statistics
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hyle.zoo import (
    GROUP_STATES,
    Dataset,
    InputError,
    ReferencePanel,
    Representation,
    changed_libraries,
    find_dataset,
    load_dataset,
    load_panel,
    to_numpy,
)

from ..console import progress_bar, say
from .calibration import calibrate_quadrants
from .evaluation import METRICS, TooFewSamplesError, evaluate_on_panel
from .panel_evaluation import PanelEvaluation
from .performance import composition_of, scores_of, targets_of
from .set_data import as_data
from .subjects import Subject

if TYPE_CHECKING:
    from hyle.engine.analysis import Quadrant

SCHEMA = "hyle-benchmark-card/1"
# Share of the samples that are states of one thing with another one, above which they are not treated as independent.
REPEATED = 0.05
# The quadrants, with the terms of the study (Edamadaka et al., arXiv 2512.03750).
WORDS = {
    "foundational": "better and more aligned than the panel's median and the best controls: foundational, as in the "
    "study",
    "local optimum": "better than the panel's median and the best control, and not more aligned: an over-fit local "
    "optimum, as in the study",
    "missing information": "more aligned than the panel's median and the best control, and not better: information "
    "missing from all of them, as in the study",
    "sub-optimal": "neither better nor more aligned than the panel's median and the best controls: a local "
    "sub-optimum, as in the study",
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
    # A set with too few samples is not part of the card.
    representations = {role: subject.representations[role] for role in evaluations}
    bench = subject.sets["in"]
    names = bench.name, find_dataset(bench.name).known_as.casefold()
    card = subject.card
    return {
        "schema": SCHEMA,
        "hyle_version": importlib.metadata.version("hyle"),
        "model": subject.name,
        "family": subject.family,
        "modality": card.modality if card else "",
        "parameters": card.parameters if card else 0,
        "licence": card.licence if card else "",
        "citation": card.citation if card else "",
        "trained_on": list(subject.trained_on),
        "trained_on_it": [name for name in subject.trained_on if name.casefold() in names],
        "domain": bench.domain,
        "metric": metric,
        "embedding_sha256": {role: embedding_hash(rep) for role, rep in representations.items()},
        "sets": {role: as_data(evaluation) for role, evaluation in evaluations.items()},
        "ood_missing_reason": ood_missing_reason,
        "generality": None if outside is None else _generality(subject, inside, outside),
        "diagnosis": diagnosis_data(inside),
        "dropped": {role: dict(rep.dropped) for role, rep in representations.items()},
        "recipe": {role: dict(rep.recipe) for role, rep in representations.items()},
    }


def embedding_hash(representation: Representation) -> str:
    """Return the SHA-256 of the rows of a representation as float32, in the order of their ids, and of the ids."""
    order = sorted(range(len(representation.ids)), key=lambda row: representation.ids[row])
    rows = np.ascontiguousarray(np.asarray(to_numpy(representation.embedding), "<f4")[order])
    digest = hashlib.sha256(f"{rows.shape[0]} {rows.shape[1]}\n".encode())
    digest.update("\n".join(representation.ids[row] for row in order).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()


def diagnosis_data(evaluation: PanelEvaluation) -> dict[str, Any]:
    """Return the diagnosis of an evaluation as plain data."""
    quadrant = evaluation.quadrant()
    words = _words(quadrant, evaluation)
    if isinstance(quadrant, str):
        keys = ("quadrant", "probability", "median", "models", "families", "calibration")
        return dict.fromkeys(keys) | {"words": words}
    return {
        "quadrant": quadrant.name,
        "probability": dict(quadrant.probability),
        "median": quadrant.median,
        "models": quadrant.models,
        "families": quadrant.families,
        "calibration": _calibration(evaluation),
        "words": words,
    }


def _calibration(evaluation: PanelEvaluation) -> dict[str, float]:
    ranked, score = evaluation.ranked(), evaluation.score
    assert score is not None
    return calibrate_quadrants(
        np.array([one.values for one in ranked]),
        np.array([one.errors for one in ranked]),
        [one.family for one in ranked],
        (score.se, evaluation.align_to().mean.se),
    )._asdict()


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
    scores = scores_of(representation, data, targets_of(data, bench), level=subject.level)
    with progress_bar(f"comparing on {bench.name}") as update:
        return evaluate_on_panel(
            representation,
            panel,
            scores,
            family=subject.family,
            level=subject.level,
            origin_is_known=subject.origin_is_known,
            metric=metric,
            composition=composition_of(data),
            groups=states_of(data),
            progress=lambda stage, share: update(share, stage),
        )


def states_of(data: Dataset) -> Mapping[str, str] | None:
    """Return what each sample is a state of, such as a formula at several temperatures; None if few are repeated."""
    kind = next((kind for kind in GROUP_STATES if kind in data.groups), "")
    labels = data.groups.get(kind, {})
    counts = Counter(labels.values())
    repeated = sum(count for count in counts.values() if count > 1)
    return labels if repeated > REPEATED * len(data) else None


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

    reference = subject.representations["in"]
    kind = next((kind for kind in GROUP_STATES if kind in reference.groups), "")
    both = (_rows(subject.representations[role]) for role in ("in", "out"))
    shift = degree_of_shift(*both, groups=reference.groups.get(kind))
    shared = [name for name in inside.other_families if name in outside.other_families]
    if not shared or inside.nothing or outside.nothing:
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
    return statistics.median(values) if values else None


def _rows(representation: Representation) -> Any:
    from hyle.engine import as_array

    return as_array(representation.embedding)


def _words(quadrant: Quadrant | str, inside: PanelEvaluation) -> str:
    if isinstance(quadrant, str):
        return f"inconclusive: {quadrant}"
    basis = (
        f"against {quadrant.models} models of {quadrant.families} families on {inside.n} samples of "
        f"{inside.panel.name}, by {inside.metric} beyond composition"
    )
    if quadrant.name is None:
        return f"inconclusive {basis}: no quadrant has a probability of 80 %"
    return f"{WORDS[quadrant.name]}; {basis}, with a probability of {quadrant.probability[quadrant.name]:.0%}"
