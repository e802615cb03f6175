"""The error of a model's energies beside its alignment to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from ..tables import CONTROL, modalities, model_names, read_scores
from ._palette import INK, config, modality_scale

if TYPE_CHECKING:
    import xarray as xr


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
    layers = [
        base.mark_point(filled=True, size=110, opacity=1).encode(colour),
        base.mark_text(dy=-13, fontSize=11.5, color=INK).encode(text="model:N"),
    ]
    title = alt.TitleParams(
        f"n = {len(rows)} models with energies; no trend is fitted", fontSize=12, fontWeight="normal"
    )
    said = f"Scatter plot of energy error against mean {score.label} for {len(rows)} models."
    return alt.LayerChart(layer=layers).properties(
        width=420, height=280, title=title, description=said, config=config()
    )


def _rows(comparison: xr.Dataset, values: np.ndarray) -> list[dict[str, Any]]:
    names, kinds = model_names(comparison), modalities(comparison)
    rows = []
    for i, error in enumerate(comparison["energy_mae"].values.astype(float)):
        others = [j for j, kind in enumerate(kinds) if j != i and kind != CONTROL and np.isfinite(values[i, j])]
        if np.isfinite(error) and others:
            row: dict[str, Any] = {"model": names[i], "modality": kinds[i], "energy_mae": float(error)}
            rows.append(row | {"alignment": float(np.mean(values[i, others])), "others": len(others)})
    return rows
