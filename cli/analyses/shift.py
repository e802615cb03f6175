"""Distance of the second set of samples from the first, in the space of each model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, number
from ..console import print_table
from ..results import ShiftResult
from ._analysis import Analysis
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

QUESTION = "How far has the second set shifted?"
K = 10


def compute(question: AnalysisInput) -> ShiftResult | None:
    """Compute the degree of shift for each model with embeddings of both sets; None without any."""
    from hyle.engine.analysis import degree_of_shift

    shared = [name for name in question.embeddings if name in question.outside]
    if not shared:
        return None
    groups = list(question.states)
    samples = [len(one[shared[0]]) for one in (question.embeddings, question.outside)]
    n, m = (size if labels is None else len(set(labels)) for size, labels in zip(samples, groups, strict=True))
    if n < 2:
        return None
    most = 1 if groups[0] is None else max(Counter(groups[0]).values())
    k = min(K, samples[0] - most - (groups[1] is not None))
    shifts = {
        name: degree_of_shift(
            question.embeddings[name],
            question.outside[name],
            k=k,
            groups=groups[0],
            shifted_groups=None if groups[0] is None else groups[1],
        )
        for name in shared
    }
    ends = {name: auc_interval(one.auc, n, m) for name, one in shifts.items()}
    unit = "samples" if question.groups is None and question.outside_groups is None else "groups of samples"
    return ShiftResult(shifts, ends, (n, m), unit, k, question.kinds)


def auc_interval(auc: float, n: int, m: int) -> tuple[float, float]:
    """Return the 95 % interval of the area under a ROC curve of n and m independent samples.

    The ends are the areas from which the estimate is 1.96 of their own standard errors away, so that the interval has
    a width also at 0 and 1. Source: Newcombe (2006), Statistics in Medicine 25, 559, method 5.
    """
    from scipy.optimize import brentq

    average = (n + m) / 2 - 1

    def apart(area: float) -> float:
        shared = (1 - area) / (2 - area) + area / (1 + area)
        return abs(area - auc) - 1.96 * (area * (1 - area) * (1 + average * shared) / (n * m)) ** 0.5

    within = min(max(auc, 1e-9), 1 - 1e-9)  # at 0 and 1 the standard error is 0
    low = float(brentq(apart, 0.0, within)) if auc > 0 else 0.0
    high = float(brentq(apart, within, 1.0)) if auc < 1 else 1.0
    return low, high


def summarise(result: ShiftResult) -> list[str]:
    """Return how far the second set is shifted."""
    real = [name for name in result.shifts if result.kinds.get(name) != CONTROL]
    if not real:
        return []
    aucs = np.array([result.shifts[name].auc for name in real])
    shifted = sum(result.ends[name][0] > 0.5 for name in real)
    median = number(float(np.median(aucs)), 2)
    return [
        f"The second set is shifted from the first in the space of {shifted} of {len(real)} models: a sample of it is "
        f"further from the first set than one of the first set with probability {median} (median over models; 0.5 is "
        f"no shift; n = {result.n[0]} and {result.n[1]} {result.unit})."
    ]


def print_result(result: ShiftResult) -> None:
    """Print the degree of shift for each model."""
    click.echo(f"Degree of shift of the second samples, by the distance to the {result.k}th neighbour in the first")
    lines = [
        (name, number(one.auc, 3), " to ".join(number(e, 3) for e in result.ends[name]), number(one.ratio, 2))
        for name, one in result.shifts.items()
    ]
    print_table(("model", "AUC", "95 %", "ratio"), lines, right=("AUC", "95 %", "ratio"), keys=1)
    click.echo("AUC: probability that a second sample is further out than a first one; ratio: of the median distances")


def to_dict(result: ShiftResult) -> dict[str, Any]:
    """Return the shifts as plain data."""
    return {
        name: {
            "auc": one.auc,
            "low": result.ends[name][0],
            "high": result.ends[name][1],
            "ratio": one.ratio,
            "k": result.k,
        }
        for name, one in result.shifts.items()
    }


def make_figures(result: ShiftResult) -> dict[str, Figure]:
    """Return the chart of the degree of shift for each model."""
    from ..figures import Figure, shift_chart

    caption = (
        "Probability that a sample of the second set is further from the first set than the samples of the first set "
        "are from each other, in the space of each model. 0.5 is no shift, 1 is complete separation; lines are 95 % "
        "intervals."
    )
    recipe = f"distance to the {result.k}th neighbour, Euclidean; {result.n[0]} and {result.n[1]} {result.unit}"
    chart = shift_chart(result)
    return {"shift": Figure(chart, QUESTION, caption, recipe)}


ANALYSIS = Analysis(
    name="shift",
    question=QUESTION,
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
