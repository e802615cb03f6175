"""Share of the variation between families that facts about them explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from .palette import INK, accents, config

if TYPE_CHECKING:
    from hyle.engine.analysis import Factor


def factor_bars(on: Mapping[str, Sequence[Factor]]) -> alt.LayerChart:
    """Return one bar per fact, or two for two sets of samples, with a tick at the mean share over permutations."""
    rows: list[dict[str, Any]] = [
        {"fact": f.name.replace("_", " "), "set": f"{where} set", "share": f.share, "by_chance": _known(f.by_chance)}
        | {"p": _known(f.p), "values": f.groups, "models": f.n, "families": f.families, "shown": _describe(f)}
        for where, factors in on.items()
        for f in factors
        if _known(f.share) is not None
    ]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    order = list(
        dict.fromkeys(
            row["fact"] for row in sorted(rows, key=lambda r: (r["p"] is None, (r["by_chance"] or 0) - r["share"]))
        )
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("fact:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8)),
        yOffset=alt.YOffset("set:N", sort=sets),
        tooltip=[
            alt.Tooltip("fact:N"),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("by_chance:Q", title="by chance", format=".1%"),
            alt.Tooltip("p:Q", format=".2g"),
            alt.Tooltip("values:Q", title="values of the fact"),
            alt.Tooltip("models:Q"),
            alt.Tooltip("families:Q"),
        ],
    )
    x = alt.X("share:Q", title="share of the variation between families", scale=alt.Scale(domain=[0, 1]))
    x = x.axis(format="%", tickCount=5, domain=False)
    colour = alt.Color("set:N", sort=sets, scale=alt.Scale(domain=sets, range=accents(len(sets))))
    colour = colour.legend(None) if len(sets) == 1 else colour.legend(orient="top", title=None)
    layers = [
        base.mark_bar(cornerRadiusEnd=2, height={"band": 0.8}).encode(x=x, color=colour),
        base.transform_filter("isValid(datum.by_chance)")
        .mark_tick(color=INK, thickness=2, size=18 if len(sets) == 1 else 13)
        .encode(x="by_chance:Q"),
        base.mark_text(align="left", dx=7, fontSize=11, color=INK).encode(
            x=alt.X("end:Q", title="share of the variation between families"), text="shown:N"
        ),
    ]
    for row in rows:
        row["end"] = max(row["share"], row["by_chance"] or 0)
    description = (
        f"Bar chart of the share of the variation between families that {len(order)} facts explain, and by chance."
    )
    return alt.LayerChart(layer=layers).properties(
        width=400, height=alt.Step(34 if len(sets) == 1 else 22), description=description, config=config()
    )


def _known(value: float) -> float | None:
    return value if value == value else None


def _describe(factor: Factor) -> str:
    p = f"p = {factor.p:.2g}" if factor.p == factor.p else "not tested"
    return f"{factor.share:.0%}, {p}, {factor.families} families"
