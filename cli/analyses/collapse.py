"""Tell which representations hold little."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import CONTROL, modalities, model_names, number
from ..console import print_table
from ..results import CollapseResult
from ._question import AnalysisInput
from ._words import interval, is_number, join_names

if TYPE_CHECKING:
    from hyle.engine.analysis import Information, SingleChange

    from ..figures import Figure

NUMBERS = ("effective_rank", "intrinsic_dimension", "intrinsic_dimension_twonn", "intrinsic_dimension_gride")
NAMES = {"effective_rank": "effective rank"}


def data(question: AnalysisInput) -> CollapseResult:
    """Measure what representations hold, and name those that hold little."""
    from hyle.engine.analysis import collapse, single_change

    first, second = question.comparison, question.against
    outside: list[Information] = []
    changes: list[SingleChange] = []
    if second is not None:
        if question.metric in second:
            outside = collapse(second, question.metric)
        for name in NUMBERS:
            if name in first and name in second:
                with contextlib.suppress(ValueError):  # no model has it on both sets: then nothing changes
                    changes.append(single_change(first, second, name))
    kinds = {} if second is None else dict(zip(model_names(second), modalities(second), strict=True))
    return CollapseResult(collapse(first, question.metric), outside, changes, kinds | question.kinds)


def sentences(found: CollapseResult) -> list[str]:
    """Name what has collapsed, and what becomes of dimension and rank on the second set."""
    lines = []
    for place, rows in (("", found.inside), (" on the second set", found.outside)):
        if len(rows) < 3:
            continue  # of two models the score itself says it
        real = [one for one in rows if found.kinds.get(one.model) != CONTROL]
        for one in real:
            if one.state == "collapsed":
                ends = f"{number(one.imbalance_to_others, 2)} to them, {number(one.imbalance_from_others, 2)} from them"
                lines.append(f"{one.model} holds little of what the others hold{place} (information imbalance {ends}).")
        alone = [one.model for one in real if one.state == "unrelated"]
        if alone:
            lines.append(f"Nothing in common with any other model is seen{place} in {join_names(alone)}.")
    for change in found.changes[:2]:
        numbers = f"{interval(change.low, change.high, 3)}, n = {len(change.models)} models"
        if is_number(change.low) and (change.low > 1 or change.high < 1):
            verb = "falls" if change.factor < 1 else "rises"
            times = f"to {number(change.factor, 2)} times its value"
            lines.append(f"From the first to the second set the {_name(change.name)} {verb} {times} ({numbers}).")
    return lines


def show(found: CollapseResult) -> None:
    """Print what each representation holds."""
    for place, rows in (("", found.inside), (", second comparison", found.outside)):
        if rows:
            click.echo(f"What each representation holds{place}; imbalance 0: all of the others follows, 1: nothing")
            lines = [
                (
                    one.model,
                    *(
                        number(v, d) if is_number(v) else "–"
                        for v, d in (
                            (one.dimension, 1),
                            (one.effective_rank, 1),
                            (one.alignment, 3),
                            (one.imbalance_to_others, 3),
                            (one.imbalance_from_others, 3),
                        )
                    ),
                    one.state,
                )
                for one in rows
            ]
            headings = ("model", "dimension", "effective rank", "alignment", "to others", "from others", "named")
            print_table(headings, lines, right=headings[1:-1], keys=1)
    for one in found.changes:
        ends = interval(one.low, one.high)
        click.echo(f"{_name(one.name)}, second over first: {number(one.factor, 2)}, {ends}, n = {len(one.models)}")


def plain(found: CollapseResult) -> dict[str, Any]:
    """Return all of it for programs."""
    return {
        field: [dataclasses.asdict(one) for one in getattr(found, field)] for field in ("inside", "outside", "changes")
    }


def figures(found: CollapseResult) -> dict[str, Figure]:
    """Return what each representation holds, as a plane of both imbalances."""
    from ..figures import Figure, information_plane

    shown = {}
    for name, place, rows in (("information", "", found.inside), ("information_second", ": second set", found.outside)):
        if sum(is_number(one.imbalance_to_others) for one in rows) > 1:
            caption = (
                "Each point is a model: how badly it foretells the neighbours of the others, against how badly they "
                "foretell its own. Low on both, it shares their information; to the right of the line it holds less "
                "than they do; at 1 nothing is shared."
            )
            chart = information_plane(rows, found.kinds)
            title = f"Who holds what the others hold{place}"
            shown[name] = Figure(chart, title, caption, "mean information imbalance to and from the other models")
    return shown


def _name(metric: str) -> str:
    return NAMES.get(metric, metric.replace("_", " ").replace("twonn", "(TwoNN)").replace("gride", "(GRIDE)"))
