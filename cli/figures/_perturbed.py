"""Agreement on the same samples against the amount by which they were changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from .palette import INK, MUTED, accents, config

if TYPE_CHECKING:
    from ..results import PerturbedResult

# Title of the axis of each kind of change, and the amount that is no change.
AXES = {
    "rattle": ("displacement of the atoms (Å)", 0.0),
    "volume": ("relative volume", 1.0),
    "swap": ("share of atoms swapped", 0.0),
    "cleave": ("gap between planes (Å)", 0.0),
}


def perturbed_chart(results: Sequence[PerturbedResult], label: str) -> alt.ConcatChart:
    """Return one panel for each kind of change: the agreement of models, and of controls with them.

    Args:
        results: of all amounts, each kind in the order of its amounts.
        label: name of the metric.
    """
    who = ["models", *(f"{name} with models" for name in results[0].controls)]
    colours = [accents(1)[0], MUTED, INK][: len(who)]
    scale = alt.Scale(domain=who, range=colours)
    colour = alt.Color("who:N", scale=scale, legend=alt.Legend(orient="top", title=None, columnPadding=30))
    rows = [row for one in results for row in _rows(one)]
    ends = [row[key] for row in rows for key in ("low", "high", "value") if row[key] is not None]
    y_scale = alt.Scale(domain=[min(0.0, *ends), max(ends)], nice=True)
    panels = []
    for at, kind in enumerate(dict.fromkeys(one.kind for one in results)):
        title, nothing = AXES[kind]
        first = next(one for one in results if one.kind == kind)
        shown = [*_unchanged(first, nothing), *(row for row in rows if row["kind"] == kind)]
        amounts = list(dict.fromkeys(row["amount"] for row in shown))
        base = alt.Chart(alt.InlineData(values=shown)).encode(
            x=alt.X("amount:N", sort=amounts, title=title, axis=alt.Axis(labelAngle=0, grid=False)),
            color=colour,
            tooltip=[alt.Tooltip("who:N"), alt.Tooltip("amount:N"), alt.Tooltip("value:Q", format=".3f")],
        )
        y = alt.Y("value:Q", title=None if at % 2 else f"{label} beyond chance", scale=y_scale)
        layers = [
            base.mark_line(strokeWidth=2).encode(y=y),
            base.mark_rule().encode(y=alt.Y("low:Q", scale=y_scale), y2="high:Q"),
            base.mark_point(filled=True, size=50, opacity=1).encode(y=y),
        ]
        panels.append(alt.LayerChart(layer=layers).properties(width=230, height=180))
    chart: alt.ConcatChart = alt.concat(*panels, columns=2)
    description = f"{label} beyond chance on the same samples after {len(results)} changes of their geometry."
    return chart.properties(description=description, config=config())


def _rows(one: PerturbedResult) -> list[dict[str, Any]]:
    interval: dict[str, float | None] = {"low": None, "high": None}
    if math.isfinite(one.low):
        interval = {"low": one.before + one.low, "high": one.before + one.high}
    where = {"kind": one.kind, "amount": f"{one.amount:g}"}
    models = {"who": "models", "value": one.before + one.change, **where, **interval}
    others = (
        {"who": f"{name} with models", "value": after, **where, "low": None, "high": None}
        for name, (_, after) in one.controls.items()
    )
    return [models, *others]


def _unchanged(one: PerturbedResult, amount: float) -> list[dict[str, Any]]:
    values = {"models": one.before, **{f"{name} with models": before for name, (before, _) in one.controls.items()}}
    return [
        {"who": who, "value": value, "amount": f"{amount:g}", "low": None, "high": None}
        for who, value in values.items()
    ]
