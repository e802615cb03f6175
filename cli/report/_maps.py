"""Planar layouts of the representations as small SVGs, one per model, of the same samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..figures import ABOVE_STEPS
from ..results import MapResult

_SIDE, _MARGIN = 160, 8
_MOST = 300
_STEPS = 12
# In place of a colour step: maps without colours, and samples without a value.
_PLAIN, _MISSING = -2, -1


def map_parts(result: MapResult) -> dict[str, Any]:
    """Return the maps for the template: ``panels`` with name and paths, and ``data``, the points for the script.

    Every map has the same samples, at most 300 of them, drawn at random.
    """
    n = len(result.ids)
    drawn = np.sort(np.random.default_rng(0).permutation(n)[:_MOST])
    level, ends = _levels(result.colour, drawn)
    panels, points = [], {}
    for model, one in result.planes.items():
        place = _pixels(np.asarray(one.place, float)[drawn])
        groups = defaultdict(list)
        for (x, y), step in zip(place, level.get(model, np.full(len(drawn), _PLAIN)), strict=True):
            groups[int(step)].append(f"M{x} {y}h0")
        named = {_PLAIN: "plain", _MISSING: "missing"}
        paths = [(named.get(step, f"a{step}"), "".join(parts)) for step, parts in sorted(groups.items())]
        panels.append({"model": model, "paths": paths, "shares": [s for s in one.shares if s == s]})
        points[model] = place.ravel().tolist()
    values = None if result.colour is None else {
        model: [float(f"{v:.4g}") if np.isfinite(v) else None for v in np.asarray(values, float)[drawn]]
        for model, values in result.colour.items()
        if model in points
    }  # fmt: skip
    return {
        "panels": panels,
        "side": _SIDE,
        "coloured_by": result.coloured_by if result.colour else "",
        "ends": ends,
        "steps": [f"a{_step(i / (_STEPS - 1))}" for i in range(_STEPS)] if result.colour else [],
        "data": {
            "ids": [result.ids[i] for i in drawn],
            "points": points,
            "values": values,
            "title": result.coloured_by,
        },
    }


def _step(share: float) -> int:
    """Return the step of the colour scale: from just visible to the deepest colour."""
    return round(0.25 * ABOVE_STEPS + 0.75 * ABOVE_STEPS * share)


def _levels(
    colour: Mapping[str, np.ndarray] | None, drawn: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[float, float] | None]:
    """Return the colour step of each sample by model, and both ends of the scale."""
    if colour is None:
        return {}, None
    rows = {model: np.asarray(values, float)[drawn] for model, values in colour.items()}
    finite = np.concatenate([row[np.isfinite(row)] for row in rows.values()])
    if not finite.size:
        return {}, None
    # A few extreme samples must not take up the whole scale.
    low, high = (float(v) for v in np.quantile(finite, [0.02, 0.98]))
    width = high - low or 1.0
    levels = {}
    for model, row in rows.items():
        share = np.clip((np.nan_to_num(row, nan=low) - low) / width, 0, 1)
        steps = np.array([_step(round(s * (_STEPS - 1)) / (_STEPS - 1)) for s in share])
        levels[model] = np.where(np.isfinite(row), steps, _MISSING)
    return levels, (low, high)


def _pixels(place: np.ndarray) -> np.ndarray:
    """Return the points in pixels, [n, 2] integers, each axis filling its side."""
    low, high = place.min(0), place.max(0)
    share = (place - low) / np.where(high > low, high - low, 1)
    share[:, 1] = 1 - share[:, 1]
    return np.rint(_MARGIN + share * (_SIDE - 2 * _MARGIN)).astype(int)
