"""Tell what becomes of alignment on other samples."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import number, read_scores
from ..console import print_table
from ..results import RegimeResult
from ._question import AnalysisInput
from ._words import interval

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Change

    from ..figures import Figure


def data(question: AnalysisInput) -> RegimeResult | None:
    """Compare both Comparisons metric by metric; None where there is one alone."""
    from hyle.engine.analysis import regimes

    if question.against is None:
        return None
    changes = regimes(question.comparison, question.against)
    return RegimeResult(changes, question.metric, question.comparison, question.against)


def sentences(found: RegimeResult) -> list[str]:
    """Say which metrics rise and which fall, as far as the intervals carry it."""
    labels = {name: score.label for name, score in read_scores(found.inside).items()}
    rising = [_said(one, labels) for one in found.changes if one.low > 0]
    falling = [_said(one, labels) for one in found.changes if one.high < 0]
    lines = []
    if rising:
        lines.append(f"Alignment beyond chance is higher on the second set in {'; '.join(rising)}.")
    if falling:
        lines.append(f"Alignment beyond chance is lower on the second set in {'; '.join(falling)}.")
    if not lines:
        n = found.changes[0].models
        lines.append(f"No metric's change from the first to the second set is told from none, n = {n} models.")
    return lines


def _said(one: Change, labels: dict[str, str]) -> str:
    numbers = f"{number(one.inside, 2)} to {number(one.outside, 2)}, change {interval(one.low, one.high)}"
    return f"{labels.get(one.metric, one.metric)} ({numbers}, n = {one.models} models)"


def show(found: RegimeResult) -> None:
    """Print what becomes of each metric on other samples."""
    changes = found.changes
    click.echo(f"From the first to the second comparison, {changes[0].models} models; as alignment beyond chance")
    headings = ("metric", "first", "second", "95 % of the change", "pairs rising", "rank correlation of pairs")
    lines = []
    for one in changes:
        ends = f"{number(one.low, 3)} to {number(one.high, 3)}"
        among = number(one.correlation, 2) if one.correlation == one.correlation else "–"
        lines.append((one.metric, number(one.inside, 3), number(one.outside, 3), ends, f"{one.rising:.0%}", among))
    print_table(headings, lines, right=headings[1:], keys=1)


def plain(found: RegimeResult) -> list[dict[str, Any]]:
    """Return the changes for programs."""
    return [dataclasses.asdict(one) for one in found.changes]


def figures(found: RegimeResult) -> dict[str, Figure]:
    """Return alignment on the first set against the second, of a local and a global metric."""
    from ..figures import IMBALANCE, Figure, agreement_axes, imbalance_colour, imbalance_plane, regime_scatter

    shown = dict.fromkeys([found.metric, *(agreement_axes(found.inside) or ())])
    drawn = {}
    for metric in shown:
        if metric not in found.outside:
            continue
        label = read_scores(found.inside)[metric].label
        caption = (
            "Each point is a pair of models: its alignment on the first set of samples and on the second. Above the "
            "line pairs are more alike on the second."
        )
        recipe = f"{label}; first {_set(found.inside)}; second {_set(found.outside)}"
        chart = regime_scatter(found.inside, found.outside, metric)
        drawn[f"regimes_{metric}"] = Figure(chart, f"Two sets of samples: {label}", caption, recipe)
    if IMBALANCE in read_scores(found.outside) and found.outside.sizes["model"] > 2:
        by = imbalance_colour(found.outside)
        caption = (
            "The same plane as for the first set. Bottom left both models foretell the neighbours of the other: they "
            "hold the same, be it much or little."
        )
        chart = imbalance_plane(found.outside, by)
        drawn["imbalance_second"] = Figure(chart, "Information imbalance: second set", caption, _set(found.outside))
    return drawn


def _set(comparison: xr.Dataset) -> str:
    return f"{comparison.attrs.get('dataset', 'samples')}, n = {comparison.attrs.get('n', '?')}"
