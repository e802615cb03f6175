"""Tell how far the second samples lie from the first, in each model's own space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..comparison import CONTROL, number
from ..console import print_table
from ..results import ShiftResult
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure

K = 10


def data(question: AnalysisInput) -> ShiftResult | None:
    """Compute the shift of each model whose embeddings of both sets are at hand; None without any."""
    from hyle.engine.analysis import degree_of_shift

    shared = [name for name in question.embeddings if name in question.outside]
    if not shared:
        return None
    n, m = len(question.embeddings[shared[0]]), len(question.outside[shared[0]])
    k = min(K, n - 1)
    shifts = {name: degree_of_shift(question.embeddings[name], question.outside[name], k=k) for name in shared}
    return ShiftResult(shifts, {name: _ends(one.auc, n, m) for name, one in shifts.items()}, (n, m), k, question.kinds)


def _ends(auc: float, n: int, m: int) -> tuple[float, float]:
    """95 % of an area under a curve (Hanley & McNeil 1982), within 0 and 1."""
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = (auc * (1 - auc) + (m - 1) * (first - auc**2) + (n - 1) * (second - auc**2)) / (n * m)
    wide = 1.96 * max(spread, 0.0) ** 0.5
    return max(auc - wide, 0.0), min(auc + wide, 1.0)


def sentences(found: ShiftResult) -> list[str]:
    """Say how far the second set is shifted."""
    real = [name for name in found.shifts if found.kinds.get(name) != CONTROL]
    if not real:
        return []
    aucs = np.array([found.shifts[name].auc for name in real])
    apart = sum(found.ends[name][0] > 0.5 for name in real)
    middle = number(float(np.median(aucs)), 2)
    return [
        f"The second set lies out of the first in the space of {apart} of {len(real)} models: a sample of it is "
        f"further from the first than its own with probability {middle} (median; 0.5 is no shift; n = {found.n[0]} and "
        f"{found.n[1]} samples)."
    ]


def show(found: ShiftResult) -> None:
    """Print the degree of shift of each model."""
    click.echo(f"Degree of shift of the second samples, by the distance to the {found.k}th neighbour in the first")
    lines = [
        (name, number(one.auc, 3), " to ".join(number(e, 3) for e in found.ends[name]), number(one.ratio, 2))
        for name, one in found.shifts.items()
    ]
    print_table(("model", "auc", "95 %", "ratio"), lines, right=("auc", "95 %", "ratio"), keys=1)
    click.echo("auc: probability that a second sample is further out than a first one; ratio: of the median distances")


def plain(found: ShiftResult) -> dict[str, Any]:
    """Return the shifts for programs."""
    return {
        name: {
            "auc": one.auc,
            "low": found.ends[name][0],
            "high": found.ends[name][1],
            "ratio": one.ratio,
            "k": found.k,
        }
        for name, one in found.shifts.items()
    }


def figures(found: ShiftResult) -> dict[str, Figure]:
    """Return the shift of each model."""
    from ..figures import Figure, shift_chart

    caption = (
        "How often a sample of the second set lies further from the first than the first's own samples lie from each "
        "other, in the space of each model. 0.5 is no shift, 1 is apart; lines are 95 %."
    )
    recipe = f"distance to the {found.k}th neighbour, Euclidean; {found.n[0]} and {found.n[1]} samples"
    chart = shift_chart(found)
    return {"shift": Figure(chart, "How far has the second set shifted?", caption, recipe)}
