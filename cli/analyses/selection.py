"""Choice of a model for a label of which few values are known."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, number
from ..console import print_table
from ..results import SelectionResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, inconclusive, interval, is_number, is_significant, join_names, p_value, units

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "Which ranking picks the right model?"


def compute(question: AnalysisInput) -> SelectionResult | None:
    """Rank the models for the label; None without a label or without embeddings of two models."""
    from hyle.engine.analysis import selection

    real = {name: x for name, x in question.embeddings.items() if question.kinds.get(name) != CONTROL}
    if question.values is None or len(real) < 2:
        return None
    n_labels = min(question.n_labels, int(np.isfinite(question.values).sum()) // 2)
    ranking = selection(question.comparison, real, question.values, question.metric, n_labels=n_labels)
    return SelectionResult(question.label, ranking, question.score.label, question.kinds)


def summarise(result: SelectionResult) -> list[str]:
    """Return the best model by a probe, and which ways of ranking are better than chance."""
    one = result.selection
    lines = [
        f"For {result.label} with {one.n_labels} labels, a probe selects {one.models[0]}: error "
        f"{number(one.error[0], 3)} on {one.test} held-out samples, against {number(one.baseline, 3)} for the median."
    ]
    good = [c for c in one.criteria if is_significant(c.p * len(one.criteria)) and c.correlation > 0]
    n = units(len(one.models), one.criteria[0].families)
    if good:
        criteria = [f"{c.name} ({number(c.correlation, 2)}, {interval(c.low, c.high)}, {p_value(c.p)})" for c in good]
        lines.append(
            f"Better than chance at ranking {n} are {join_names(criteria)}; "
            "rank correlation with accuracy, over families."
        )
    elif any(is_number(c.p) for c in one.criteria):
        lines.append(NotSignificant(f"No way of ranking {n} is distinguishable from chance."))
    else:
        first = one.criteria[0]
        reason = inconclusive(len(one.models), first.families, first.smallest_p)
        lines.append(NotSignificant(f"Whether a ranking is better than chance is {reason}."))
    return lines


def print_result(result: SelectionResult) -> None:
    """Print the ranking, its evaluation and the best pair."""
    one = result.selection
    click.echo(
        f"Models for {result.label}: {one.n_labels} labels, {one.test} held-out samples, {one.draws} random splits"
    )
    scores = {c.name: c.score for c in one.criteria}
    lines = [
        (name, number(one.error[i], 4), *(_score(scores[c][i]) for c in scores)) for i, name in enumerate(one.models)
    ]
    headings = ("model", "held-out error", *scores)
    print_table(headings, lines, right=headings[1:], keys=1)
    click.echo(f"error of the median of the labels: {number(one.baseline, 4)}\n\nIs a ranking better than chance?")
    lines = [
        (
            c.name,
            number(c.correlation, 2) if is_number(c.correlation) else "–",
            interval(c.low, c.high),
            f"{c.p:.2g}" if is_number(c.p) else "–",
            f"{c.smallest_p:.2g}",
            number(c.regret, 2) if is_number(c.regret) else "–",
            interval(*c.over_parameters),
        )
        for c in one.criteria
    ]
    headings = (
        "ranked by",
        "correlation with accuracy",
        "interval",
        "p",
        "smallest p",
        "regret",
        "gain over parameters",
    )
    print_table(headings, lines, right=headings[1:], keys=1)
    click.echo(f"n = {units(len(one.models), one.criteria[0].families)}; correlation, interval and p are over families")
    click.echo("regret: error of the model ranked first, 0 for the best of all models, 1 for a random model")
    click.echo("alignment: with the model of the best probe; it ranks only models of other families than that one")
    pair, single = number(one.pair_error, 4), number(one.single_error, 4)
    click.echo(
        f"best pair by these labels: {join_names(one.pair)}, held-out error {pair}; of the best single model: {single}"
    )


def _score(value: float) -> str:
    return f"{value:.4g}".replace("-", "−") if is_number(value) else "–"


def to_dict(result: SelectionResult) -> dict[str, Any]:
    """Return the ranking as plain data."""
    return {"label": result.label, **dataclasses.asdict(result.selection)}


def make_figures(result: SelectionResult) -> dict[str, Figure]:
    """Return the correlation of each way of ranking with accuracy."""
    from ..figures import Figure, selection_chart

    one = result.selection
    if not any(is_number(c.correlation) for c in one.criteria):
        return {}
    caption = (
        f"Rank correlation between each way of ranking {len(one.models)} models and their accuracy for {result.label} "
        "on held-out samples, with 95 % intervals over families. 0 is chance; only the parameter count needs no data."
    )
    recipe = (
        f"{one.n_labels} labels, {one.test} held-out samples, {one.draws} random splits; ridge probes; {result.metric}"
    )
    return {"selection": Figure(selection_chart(one), QUESTION, caption, recipe)}


ANALYSIS = Analysis(
    name="selection",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
