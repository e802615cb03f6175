"""Change of alignment from the first to the second set of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..comparison import CONTROL, integer, number, read_scores
from ..console import print_table
from ..results import RegimeResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, inconclusive, interval, is_number, units

if TYPE_CHECKING:
    import xarray as xr

    from hyle.engine.analysis import Change, Contrast

    from ..figures import Figure

# Fewest samples of a redraw, of which there are half of those of the smaller set.
MIN_SAMPLES = 10


def compute(question: AnalysisInput) -> RegimeResult | None:
    """Compute the change of each metric between both Comparisons; None without a second one.

    With embeddings of both sets the primary metric is also compared at one number of samples and of neighbours: of the
    same samples, where these are in both sets.
    """
    from hyle.engine.analysis import contrast, regimes

    if question.against is None:
        return None
    changes = regimes(question.comparison, question.against)
    first, second = (
        {name: x for name, x in one.items() if question.kinds.get(name) != CONTROL}
        for one in (question.embeddings, question.outside)
    )
    fair, shared = None, first.keys() & second.keys()
    groups = (question.groups, question.outside_groups)
    paired = len(question.pairs) >= 2 * MIN_SAMPLES
    if paired:
        first, second, groups = _pairs(question, first, second)
    if len(shared) > 1 and min(map(_units, (first, second), groups)) >= 2 * MIN_SAMPLES:
        fair = contrast(
            first,
            second,
            (question.metric,),
            inside_groups=groups[0],
            outside_groups=groups[1],
            paired=paired,
            families=question.families,
        )[0]
    return RegimeResult(changes, fair, question.metric, question.comparison, question.against, paired)


def _pairs(
    question: AnalysisInput, first: Mapping[str, Any], second: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], tuple[Sequence[str] | None, Sequence[str] | None]]:
    """Return the rows of the samples that are in both sets, in one order, and their groups."""
    places = [
        [at[i] for i in question.pairs]
        for at in ({i: row for row, i in enumerate(ids)} for ids in (question.ids, question.outside_ids))
    ]
    before, after = (
        {name: x[place] for name, x in one.items()} for one, place in zip((first, second), places, strict=True)
    )
    labels = None if question.groups is None else [question.groups[row] for row in places[0]]
    return before, after, (labels, labels)


def _units(rows: Mapping[str, Any], groups: Sequence[str] | None) -> int:
    """Return the number of groups of samples; of samples without groups."""
    return len(next(iter(rows.values()))) if groups is None else len(set(groups))


def summarise(result: RegimeResult) -> list[str]:
    """Return which metrics rise and which fall, as far as the intervals support it, and the contrast at one n and k."""
    labels = {name: score.label for name, score in read_scores(result.inside).items()}
    rising = [_describe(one, labels) for one in result.changes if one.low > 0]
    falling = [_describe(one, labels) for one in result.changes if one.high < 0]
    lines = []
    if rising:
        lines.append(f"Alignment beyond chance is higher on the second set in {'; '.join(rising)}.")
    if falling:
        lines.append(f"Alignment beyond chance is lower on the second set in {'; '.join(falling)}.")
    if not lines:
        one = result.changes[0]
        n = units(one.models, one.families)
        if any(is_number(change.low) for change in result.changes):
            lines.append(NotSignificant(f"No metric changes significantly from the first to the second set, n = {n}."))
        else:
            change = "Whether alignment changes from the first to the second set"
            lines.append(NotSignificant(f"{change} is {inconclusive(*_n(one))}."))
    if result.contrast is not None:
        lines.append(_at_one_n(result.contrast, labels, paired=result.paired))
    elif differing := _differing(result):
        lines.append(f"The sets differ in {differing}, on which scores depend: the changes include that.")
    return lines


def _at_one_n(one: Contrast, labels: dict[str, str], *, paired: bool) -> str:
    difference = number(one.outside - one.inside, 3)
    ends = f"{interval(one.low, one.high, 3)} over samples"
    if is_number(one.family_low):
        ends += f", {number(one.family_low, 3)} to {number(one.family_high, 3)} over families"
    of = "samples that are in both sets" if paired else "samples of each set"
    where = f"On {one.n} {of}, with k = {one.k} and over {one.redraws} redraws"
    scores = (
        f"{labels.get(one.metric, one.metric)} beyond chance is {number(one.inside, 3)} and {number(one.outside, 3)}"
    )
    return f"{where}, {scores}: a difference of {difference} ({ends}; n = {units(one.models, one.families)})."


def _differing(result: RegimeResult) -> str:
    """Return which numbers of samples and neighbours differ between the two sets, such as "n (984 and 107)"."""
    both = []
    for key in ("n", "k"):
        first, second = (integer(one[result.metric].attrs.get(key, one.attrs.get(key))) for one in _both(result))
        if first is not None and second is not None and first != second:
            both.append(f"{key} ({first} and {second})")
    return " and ".join(both)


def _both(result: RegimeResult) -> tuple[xr.Dataset, xr.Dataset]:
    metric = result.metric
    return result.inside, result.outside if metric in result.outside else result.inside


def _n(one: Change) -> tuple[int, int]:
    return one.models, one.families


def _describe(one: Change, labels: dict[str, str]) -> str:
    numbers = f"{number(one.inside, 2)} to {number(one.outside, 2)}, change {interval(one.low, one.high)}"
    return f"{labels.get(one.metric, one.metric)} ({numbers}, n = {units(*_n(one))})"


def print_result(result: RegimeResult) -> None:
    """Print the change of each metric from the first to the second set."""
    changes = result.changes
    click.echo(f"From the first to the second comparison, {units(*_n(changes[0]))}; as alignment beyond chance")
    headings = ("metric", "first", "second", "95 % of the change", "pairs rising", "rank correlation of pairs")
    lines = []
    for one in changes:
        ends = f"{number(one.low, 3)} to {number(one.high, 3)}" if is_number(one.low) else "–"
        correlation = number(one.correlation, 2) if one.correlation == one.correlation else "–"
        lines.append(
            (one.metric, number(one.inside, 3), number(one.outside, 3), ends, f"{one.rising:.0%}", correlation)
        )
    print_table(headings, lines, right=headings[1:], keys=1)


def to_dict(result: RegimeResult) -> list[dict[str, Any]]:
    """Return the changes as plain data; that of the primary metric with its contrast at one n and k."""
    fair = {} if result.contrast is None else {result.contrast.metric: dataclasses.asdict(result.contrast)}
    return [dataclasses.asdict(one) | {"contrast": fair.get(one.metric)} for one in result.changes]


def make_figures(result: RegimeResult) -> dict[str, Figure]:
    """Return alignment on the second set against that on the first, for a local and a global metric."""
    from ..figures import IMBALANCE, Figure, agreement_axes, imbalance_plane, regime_scatter

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
        caption = (
            "The same plane as for the first set. At the bottom left, both models predict the neighbours of the other: "
            "they carry the same information, whether much or little."
        )
        chart = imbalance_plane(result.outside)
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
