"""Share of the variation between families that facts about them explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from .palette import INK, accents, config

if TYPE_CHECKING:
    from hyle.engine.analysis import Factor


def factor_bars(on: Mapping[str, Sequence[Factor]]) -> alt.LayerChart:
    """Return one bar per fact, or two for two sets of samples: the explained share above its mean by chance."""
    rows: list[dict[str, Any]] = [
        {"fact": f.name.replace("_", " "), "set": f"{where} set", "above": 100 * (f.share - f.by_chance)}
        | {"share": f.share, "by_chance": f.by_chance, "p": _known(f.p)}
        | {"values": f.groups, "models": f.n, "families": f.families, "shown": _describe(f)}
        for where, factors in on.items()
        for f in factors
        if _known(f.share) is not None and _known(f.by_chance) is not None
    ]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    order = list(dict.fromkeys(row["fact"] for row in sorted(rows, key=lambda r: -r["above"])))
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("fact:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8)),
        yOffset=alt.YOffset("set:N", sort=sets),
        tooltip=[
            alt.Tooltip("fact:N"),
            alt.Tooltip("share:Q", title="share explained", format=".1%"),
            alt.Tooltip("by_chance:Q", title="share by chance", format=".1%"),
            alt.Tooltip("p:Q", format=".2g"),
            alt.Tooltip("values:Q", title="values of the fact"),
            alt.Tooltip("models:Q"),
            alt.Tooltip("families:Q"),
        ],
    )
    title = "explained above chance / percentage points"
    ends = [row["above"] for row in rows]
    # Leave room for the text at the end of the longest bar.
    scale = alt.Scale(domain=[min(0.0, *ends), max(10.0, 1.9 * max(ends))], nice=False)
    x = alt.X("above:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5, domain=False))
    colour = alt.Color("set:N", sort=sets, scale=alt.Scale(domain=sets, range=accents(len(sets))))
    colour = colour.legend(None) if len(sets) == 1 else colour.legend(orient="top", title=None)
    for row in rows:
        row["end"] = max(row["above"], 0.0)
    layers = [
        base.mark_bar(cornerRadiusEnd=2, height={"band": 0.7}).encode(x=x, color=colour),
        base.mark_text(align="left", dx=7, fontSize=11.5, color=INK).encode(
            x=alt.X("end:Q", title=title), text="shown:N"
        ),
    ]
    description = f"Bar chart of what {len(order)} facts explain of the variation between families, above chance."
    return alt.LayerChart(layer=layers).properties(
        width=380, height=alt.Step(34 if len(sets) == 1 else 22), description=description, config=config()
    )


def _known(value: float) -> float | None:
    return value if value == value else None


def _describe(factor: Factor) -> str:
    share = f"{100 * factor.share:.0f} % against {100 * factor.by_chance:.0f} % by chance"
    return f"{share}, p = {factor.p:.2g}" if factor.p == factor.p else share
