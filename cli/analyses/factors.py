"""Tell what explains who is alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..console import print_table
from ..results import FactorResult
from ._question import AnalysisInput
from ._words import join_names, p_value

if TYPE_CHECKING:
    from ..figures import Figure

ON_FIRST, ON_SECOND = "first", "second"


def data(question: AnalysisInput) -> FactorResult | None:
    """Explain distances by each fact of the models alone; None where no fact tells groups apart."""
    from hyle.engine.analysis import factors

    on = {ON_FIRST: factors(question.comparison, question.metric)}
    if question.against is not None and question.metric in question.against:
        on[ON_SECOND] = factors(question.against, question.metric)
    return FactorResult(on, question.score.label) if any(on.values()) else None


def sentences(found: FactorResult) -> list[str]:
    """Name the facts that explain more than chance."""
    lines = []
    for where, factors in found.on.items():
        place = " on the second set" if where == ON_SECOND else ""
        if not factors:
            continue
        # Each of several facts has its chance to come out by chance.
        strong = [f for f in factors if f.p * len(factors) <= 0.05]
        if strong:
            said = [f"{_name(f.name)} {f.share:.0%} (chance {f.by_chance:.0%}, {p_value(f.p)})" for f in strong]
            lines.append(f"Who is alike{place} goes with {join_names(said)}; n = {strong[0].n} models.")
        else:
            names = join_names([_name(f.name) for f in factors])
            n = max(f.n for f in factors)
            lines.append(f"What {names} explain of who is alike{place} is not distinguishable from chance, n = {n}.")
    return lines


def show(found: FactorResult) -> None:
    """Print the shares beside those by chance."""
    for where, factors in found.on.items():
        if factors:
            place = ", second comparison" if where == ON_SECOND else ""
            click.echo(f"What explains who is alike, each fact alone (PERMANOVA){place}")
            lines = [
                (f.name, f.groups, f.n, f"{100 * f.share:.0f} %", f"{100 * f.by_chance:.0f} %", f"{f.p:.2g}")
                for f in factors
            ]
            headings = ("fact", "values", "models", "share", "by chance", "p")
            print_table(headings, lines, right=headings[1:], keys=1)


def plain(found: FactorResult) -> Any:
    """Return the factors for programs: a list, of two sets one for each."""
    rows = {where: [dataclasses.asdict(one) for one in factors] for where, factors in found.on.items()}
    return rows if ON_SECOND in rows else rows[ON_FIRST]


def figures(found: FactorResult) -> dict[str, Figure]:
    """Return the shares as bars."""
    from ..figures import Figure, factor_bars

    caption = (
        "Share of the squared distances between models that one fact about them explains, each fact alone. The tick is "
        "the mean under permutation of the fact's values: many groups of few models explain much by chance."
    )
    recipe = f"PERMANOVA on 1 − {found.metric}, 999 permutations, without controls"
    return {"factors": Figure(factor_bars(found.on), "What explains who is alike?", caption, recipe)}


def _name(fact: str) -> str:
    return fact.replace("_", " ")
