"""Agreement of models against the distance of samples from the first set."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import CONTROL, number, read_scores
from ..console import print_table, say
from ..results import DoseResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, excludes, inconclusive, interval, is_number, units

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "How does agreement change with the distance from the first set?"
# The fewest samples of the first and of the second set, and models; controls that say what every representation does.
MIN_FIRST, MIN_SECOND, MIN_MODELS, CONTROLS = 40, 120, 3, ("composition", "chgnet-untrained")


def compute(question: AnalysisInput) -> DoseResult | None:
    """Compare the agreement in bins of the second set; None without embeddings of both, or with too few samples."""
    shared = [name for name in question.embeddings if name in question.outside]
    real = [name for name in shared if question.kinds.get(name) != CONTROL]
    if len(real) < MIN_MODELS:
        return None
    first, second = (len(one[real[0]]) for one in (question.embeddings, question.outside))
    first = first if question.groups is None else len(set(question.groups))
    second = second if question.outside_groups is None else len(set(question.outside_groups))
    if first < MIN_FIRST or second < MIN_SECOND:
        return None
    from hyle.engine import HyleError
    from hyle.engine.analysis import dose_response

    controls = [name for name in CONTROLS if name in shared]
    try:
        found = dose_response(
            {name: question.embeddings[name] for name in (*real, *controls)},
            {name: question.outside[name] for name in (*real, *controls)},
            (question.metric,),
            families=question.families,
            controls=controls,
            reference_groups=question.states[0],
            shifted_groups=question.states[1],
        )
    except HyleError as error:  # a quarter can have few groups, which is known from the distances only
        say(f"dose: {error}")
        return None
    return DoseResult(found, read_scores(question.comparison)[question.metric].label)


def summarise(result: DoseResult) -> list[str]:
    """Return whether agreement changes with the distance, beside the change of the controls."""
    found, (response,) = result.found, result.found.responses
    ends = f"{number(response.values[1], 2)} in the nearest quarter, {number(response.values[-1], 2)} in the farthest"
    n = units(found.models, found.families)
    change = f"{number(response.slope, 3)} from one to the next"
    if not is_number(response.low):
        evidence = inconclusive(found.models, found.families)
        return [
            NotSignificant(
                f"{result.label} beyond chance over quarters of the second set: {ends} ({change}, {evidence})."
            )
        ]
    where = f"{change}, {interval(response.low, response.high, 3)}, n = {n}, {found.n} samples each"
    beside = "; ".join(
        f"{name} with the models {number(values[1], 2)} and {number(values[-1], 2)}"
        for name, values in response.controls.items()
    )
    beside = f" For comparison, {beside}." if beside else ""
    if not excludes(response.low, response.high):
        return [
            NotSignificant(
                f"{result.label} beyond chance does not change detectably with the distance from the first set: {ends} "
                f"({where}).{beside}"
            )
        ]
    verb = "falls" if response.slope < 0 else "rises"
    return [f"{result.label} beyond chance {verb} with the distance from the first set: {ends} ({where}).{beside}"]


def print_result(result: DoseResult) -> None:
    """Print the alignment on the first set and in each bin of the second."""
    found, (response,) = result.found, result.found.responses
    click.echo(f"{result.label} beyond chance against the distance from the first set, {found.n} samples each")
    names = ["first set", *(f"{number(float(low), 2)} to {number(float(high), 2)}" for low, high in found.bins)]
    lines = [
        (name, number(response.values[i], 3), *(number(values[i], 3) for values in response.controls.values()))
        for i, name in enumerate(names)
    ]
    headings = ("log distance", "models", *(f"{name} with them" for name in response.controls))
    print_table(headings, lines, right=headings[1:])
    click.echo(
        "log distance: to the tenth-nearest sample of the first set, over that within the first set; mean over families"
    )


def to_dict(result: DoseResult) -> dict[str, Any]:
    """Return the bins and their alignment as plain data."""
    found, (response,) = result.found, result.found.responses
    return {
        "metric": response.metric,
        "n": found.n,
        "k": found.k,
        "redraws": found.redraws,
        "models": found.models,
        "families": found.families,
        "bins": found.bins.tolist(),
        **{
            name: value.tolist() if hasattr(value, "tolist") else value
            for name, value in dataclasses.asdict(response).items()
            if name not in ("metric", "controls")
        },
        "controls": {name: values.tolist() for name, values in response.controls.items()},
    }


def make_figures(result: DoseResult) -> dict[str, Figure]:
    """Return the chart of the alignment against the distance."""
    from ..figures import Figure, dose_chart

    found = result.found
    caption = (
        f"{result.label} beyond chance on random samples of the first set, and in quarters of the second set from the "
        "nearest to the farthest; the mean over pairs of families. Bars are standard deviations over redraws of "
        "samples. Controls know only the composition, or were never trained: what happens to them happens to every "
        "representation."
    )
    recipe = f"{found.n} samples each, k = {found.k}, {found.redraws} redraws; {units(found.models, found.families)}"
    return {"dose": Figure(dose_chart(result), QUESTION, caption, recipe)}


ANALYSIS = Analysis(
    name="dose",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
