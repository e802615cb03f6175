"""Samples of the second set on which representations lose information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, number
from ..console import print_table
from ..results import SampleCollapseResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant, excludes, interval, is_number, join_names

if TYPE_CHECKING:
    from hyle.engine.analysis import Interval

    from ..figures import Figure

QUESTION = "On which samples of the second set do representations collapse?"
# The fewest samples of a set and families, and the number of neighbours and of samples that are named for each model.
MIN_SAMPLES, MIN_FAMILIES, K, SHOWN = 40, 2, 10, 3


def compute(question: AnalysisInput) -> SampleCollapseResult | None:
    """Measure the information of each model on each sample of both sets; None without embeddings of both."""
    names = [name for name in question.embeddings if name in question.outside]
    names = [name for name in names if question.kinds.get(name) != CONTROL]
    families = [question.families.get(name) or name for name in names]
    if len(set(families)) < MIN_FAMILIES:
        return None
    n, q = len(question.embeddings[names[0]]), len(question.outside[names[0]])
    labels = [one for one in (question.groups, question.outside_groups) if one is not None]
    if min(n, q, *(len(set(one)) for one in labels)) < MIN_SAMPLES:
        return None
    from hyle.engine.analysis import sample_collapse

    found = sample_collapse(
        [question.embeddings[name] for name in names],
        [question.outside[name] for name in names],
        families=families,
        k=K,
        groups=(question.groups, question.outside_groups),
    )
    return SampleCollapseResult(found, tuple(names), tuple(question.outside_ids), len(set(families)), (n, q), K)


def summarise(result: SampleCollapseResult) -> list[str]:
    """Return the change of the dimension around samples, and the models that lose more than the others."""
    from hyle.engine.base import t_quantile

    found = result.found
    n = f"{result.families} families; n = {result.n[0]} and {result.n[1]} samples, compared {found.together} at a time"
    change = found.mean_dimension
    ends = f"{interval(change.low, change.high)}, mean over {n}"
    if excludes(change.low, change.high, 1.0):
        verb = "lower" if change.value < 1 else "higher"
        lines = [
            f"Around samples of the second set the dimension of representations is {verb}: {number(change.value, 2)} "
            f"times that around samples of the first ({ends})."
        ]
    else:
        lines = [
            NotSignificant(
                "The dimension of representations around samples of the second set is not distinguishable from that "
                f"around samples of the first (ratio {number(change.value, 2)}, {ends})."
            )
        ]
    # Bonferroni's quantile, since the sentence is about any of the models.
    wider = t_quantile(1 - 0.025 / len(found.loss), found.loss_df) / t_quantile(0.975, found.loss_df)
    losing = [
        at
        for at in np.argsort([-each.value for each in found.loss])
        if found.loss[at].value > wider[at] * (found.loss[at].high - found.loss[at].value)
    ]
    if losing:
        parts = [
            f"{result.models[at]} (by {number(found.loss[at].value, 2)}, {interval(*found.loss[at][1:])})"
            for at in losing[:SHOWN]
        ]
        lose = "loses" if len(parts) == 1 else "lose"
        lines.append(
            f"On samples of the second set, compared with the first, {join_names(parts)} {lose} information that the "
            "other models retain (information imbalance of one sample)."
        )
    return lines


def print_result(result: SampleCollapseResult) -> None:
    """Print both changes for each model, and the samples of which it lost most."""
    click.echo(f"Information on each sample of the second set, by its {result.k} nearest neighbours in the same set")
    found = result.found
    lines = [
        (
            name,
            number(found.dimension[at].value, 2),
            _ends(found.dimension[at]),
            f"{number(100 * float(found.share[at]), 0)} %",
            ", ".join(result.ids[i] for i in np.argsort(found.shifted_dimension[at], kind="stable")[:SHOWN]),
            number(found.loss[at].value, 3),
            _ends(found.loss[at], 3),
        )
        for at, name in enumerate(result.models)
    ]
    headings = ("model", "dimension", "95 %", "low", "lowest around", "loss", "95 % ")
    print_table(headings, lines, right=("dimension", "95 %", "low", "loss", "95 % "), keys=1)
    click.echo(
        "dimension: around a sample, ratio of the medians, second set over first; low: samples with fewer dimensions "
        "than 95 % of the first set; loss: information that the other models have and this one does not, change of the "
        "mean"
    )


def to_dict(result: SampleCollapseResult) -> dict[str, Any]:
    """Return the changes of each model, and the values of each sample of the second set, as plain data."""
    found = result.found
    return {
        "k": result.k,
        "n": list(result.n),
        "together": found.together,
        "families": result.families,
        "mean_dimension": found.mean_dimension._asdict(),
        "models": {
            name: {
                "dimension": found.dimension[at]._asdict(),
                "loss": found.loss[at]._asdict(),
                "share": float(found.share[at]),
                "samples": {
                    id_: {"loss": float(loss), "dimension": float(dimension)}
                    for id_, loss, dimension in zip(
                        result.ids, found.shifted_loss[at], found.shifted_dimension[at], strict=True
                    )
                },
            }
            for at, name in enumerate(result.models)
        },
    }


def make_figures(result: SampleCollapseResult) -> dict[str, Figure]:
    """Return the chart of the change of the dimension for each model."""
    from ..figures import Figure, collapse_chart

    caption = (
        "Intrinsic dimension around a sample, the median over the second set divided by that over the first, in each "
        "model; both sets at the same number of samples. Lines are 95 % intervals. Below 1, samples of the second set "
        "differ in fewer directions."
    )
    recipe = f"{result.k} nearest neighbours, Euclidean; {result.found.together} samples at a time"
    return {"sample_collapse": Figure(collapse_chart(result), QUESTION, caption, recipe)}


def _ends(one: Interval, digits: int = 2) -> str:
    if not is_number(one.low):
        return "–"
    return f"{number(one.low, digits)} to {number(one.high, digits)}"


ANALYSIS = Analysis(
    name="sample_collapse",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
