"""Change of alignment from the first to the second set of samples."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import number, read_scores
from ..console import print_table
from ..results import RegimeResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import interval

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Change

    from ..figures import Figure


def compute(question: AnalysisInput) -> RegimeResult | None:
    """Compute the change of each metric between both Comparisons; None without a second one."""
    from hyle.engine.analysis import regimes

    if question.against is None:
        return None
    changes = regimes(question.comparison, question.against)
    return RegimeResult(changes, question.metric, question.comparison, question.against)


def summarise(result: RegimeResult) -> list[str]:
    """Return which metrics rise and which fall, as far as the intervals support it."""
    labels = {name: score.label for name, score in read_scores(result.inside).items()}
    rising = [_describe(one, labels) for one in result.changes if one.low > 0]
    falling = [_describe(one, labels) for one in result.changes if one.high < 0]
    lines = []
    if rising:
        lines.append(f"Alignment beyond chance is higher on the second set in {'; '.join(rising)}.")
    if falling:
        lines.append(f"Alignment beyond chance is lower on the second set in {'; '.join(falling)}.")
    if not lines:
        n = result.changes[0].models
        lines.append(f"No metric changes significantly from the first to the second set, n = {n} models.")
    return lines


def _describe(one: Change, labels: dict[str, str]) -> str:
    numbers = f"{number(one.inside, 2)} to {number(one.outside, 2)}, change {interval(one.low, one.high)}"
    return f"{labels.get(one.metric, one.metric)} ({numbers}, n = {one.models} models)"


def print_result(result: RegimeResult) -> None:
    """Print the change of each metric from the first to the second set."""
    changes = result.changes
    click.echo(f"From the first to the second comparison, {changes[0].models} models; as alignment beyond chance")
    headings = ("metric", "first", "second", "95 % of the change", "pairs rising", "rank correlation of pairs")
    lines = []
    for one in changes:
        ends = f"{number(one.low, 3)} to {number(one.high, 3)}"
        correlation = number(one.correlation, 2) if one.correlation == one.correlation else "–"
        lines.append(
            (one.metric, number(one.inside, 3), number(one.outside, 3), ends, f"{one.rising:.0%}", correlation)
        )
    print_table(headings, lines, right=headings[1:], keys=1)


def to_dict(result: RegimeResult) -> list[dict[str, Any]]:
    """Return the changes as plain data."""
    return [dataclasses.asdict(one) for one in result.changes]


def make_figures(result: RegimeResult) -> dict[str, Figure]:
    """Return alignment on the second set against that on the first, for a local and a global metric."""
    from ..figures import IMBALANCE, Figure, agreement_axes, imbalance_colour, imbalance_plane, regime_scatter

    shown = dict.fromkeys([result.metric, *(agreement_axes(read_scores(result.inside)) or ())])
    drawn = {}
    for metric in shown:
        if metric not in result.outside:
            continue
        label = read_scores(result.inside)[metric].label
        caption = (
            "Each point is a pair of models: its alignment on the second set of samples against that on the first. "
            "Pairs above the line are more similar on the second set."
        )
        recipe = f"{label}; first {_set(result.inside)}; second {_set(result.outside)}"
        chart = regime_scatter(result.inside, result.outside, metric)
        drawn[f"regimes_{metric}"] = Figure(chart, f"Two sets of samples: {label}", caption, recipe)
    if IMBALANCE in read_scores(result.outside) and result.outside.sizes["model"] > 2:
        by = imbalance_colour(read_scores(result.outside))
        caption = (
            "The same plane as for the first set. At the bottom left, both models predict the neighbours of the other: "
            "they carry the same information, be it much or little."
        )
        chart = imbalance_plane(result.outside, by)
        drawn["imbalance_second"] = Figure(chart, "Information imbalance: second set", caption, _set(result.outside))
    return drawn


def _set(comparison: xr.Dataset) -> str:
    return f"{comparison.attrs.get('dataset') or 'samples'}, n = {comparison.attrs.get('n', '?')}"


ANALYSIS = Analysis(
    name="regimes",
    question="How does alignment change on the second set of samples?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
