"""Ridge probes of a label on the frozen embeddings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from hyle.zoo import GROUP_KINDS

from ..comparison import number
from ..console import print_table
from ..results import ProbeResult
from ._analysis import Analysis
from ._question import AnalysisInput
from ._words import NotSignificant

if TYPE_CHECKING:
    from hyle.engine.analysis import Probe

    from ..figures import Figure


def compute(question: AnalysisInput) -> ProbeResult | None:
    """Fit a probe of the label to each embedding; None without a label or embeddings."""
    units = GROUP_KINDS[question.groups_kind][1] if question.groups_kind else ""
    return ProbeResult(question.label, question.probes, question.kinds, units) if question.probes else None


def summarise(result: ProbeResult) -> list[str]:
    """Return the best probe, compared with the median of the label."""
    name, best = min(result.probes.items(), key=lambda item: item[1].mae)
    if best.mae >= best.baseline:
        line = f"No embedding predicts {result.label} better than its median, {_n(result, best)} held-out samples."
        return [NotSignificant(line)]
    numbers = f"{number(best.mae, 3)} ± {number(best.se, 3)} against {number(best.baseline, 3)} of the median"
    samples = f"{_n(result, best)} held-out samples"
    return [f"The lowest error of a probe of {result.label} is that of {name}: {numbers}, {samples}."]


def _n(result: ProbeResult, one: Probe) -> str:
    """Return the number of held-out samples, of the smallest split where whole groups are split."""
    return f"n {'≥' if result.units else '='} {one.test}"


def print_result(result: ProbeResult) -> None:
    """Print the error of each probe."""
    first = next(iter(result.probes.values()))
    splits = f"{_sizes(result, first)}, 5 random splits{_of(result)}"
    click.echo(f"Ridge probe of {result.label}: {splits}")
    order = sorted(result.probes.items(), key=lambda item: item[1].mae)
    lines = [(n, f"{number(p.mae, 4)} ± {number(p.se, 4)}", number(p.r2, 3)) for n, p in order]
    lines.append(("(the median)", number(first.baseline, 4), number(0.0, 3)))
    print_table(("model", "mean absolute error", "R²"), lines, right=("mean absolute error", "R²"), keys=1)


def _sizes(result: ProbeResult, one: Probe) -> str:
    least = "at least " if result.units else ""
    return f"{least}{one.train} training samples, {least}{one.test} held out"


def _of(result: ProbeResult) -> str:
    return f" of whole {result.units}" if result.units else ""


def to_dict(result: ProbeResult) -> dict[str, Any]:
    """Return the probes as plain data."""
    return {
        "label": result.label,
        "units": result.units or "samples",
        "models": {name: dataclasses.asdict(one) for name, one in result.probes.items()},
    }


def make_figures(result: ProbeResult) -> dict[str, Figure]:
    """Return the errors of the probes."""
    from ..figures import Figure, probe_chart

    caption = (
        f"Mean absolute error of a linear probe of {result.label} on held-out samples, with one standard error over "
        f"5 random splits{_of(result)}; the dashed line is the error of the median of the label."
    )
    one = next(iter(result.probes.values()))
    recipe = f"ridge regression, penalty and scaling cross-validated, {_sizes(result, one)}"
    return {"probes": Figure(probe_chart(result), f"How well embeddings predict {result.label}", caption, recipe)}


ANALYSIS = Analysis(
    name="probes",
    question="How well do the embeddings predict the label?",
    compute=compute,
    summarise=summarise,
    print_result=print_result,
    to_dict=to_dict,
    make_figures=make_figures,
)
