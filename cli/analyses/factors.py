"""Facts about models that explain which of them are similar."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..console import print_table
from ..results import FactorResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import join_names, p_value

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "What explains which models are similar?"
ON_FIRST, ON_SECOND = "first", "second"


def compute(question: AnalysisInput) -> FactorResult | None:
    """Compute the share of the distances that each fact explains alone; None where no fact has several groups."""
    from hyle.engine.analysis import factors

    on = {ON_FIRST: factors(question.comparison, question.metric)}
    if question.against is not None and question.metric in question.against:
        on[ON_SECOND] = factors(question.against, question.metric)
    return FactorResult(on, question.score.label) if any(on.values()) else None


def summarise(result: FactorResult) -> list[str]:
    """Return the facts that explain significantly more than chance."""
    lines = []
    for where, factors in result.on.items():
        place = " on the second set" if where == ON_SECOND else ""
        if not factors:
            continue
        # Bonferroni: each of several facts may be significant by chance.
        strong = [f for f in factors if f.p * len(factors) <= 0.05]
        if strong:
            shares = [f"{_name(f.name)} {f.share:.0%} (chance {f.by_chance:.0%}, {p_value(f.p)})" for f in strong]
            lines.append(f"Which models are similar{place} goes with {join_names(shares)}; n = {strong[0].n} models.")
        else:
            names = join_names([_name(f.name) for f in factors])
            n = max(f.n for f in factors)
            explained = f"What {names} explain of which models are similar{place}"
            lines.append(f"{explained} is not distinguishable from chance, n = {n}.")
    return lines


def print_result(result: FactorResult) -> None:
    """Print the share that each fact explains, and the share by chance."""
    for where, factors in result.on.items():
        if factors:
            place = ", second comparison" if where == ON_SECOND else ""
            click.echo(f"What explains which models are similar, each fact alone (PERMANOVA){place}")
            lines = [
                (f.name, f.groups, f.n, f"{100 * f.share:.0f} %", f"{100 * f.by_chance:.0f} %", f"{f.p:.2g}")
                for f in factors
            ]
            headings = ("fact", "values", "models", "share", "by chance", "p")
            print_table(headings, lines, right=headings[1:], keys=1)


def to_dict(result: FactorResult) -> Any:
    """Return the factors as plain data: a list, or by set where there are two."""
    rows = {where: [dataclasses.asdict(one) for one in factors] for where, factors in result.on.items()}
    return rows if ON_SECOND in rows else rows[ON_FIRST]


def make_figures(result: FactorResult) -> dict[str, Figure]:
    """Return the shares as bars."""
    from ..figures import Figure, factor_bars

    caption = (
        "Share of the squared distances between models that one fact about them explains, each fact alone. The tick is "
        "the mean under permutation of the fact's values: many groups of few models explain much by chance."
    )
    recipe = f"PERMANOVA on 1 − {result.metric}, 999 permutations, without controls"
    return {"factors": Figure(factor_bars(result.on), QUESTION, caption, recipe)}


def _name(fact: str) -> str:
    return fact.replace("_", " ")


ANALYSIS = Analysis(
    name="factors",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
