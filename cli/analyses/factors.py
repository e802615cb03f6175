"""Facts about models that explain which of them are similar."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import number
from ..console import print_table
from ..results import FactorResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, interval, is_number, join_names, p_value, units

if TYPE_CHECKING:
    from hyle.engine.analysis import Factor

    from ..figures import Figure

QUESTION = "What explains which models are similar?"
ON_FIRST, ON_SECOND = "first", "second"
FAMILY = "family"


def compute(question: AnalysisInput) -> FactorResult | None:
    """Compute the share of the distances that each fact explains alone; None where no fact has several groups."""
    from hyle.engine.analysis import factors

    on = {ON_FIRST: factors(question.comparison, question.metric)}
    if question.against is not None and question.metric in question.against:
        on[ON_SECOND] = factors(question.against, question.metric)
    return FactorResult(on, question.score.label) if any(on.values()) else None


def summarise(result: FactorResult) -> list[str]:
    """Return the facts that explain significantly more than chance, and those that cannot be tested."""
    lines = []
    for where, factors in result.on.items():
        place = " on the second set" if where == ON_SECOND else ""
        tested = [f for f in factors if not f.untested]
        # Bonferroni: each of several facts may be significant by chance.
        strong = [f for f in tested if f.p * len(tested) <= 0.05]
        if strong:
            shares = [
                f"{_name(f.name)} ({100 * (f.share - f.by_chance):.0f} percentage points of the variation more than "
                f"the {100 * f.by_chance:.0f} % by chance, {_tests(f)})"
                for f in strong
            ]
            n = units(strong[0].n, strong[0].families)
            lines.append(f"Which models are similar{place} is associated with {join_names(shares)}; n = {n}.")
        elif tested:
            names = join_names([_name(f.name) for f in tested])
            n = units(max(f.n for f in tested), max(f.families for f in tested))
            explained = f"What {names} explain{'s' * (len(tested) == 1)} of which models are similar{place}"
            lines.append(NotSignificant(f"{explained} is not distinguishable from chance, n = {n}."))
        reasons = [f"{_name(f.name)} ({f.untested})" for f in factors if f.untested and f.name != FAMILY]
        if reasons:
            lines.append(NotSignificant(f"Not tested as an explanation of similarity{place}: {join_names(reasons)}."))
        alone = dict.fromkeys(value for f in factors if f.name != FAMILY for value in f.alone)
        if alone and tested:
            lines.append(NotSignificant(f"Not separable from one family{place}: {join_names(list(alone))}."))
    return lines


def print_result(result: FactorResult) -> None:
    """Print the share that each fact explains, the share by chance, and why facts are not tested."""
    for where, factors in result.on.items():
        if not factors:
            continue
        place = ", second comparison" if where == ON_SECOND else ""
        click.echo(f"What explains which models are similar, each fact alone, over pairs of families{place}")
        lines = [
            (
                f.name,
                f.groups,
                f.n,
                f.families,
                f"{100 * f.share:.0f} %" if is_number(f.share) else "–",
                f"{100 * f.by_chance:.0f} %" if is_number(f.by_chance) else "–",
                number(f.difference, 3) if is_number(f.difference) else "–",
                interval(f.low, f.high, 3),
                *(f"{p:.2g}" if is_number(p) else "–" for p in (f.p, f.given_others, f.smallest_p)),
            )
            for f in factors
        ]
        headings = (
            *("fact", "values", "models", "families", "share", "by chance", "same − different", "interval"),
            *("p", "p given others", "smallest p"),
        )
        print_table(headings, lines, right=headings[1:], keys=1)
        for f in factors:
            if f.untested:
                click.echo(f"{f.name}: not tested: {f.untested}")
            if f.alone and f.name != FAMILY:
                click.echo(f"{f.name}: not separable from one family: {join_names(f.alone)}")


def to_dict(result: FactorResult) -> Any:
    """Return the factors as plain data: a list, or by set where there are two."""
    rows = {where: [dataclasses.asdict(one) for one in factors] for where, factors in result.on.items()}
    return rows if ON_SECOND in rows else rows[ON_FIRST]


def make_figures(result: FactorResult) -> dict[str, Figure]:
    """Return the shares above chance as bars, of the facts that can be tested."""
    from ..figures import NOT_SIGNIFICANT, SIGNIFICANT, Figure, factor_bars

    tested = {where: [f for f in factors if is_number(f.p)] for where, factors in result.on.items()}
    if not any(tested.values()):
        return {}
    strong = any(f.p * len(factors) <= 0.05 for factors in tested.values() for f in factors)
    caption = (
        "What one fact about the models explains of the variation of alignment over pairs of families, each fact "
        "alone: percentage points above the mean under permutation of the families, which is 0 here."
    )
    if missing := list(dict.fromkeys(_name(f.name) for fs in result.on.values() for f in fs if not is_number(f.p))):
        caption += f" Not drawn, because these families cannot test it: {join_names(missing)}."
    recipe = f"quadratic assignment on {result.metric}, families permuted, without controls"
    shown = SIGNIFICANT if strong else NOT_SIGNIFICANT
    return {"factors": Figure(factor_bars(tested), QUESTION, caption, recipe, shown)}


def _tests(factor: Factor) -> str:
    given = f", {p_value(factor.given_others)} given the other facts" if is_number(factor.given_others) else ""
    return p_value(factor.p) + given


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
