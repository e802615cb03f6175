"""Tell which model to transfer from where labels are few."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, number
from ..console import print_table
from ..results import SelectionResult
from ._question import AnalysisInput
from ._words import interval, is_number, is_significant, join_names, p_value

if TYPE_CHECKING:
    from ..figures import Figure


def data(question: AnalysisInput) -> SelectionResult | None:
    """Rank the models for the label; None without a label or embeddings of two models."""
    from hyle.engine.analysis import selection

    real = {name: x for name, x in question.embeddings.items() if question.kinds.get(name) != CONTROL}
    if question.values is None or len(real) < 2:
        return None
    n_labels = min(question.n_labels, int(np.isfinite(question.values).sum()) // 2)
    found = selection(question.comparison, real, question.values, question.metric, n_labels=n_labels)
    return SelectionResult(question.label, found, question.score.label, question.kinds)


def sentences(found: SelectionResult) -> list[str]:
    """Name the model to take, and whether the way of choosing is better than chance."""
    one = found.selection
    lines = [
        f"For {found.label} with {one.n_labels} labels take {one.models[0]}, by a probe: error "
        f"{number(one.error[0], 3)} on {one.test} samples held out, where the median gives {number(one.baseline, 3)}."
    ]
    good = [
        c
        for c in one.criteria
        if is_number(c.p) and is_significant(c.low, c.high, c.p * len(one.criteria)) and c.correlation > 0
    ]
    n = len(one.models)
    if good:
        said = [f"{c.name} ({number(c.correlation, 2)}, {interval(c.low, c.high)}, {p_value(c.p)})" for c in good]
        lines.append(
            f"Better than chance at ranking the {n} models are {join_names(said)}; rank correlation with accuracy."
        )
    elif any(is_number(c.p) for c in one.criteria):
        lines.append(f"No way of ranking the {n} models is distinguishable from chance.")
    return lines


def show(found: SelectionResult) -> None:
    """Print the ranking, its check and the best pair."""
    one = found.selection
    click.echo(
        f"Models for {found.label}: {one.n_labels} labels to choose by, {one.test} samples held out, {one.draws} draws"
    )
    scores = {c.name: c.score for c in one.criteria}
    lines = [
        (name, number(one.error[i], 4), *(f"{scores[c][i]:.4g}".replace("-", "−") for c in scores))
        for i, name in enumerate(one.models)
    ]
    headings = ("model", "error held out", *scores)
    print_table(headings, lines, right=headings[1:], keys=1)
    click.echo(f"the median of the few: {number(one.baseline, 4)}\n\nIs a ranking better than chance?")
    lines = [
        (
            c.name,
            number(c.correlation, 2) if is_number(c.correlation) else "–",
            interval(c.low, c.high),
            f"{c.p:.2g}" if is_number(c.p) else "–",
            number(c.regret, 2),
            interval(*c.over_parameters),
        )
        for c in one.criteria
    ]
    headings = ("ranked by", "with accuracy", "interval", "p", "regret", "beyond parameters")
    print_table(headings, lines, right=headings[1:], keys=1)
    click.echo("regret: error of the model taken first, 0 as the best there is, 1 as one drawn by lot")
    pair, single = number(one.pair_error, 4), number(one.single_error, 4)
    click.echo(
        f"best pair by the few labels: {join_names(one.pair)}, error held out {pair}; the single model: {single}"
    )


def plain(found: SelectionResult) -> dict[str, Any]:
    """Return the ranking for programs."""
    return {"label": found.label, **dataclasses.asdict(found.selection)}


def figures(found: SelectionResult) -> dict[str, Figure]:
    """Return how well each way of ranking does."""
    from ..figures import Figure, selection_chart

    one = found.selection
    if not any(is_number(c.correlation) for c in one.criteria):
        return {}
    caption = (
        f"Rank correlation between each way of ranking {len(one.models)} models and their accuracy for {found.label} "
        "on samples held out, with 95 % over models. 0 is chance; only the parameter count needs no data."
    )
    recipe = f"{one.n_labels} labels, {one.test} held out, {one.draws} draws; ridge probes; {found.metric}"
    return {"selection": Figure(selection_chart(one), "Which ranking picks the right model?", caption, recipe)}
