"""The answer at the top of the report: one sentence, up to three key figures, findings, and null results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..analyses import NotSignificant
from ..comparison import (
    CONTROL,
    TRAINED,
    PairScores,
    integer,
    modalities,
    number,
    read_scores,
    replicate_ceiling,
    row_words,
    text,
    trained_note,
)
from ._controls import with_named_controls
from ._headline import best_against_control, headline
from ._key_figures import KeyFigure, key_figures
from ._panel import Pair, Panel, capital
from ._same_geometry import same_geometry

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Answer:
    """The top of the report.

    Args:
        headline: one sentence with the result and the strongest control.
        panel: what was measured: models, samples, data set.
        figures: up to three numbers.
        notes: warnings about the samples and the models.
        points: further results.
        nulls: results that are not significant, or could not be tested.
    """

    headline: str
    panel: str
    figures: list[KeyFigure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)


def answer(
    comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None, findings: Sequence[str] = ()
) -> Answer:
    """Return what the report says first.

    Args:
        comparison: the Comparison.
        scores: its scores, if they were read already.
        findings: sentences of its analyses, see `hyle.cli.analyses.findings`.
    """
    comparison = with_named_controls(comparison)
    scores = read_scores(comparison) if scores is None else scores
    notes = []
    for name in ("join_warning", "repeats"):
        if warning := text(comparison.attrs, name):
            notes.append(f"{capital(warning)}.")
    if comparison.attrs.get("per") and (units := text(comparison.attrs, "units")):
        outside = ". Neighbours are those in other samples" * bool(comparison.attrs.get("neighbours_outside"))
        notes.append(f"{capital(units)}{outside}.")
    if trained := trained_note(comparison):
        notes.append(f"{capital(trained)} ({TRAINED}).")
    points = [line for line in findings if not isinstance(line, NotSignificant)]
    nulls = [str(line) for line in findings if isinstance(line, NotSignificant)]
    if not scores:
        return Answer("No pair metric was computed.", _panel(comparison), [], notes, points, nulls)
    panel = Panel(comparison, next(iter(scores.values())))
    if panel.best and np.isfinite(panel.score.beyond[panel.best]):
        points.insert(0, _beyond(comparison, panel.score, panel.best))
    if versus := best_against_control(panel):
        points.insert(0, versus)
    points = same_geometry(panel.names, scores) + points
    if ceiling := replicate_ceiling(comparison):
        points.append(ceiling)
    return Answer(headline(panel), _panel(comparison), key_figures(panel), notes, points, nulls)


def summary(comparison: xr.Dataset, scores: Mapping[str, PairScores] | None = None) -> list[str]:
    """Return the answer of a Comparison as sentences: what was measured, the headline, notes and findings."""
    top = answer(comparison, scores)
    keys = [
        f"{capital(one.title)}: {one.value}{f' ({one.interval})' if one.interval else ''}, {one.note}."
        for one in top.figures
    ]
    return [top.panel, top.headline, *keys, *top.notes, *top.points, *top.nulls]


def _panel(comparison: xr.Dataset) -> str:
    kinds = modalities(comparison)
    controls = kinds.count(CONTROL)
    panel = _counted(len(kinds) - controls, "model")
    panel += f" and {_counted(controls, 'control')}" if controls else ""
    n = integer(comparison.attrs.get("n"))
    if n is not None:
        dataset = dataset_name(comparison)
        queries = integer(comparison.attrs.get("queries")) or n
        panel += f", {n:,} {text(comparison.attrs, 'domain') or row_words(comparison)}" + (
            f" of {dataset}" if dataset else ""
        )
        panel += f", {queries:,} of them drawn as queries and compared with all" if queries < n else ""
    return f"{panel}."


def dataset_name(comparison: xr.Dataset) -> str:
    """Return the name of the data set, spelt as in the title of the Comparison."""
    name, title = (text(comparison.attrs, key) for key in ("dataset", "title"))
    at = title.casefold().find(name.casefold())
    return title[at : at + len(name)] if name and at >= 0 else name


def _beyond(comparison: xr.Dataset, score: PairScores, pair: Pair) -> str:
    """Return how much of a score is left when samples are compared within their formula, or another stratum."""
    kind = text(comparison.attrs, "strata_kind") or "stratum"
    return (
        f"When samples are permuted within {kind}, the best score has a mean of {number(score.strata_null[pair], 2)}. "
        f"Beyond {kind} it is {number(score.beyond[pair], 2)}, where 1 is the best "
        f"(p = {score.strata_p[pair]:.2g}, {comparison.attrs['strata_permuted']} of {comparison.attrs['n']} samples)."
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
