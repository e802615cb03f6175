"""Tree of the models as a dendrogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from ._labels import shorten_name
from .palette import INK, MUTED, config, modality_colour

if TYPE_CHECKING:
    from hyle.engine.analysis import Node


def tree_chart(nodes: Sequence[Node], kinds: Mapping[str, str], *, title: str = "distance") -> alt.LayerChart:
    """Return the tree with branch lengths, the models at the tips and the support at the inner branches.

    Args:
        nodes: layout of the tree, every node after its parent.
        kinds: modality of each model.
        title: of the axis of the depths.
    """
    branches: list[dict[str, Any]] = []
    tips: list[dict[str, Any]] = []
    support: list[dict[str, Any]] = []
    for node in nodes:
        if node.parent >= 0:
            above = nodes[node.parent]
            row = {"x": above.depth, "x2": node.depth, "y": node.place, "y2": node.place}
            branches += [row, {"x": above.depth, "x2": above.depth, "y": above.place, "y2": node.place}]
        if node.name:
            tip = {"model": node.name, "shown": shorten_name(node.name), "modality": kinds.get(node.name, "unknown")}
            tips.append(tip | {"x": node.depth, "y": node.place, "parent": node.parent})
        elif node.support == node.support:
            support.append({"x": node.depth, "y": node.place, "support": node.support})
    count, deepest = len(tips), max(node.depth for node in nodes) or 1.0
    # Leave room for the names, which are to the right of the deepest tip.
    name_share = max(7.0 * len(tip["shown"]) for tip in tips) / 380
    x = alt.X(
        "x:Q",
        title=title,
        scale=alt.Scale(domain=[0, deepest * (1 + 1.15 * name_share / (1 - name_share))], nice=False),
        axis=alt.Axis(values=_ticks(deepest), format=_format(_ticks(deepest))),
    )
    scale = alt.Scale(domain=[-0.6, count - 0.4], reverse=True, nice=False)
    y = alt.Y("y:Q", title=None, axis=None, scale=scale)
    lines = alt.Chart(alt.InlineData(values=branches)).mark_rule(color=MUTED, strokeWidth=1.4)
    ends = alt.Chart(alt.InlineData(values=tips)).encode(
        x=x, y=y, tooltip=[alt.Tooltip("model:N"), alt.Tooltip("modality:N")]
    )
    colour = modality_colour([tip["modality"] for tip in tips], legend=alt.Legend(orient="top", title=None))
    layers = [lines.encode(x=x, x2="x2:Q", y=y, y2="y2:Q")]
    if support:
        support_labels = alt.Chart(alt.InlineData(values=support)).mark_text(
            fontSize=10, color=MUTED, align="right", dx=-3, dy=-6
        )
        layers.append(support_labels.encode(x=x, y=y, text=alt.Text("support:Q", format=".0f")))
    layers += [
        ends.mark_point(filled=True, size=60, opacity=1).encode(color=colour),
        ends.mark_text(align="left", dx=8, fontSize=11.5, color=INK).encode(text="shown:N"),
    ]
    description = (
        f"Dendrogram of {count} models by neighbour joining of their alignment profiles, with the support of branches."
    )
    return alt.LayerChart(layer=layers).properties(
        width=400, height=max(120, 24 * count), description=description, config=config()
    )


def _ticks(deepest: float) -> list[float]:
    """Return three to seven round numbers from 0 to `deepest`, none of which is below the names."""
    size = 10 ** math.floor(math.log10(deepest))
    step = next(size * part for part in (0.1, 0.2, 0.5, 1.0, 2.0) if deepest / (size * part) < 7)
    return [round(i * step, 12) for i in range(int(deepest / step + 1e-9) + 1)]


def _format(ticks: list[float]) -> str:
    """Return the number format that distinguishes all ticks."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return f".{max(0, -math.floor(math.log10(step) + 1e-9))}f"
