"""Placement of the names of models next to their points, with little overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from .palette import INK

FONT = 11.5
# Longest name of a model in a figure, and of one of the two models of a pair, in characters.
LONGEST, LONGEST_OF_PAIR = 24, 16
# Widths in pixels: of a letter, of the longest name next to a point, and of what may be outside the chart.
_LETTER = 0.55 * FONT
_WIDEST, _MARGIN = 40 * _LETTER, 12
# The share of a name that may overlap others before it is omitted.
_CROWDED = 0.4
SIDES: dict[str, dict[str, Any]] = {
    "above": {"dy": -13},
    "below": {"dy": 15},
    "right": {"dx": 9, "align": "left"},
    "left": {"dx": -9, "align": "right"},
}


def shorten_name(name: str, longest: int = LONGEST) -> str:
    """Return a name of at most `longest` characters on one line, cut off with an ellipsis."""
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def names(base: alt.Chart, rows: list[dict[str, Any]], field: str = "model") -> list[alt.Chart]:
    """Return the layers with the names in `field` next to their points; `rows` are those of `base`."""
    layers = []
    for side, offset in SIDES.items():
        if any(row["side"] == side for row in rows):
            named = base.transform_filter(f"datum.side === '{side}'")
            layers.append(named.mark_text(fontSize=FONT, color=INK, limit=_WIDEST, **offset).encode(text=f"{field}:N"))
    return layers


def outliers(x: Sequence[float], y: Sequence[float], most: int = 3) -> list[int]:
    """Return the points to name in a scatter plot: the highest on each axis, and those of the most unequal ranks."""
    if not x:
        return []
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (x, y)]
    unequal = np.argsort(-np.abs(ranks[0] - ranks[1]), kind="stable")[:most]
    return list(dict.fromkeys([int(np.argmax(x)), int(np.argmax(y)), *unequal.tolist()]))


def sides(
    points: Sequence[tuple[float, float]],
    labels: Sequence[str],
    width: float,
    height: float,
    padding: tuple[float, float] = (60, 20),
) -> list[str]:
    """Return the side of its point on which each name overlaps the others least; "" where it overlaps too much.

    A name is also omitted where all sides of its point are too close to the end of the chart.

    Args:
        points: (x, y) of each point.
        labels: name of each point.
        width: of the chart, in pixels.
        height: of the chart, in pixels.
        padding: distance of the outermost points from the sides of the chart, in pixels.
    """
    if not points:
        return []
    at = np.array(points, float)
    low, high = at.min(0), at.max(0)
    extent = np.where(high > low, high - low, 1)
    # Approximate positions in pixels; y grows downwards.
    across, up = padding
    place = (at - low) / extent * (width - 2 * across, 2 * up - height) + (across, height - up)
    taken = np.concatenate([place - 7, place + 7], axis=1)
    chosen = []
    for (x, y), label in zip(place.tolist(), labels, strict=True):
        if not label:
            chosen.append("")
            continue
        wide = min(_LETTER * len(label), _WIDEST)
        boxes = {
            "above": (x - wide / 2, y - 20, x + wide / 2, y - 8),
            "below": (x - wide / 2, y + 8, x + wide / 2, y + 20),
            "right": (x + 8, y - 6, x + 8 + wide, y + 6),
            "left": (x - 8 - wide, y - 6, x - 8, y + 6),
        }
        outside = {name: max(0.0, -box[0]) + max(0.0, box[2] - width) for name, box in boxes.items()}
        cost = {name: 12 * outside[name] + _overlap(box, taken) for name, box in boxes.items()}
        side = min(boxes, key=cost.__getitem__)
        if cost[side] > _CROWDED * wide * FONT or outside[side] > _MARGIN:
            chosen.append("")  # the tooltip shows the name
            continue
        taken = np.concatenate([taken, [boxes[side]]])
        chosen.append(side)
    return chosen


def _overlap(box: tuple[float, ...], others: np.ndarray) -> float:
    """Return the area that a box (left, top, right, bottom) shares with others, [n, 4]."""
    across = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    up = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.maximum(across, 0) * np.maximum(up, 0)).sum())
