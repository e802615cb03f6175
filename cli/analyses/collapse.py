"""Which representations carry little information about the others."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import CONTROL, modalities, model_names, number
from ..console import print_table
from ..results import CollapseResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import interval, is_number, join_names, units

if TYPE_CHECKING:
    from hyle.engine.analysis import Information, SingleChange

    from ..figures import Figure

NUMBERS = ("effective_rank", "intrinsic_dimension", "intrinsic_dimension_twonn", "intrinsic_dimension_gride")
NAMES = {"effective_rank": "effective rank"}
# Fewest models of the figure.
MIN_MODELS = 4


def compute(question: AnalysisInput) -> CollapseResult:
    """Measure the information in each representation, and name those that carry little about the others."""
    from hyle.engine.analysis import collapse, single_change

    first, second = question.comparison, question.against
    outside: list[Information] = []
    changes: list[SingleChange] = []
    if second is not None:
        if question.metric in second:
            outside = collapse(second, question.metric)
        for name in NUMBERS:
            if name in first and name in second:
                with contextlib.suppress(ValueError):  # raised where no model has it on both sets
                    changes.append(single_change(first, second, name))
    kinds = {} if second is None else dict(zip(model_names(second), modalities(second), strict=True))
    return CollapseResult(collapse(first, question.metric), outside, changes, kinds | question.kinds, question.metric)


def summarise(result: CollapseResult) -> list[str]:
    """Return which models have collapsed, and the change of dimension and rank on the second set."""
    lines = []
    for place, rows in (("", result.inside), (" on the second set", result.outside)):
        if len(rows) < 3:
            continue  # for two models the score itself shows it
        real = [one for one in rows if result.kinds.get(one.model) != CONTROL]
        for one in real:
            if one.state == "collapsed":
                ends = f"{number(one.imbalance_to_others, 2)} to them, {number(one.imbalance_from_others, 2)} from them"
                lines.append(
                    f"{one.model} carries little information about the others{place} (information imbalance {ends})."
                )
        unrelated = [one for one in real if one.state == "unrelated"]
        if by_imbalance := [one.model for one in unrelated if is_number(one.imbalance_to_others)]:
            lines.append(
                f"By information imbalance, {join_names(by_imbalance)} {_share(by_imbalance)} no detectable "
                f"information with any other model{place}: it is above 0.8 in both directions. Other metrics can still "
                "be above chance."
            )
        if by_tests := [one.model for one in unrelated if not is_number(one.imbalance_to_others)]:
            lines.append(
                f"By {result.metric or 'the metric of the pairs'}, {join_names(by_tests)} {_share(by_tests)} no "
                f"detectable information with the other models{place}: hardly any pair is significantly above chance."
            )
    for change in result.changes[:2]:
        numbers = f"{interval(change.low, change.high, 3)}, n = {units(len(change.models), change.families)}"
        if is_number(change.low) and (change.low > 1 or change.high < 1):
            verb = "falls" if change.factor < 1 else "rises"
            times = f"to {number(change.factor, 2)} times its value"
            lines.append(f"From the first to the second set the {_name(change.name)} {verb} {times} ({numbers}).")
    return lines


def print_result(result: CollapseResult) -> None:
    """Print the information in each representation, and its changes."""
    for place, rows in (("", result.inside), (", second comparison", result.outside)):
        if rows:
            click.echo(
                f"Information in each representation{place}; imbalance: 0 predicts neighbours perfectly, 1 not at all"
            )
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
            headings = ("model", "dimension", "effective rank", "alignment", "to others", "from others", "state")
            print_table(headings, lines, right=headings[1:-1], keys=1)
    for one in result.changes:
        ends, n = interval(one.low, one.high), units(len(one.models), one.families)
        click.echo(f"{_name(one.name)}, second over first: {number(one.factor, 2)}, {ends}, n = {n}")


def to_dict(result: CollapseResult) -> dict[str, Any]:
    """Return information and changes as plain data."""
    return {
        field: [dataclasses.asdict(one) for one in getattr(result, field)] for field in ("inside", "outside", "changes")
    }


def make_figures(result: CollapseResult) -> dict[str, Figure]:
    """Return the plane of both imbalances of each representation."""
    from ..figures import Figure, information_plane

    drawn = {}
    for name, place, rows in (
        ("information", "", result.inside),
        ("information_second", ": second set", result.outside),
    ):
        if sum(is_number(one.imbalance_to_others) for one in rows) >= MIN_MODELS:
            caption = (
                "Each point is a model: how poorly it predicts the neighbours of the others, against how poorly they "
                "predict its own. A model low on both shares their information; one to the right of the line carries "
                "less than they do; at 1 nothing is shared."
            )
            missing = [one.model for one in rows if not is_number(one.imbalance_to_others + one.imbalance_from_others)]
            if missing:
                caption += f" Not shown, because the imbalance is undefined: {join_names(missing)}."
            chart = information_plane(rows, result.kinds)
            title = f"Which models carry the information of the others{place}?"
            drawn[name] = Figure(chart, title, caption, "mean information imbalance to and from the other models")
    return drawn


def _share(models: list[str]) -> str:
    return "shares" if len(models) == 1 else "share"


def _name(metric: str) -> str:
    return NAMES.get(metric, metric.replace("_", " ").replace("twonn", "(TwoNN)").replace("gride", "(GRIDE)"))


ANALYSIS = Analysis(
    name="collapse",
    question="Which representations carry little information about the others?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
