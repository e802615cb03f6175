"""Placement of the names of models next to their points, with little overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from .palette import INK

FONT = 11.5
# The share of a name that may overlap others before it is omitted.
_CROWDED = 0.4
SIDES: dict[str, dict[str, Any]] = {
    "above": {"dy": -13},
    "below": {"dy": 15},
    "right": {"dx": 9, "align": "left"},
    "left": {"dx": -9, "align": "right"},
}


def names(base: alt.Chart, rows: list[dict[str, Any]]) -> list[alt.Chart]:
    """Return the layers with the names of models next to their points; `rows` are those of `base`."""
    layers = []
    for side, offset in SIDES.items():
        if any(row["side"] == side for row in rows):
            named = base.transform_filter(f"datum.side === '{side}'")
            layers.append(named.mark_text(fontSize=FONT, color=INK, **offset).encode(text="model:N"))
    return layers


def sides(points: Sequence[tuple[float, float]], labels: Sequence[str], width: float, height: float) -> list[str]:
    """Return the side of its point on which each name overlaps the others least; "" where it overlaps too much.

    Args:
        points: (x, y) of each point.
        labels: name of each point.
        width: of the chart, in pixels.
        height: of the chart, in pixels.
    """
    if not points:
        return []
    at = np.array(points, float)
    low, high = at.min(0), at.max(0)
    extent = np.where(high > low, high - low, 1)
    # Approximate positions in pixels; y grows downwards.
    place = (at - low) / extent * (width - 120, -(height - 40)) + (60, height - 20)
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in place]
    chosen = []
    for (x, y), label in zip(place, labels, strict=True):
        wide = 0.55 * FONT * len(label)
        boxes = {
            "above": (x - wide / 2, y - 20, x + wide / 2, y - 8),
            "below": (x - wide / 2, y + 8, x + wide / 2, y + 20),
            "right": (x + 8, y - 6, x + 8 + wide, y + 6),
            "left": (x - 8 - wide, y - 6, x - 8, y + 6),
        }
        outside = {name: max(0.0, -box[0]) + max(0.0, box[2] - width) for name, box in boxes.items()}
        cost = {name: 12 * outside[name] + sum(_overlap(box, other) for other in taken) for name, box in boxes.items()}
        side = min(boxes, key=cost.__getitem__)
        if cost[side] > _CROWDED * wide * FONT:
            chosen.append("")  # the tooltip shows the name
            continue
        taken.append(boxes[side])
        chosen.append(side)
    return chosen


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
