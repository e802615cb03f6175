"""The error of a model's energies beside its alignment to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..tables import CONTROL, modalities, model_names, read_scores
from ._palette import INK, config, modality_scale

if TYPE_CHECKING:
    import xarray as xr


_WIDTH, _HEIGHT, _FONT = 420, 280, 11.5
_SIDES: dict[str, dict[str, Any]] = {
    "above": {"dy": -13},
    "below": {"dy": 15},
    "right": {"dx": 9, "align": "left"},
    "left": {"dx": -9, "align": "right"},
}


def energy_scatter(comparison: xr.Dataset, metric: str | None = None) -> alt.LayerChart:
    """Return one point a model with energies: its energy error against its mean alignment.

    The mean runs over the other models of any modality, without the controls. No line is fitted: a few
    models prove no trend.
    """
    scores = read_scores(comparison)
    score = scores[metric or next(iter(scores))]
    rows = _rows(comparison, score.mutual)
    domain, colours = modality_scale([row["modality"] for row in rows])
    x = alt.X(
        "alignment:Q",
        title=f"mean {score.label} to the other models",
        scale=alt.Scale(zero=False, padding=60),
        axis=alt.Axis(tickCount=5, grid=False),
    )
    y = alt.Y(
        "energy_mae:Q",
        title="mean absolute energy error / eV",
        scale=alt.Scale(zero=True),
        axis=alt.Axis(tickCount=5),
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("energy_mae:Q", title="energy error / eV", format=".3f"),
            alt.Tooltip("alignment:Q", title=f"mean {score.label}", format=".3f"),
            alt.Tooltip("others:Q", title="mean over models"),
        ],
    )
    colour = alt.Color(
        "modality:N",
        scale=alt.Scale(domain=domain, range=colours),
        legend=alt.Legend(orient="top", title=None),
    )
    layers = [base.mark_point(filled=True, size=110, opacity=1).encode(colour)]
    for side, offset in _SIDES.items():
        named = base.transform_filter(f"datum.side === '{side}'")
        layers.append(named.mark_text(fontSize=_FONT, color=INK, **offset).encode(text="model:N"))
    title = alt.TitleParams(
        f"n = {len(rows)} models with energies; no trend is fitted", fontSize=12, fontWeight="normal"
    )
    said = f"Scatter plot of energy error against mean {score.label} for {len(rows)} models."
    return alt.LayerChart(layer=layers).properties(
        width=_WIDTH, height=_HEIGHT, title=title, description=said, config=config()
    )


def _rows(comparison: xr.Dataset, values: np.ndarray) -> list[dict[str, Any]]:
    names, kinds = model_names(comparison), modalities(comparison)
    rows = []
    for i, error in enumerate(comparison["energy_mae"].values.astype(float)):
        others = [j for j, kind in enumerate(kinds) if j != i and kind != CONTROL and np.isfinite(values[i, j])]
        if np.isfinite(error) and others:
            row: dict[str, Any] = {"model": names[i], "modality": kinds[i], "energy_mae": float(error)}
            rows.append(row | {"alignment": float(np.mean(values[i, others])), "others": len(others)})
    for row, side in zip(rows, _sides(rows), strict=True):
        row["side"] = side
    return rows


def _sides(rows: list[dict[str, Any]]) -> list[str]:
    """Put each name on the side of its point where it covers the fewest others and their points."""
    if not rows:
        return []
    points = np.array([(row["alignment"], row["energy_mae"]) for row in rows])
    low, high = points.min(0), points.max(0)
    reach = np.where(high > low, high - low, 1)
    # About where they come to lie, in pixels; y grows downwards.
    place = (points - low) / reach * (_WIDTH - 120, -(_HEIGHT - 40)) + (60, _HEIGHT - 20)
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in place]
    found = []
    for (x, y), row in zip(place, rows, strict=True):
        wide = 0.55 * _FONT * len(row["model"])
        boxes = {
            "above": (x - wide / 2, y - 20, x + wide / 2, y - 8),
            "below": (x - wide / 2, y + 8, x + wide / 2, y + 20),
            "right": (x + 8, y - 6, x + 8 + wide, y + 6),
            "left": (x - 8 - wide, y - 6, x - 8, y + 6),
        }
        side = min(boxes, key=lambda name: sum(_overlap(boxes[name], other) for other in taken))
        taken.append(boxes[side])
        found.append(side)
    return found


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
