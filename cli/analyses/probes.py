"""Tell what each frozen embedding knows of a label."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from ..comparison import number
from ..console import print_table
from ..results import ProbeResult
from ._question import AnalysisInput

if TYPE_CHECKING:
    from ..figures import Figure


def data(question: AnalysisInput) -> ProbeResult | None:
    """Probe the label on each embedding; None without a label or embeddings."""
    return ProbeResult(question.label, question.probes, question.kinds) if question.probes else None


def sentences(found: ProbeResult) -> list[str]:
    """Name the best probe beside the best without learning."""
    name, best = min(found.probes.items(), key=lambda item: item[1].mae)
    if best.mae >= best.baseline:
        return [f"No embedding knows {found.label} better than its median, n = {best.test} samples held out."]
    numbers = f"{number(best.mae, 3)} ± {number(best.se, 3)} against {number(best.baseline, 3)} of the median"
    return [
        f"The lowest error of a probe of {found.label} is that of {name}: {numbers}, n = {best.test} samples held out."
    ]


def show(found: ProbeResult) -> None:
    """Print the error of each probe."""
    first = next(iter(found.probes.values()))
    click.echo(f"Ridge probe of {found.label}: {first.train} samples to fit on, {first.test} held out, 5 draws")
    order = sorted(found.probes.items(), key=lambda item: item[1].mae)
    lines = [(n, f"{number(p.mae, 4)} ± {number(p.se, 4)}", number(p.r2, 3)) for n, p in order]
    lines.append(("(the median)", number(first.baseline, 4), number(0.0, 3)))
    print_table(("model", "mean absolute error", "R²"), lines, right=("mean absolute error", "R²"), keys=1)


def plain(found: ProbeResult) -> dict[str, Any]:
    """Return the probes for programs."""
    return {"label": found.label, "models": {name: dataclasses.asdict(one) for name, one in found.probes.items()}}


def figures(found: ProbeResult) -> dict[str, Figure]:
    """Return the errors of the probes."""
    from ..figures import Figure, probe_chart

    caption = (
        f"Mean absolute error of a linear probe of {found.label} on samples held out, with one standard error over 5 "
        "draws; the dashed line is what the median of the label reaches."
    )
    one = next(iter(found.probes.values()))
    recipe = f"ridge regression, standardised columns, {one.train} samples to fit on, {one.test} held out"
    return {"probes": Figure(probe_chart(found), f"What embeddings know of {found.label}", caption, recipe)}
