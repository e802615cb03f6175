"""Likeness of errors against alignment, one point a pair."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import altair as alt

from ..comparison import number
from .palette import MUTED, accents, config

if TYPE_CHECKING:
    from ..results import BlindSpotResult


def blind_spot_scatter(found: BlindSpotResult) -> alt.LayerChart:
    """Return how alike the errors of each pair of models are against their alignment; the test is the title."""
    capa = found.capa is not None
    rows: list[dict[str, Any]] = []
    for i, j in itertools.combinations(range(len(found.models)), 2):
        row: dict[str, Any] = {"model": found.models[i], "other": found.models[j]}
        row |= {"alignment": float(found.alignment[i, j]), "pair": f"{found.models[i]} – {found.models[j]}"}
        if found.capa is not None:
            row["alike"] = float(found.capa[i, j])
        elif found.spots is not None:
            row |= {"alike": float(found.spots.correlation[i, j]), "kappa": float(found.spots.kappa[i, j])}
        rows.append(row)
    alike = "chance-adjusted agreement (CAPA)" if capa else "rank correlation of errors"
    points = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("alignment:Q", title=f"{found.metric}, 0 at chance and 1 at best", scale=alt.Scale(zero=False)),
        y=alt.Y("alike:Q", title=alike, scale=alt.Scale(zero=False)),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("alignment:Q", format=".3f"),
            alt.Tooltip("alike:Q", title=alike, format=".3f"),
            *([] if capa else [alt.Tooltip("kappa:Q", title="error consistency", format=".3f")]),
        ],
    )
    zero = (
        alt.Chart(alt.InlineData(values=[{"alike": 0}])).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(y="alike:Q")
    )
    one = next(iter(found.goes_with.values()), None)
    said = f"n = {len(found.models)} models, too few for a test"
    if one is not None:
        said = f"rank correlation {number(one.correlation, 2)}, p = {one.p:.2g} (Mantel), n = {one.models} models"
    title = alt.TitleParams(said, fontSize=12, fontWeight="normal", color=MUTED)
    dots = points.mark_point(filled=True, size=75, opacity=0.9, color=accents(1)[0])
    return alt.LayerChart(layer=[zero, dots]).properties(
        width=400,
        height=300,
        title=title,
        description=f"Scatter plot of {alike} against alignment for {len(rows)} pairs of models; {said}.",
        config=config(),
    )
