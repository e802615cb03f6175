"""Similarity of errors against alignment, one point per pair."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import altair as alt

from ..comparison import number
from .palette import MUTED, accents, config

if TYPE_CHECKING:
    from ..results import BlindSpotResult


def blind_spot_scatter(result: BlindSpotResult) -> alt.LayerChart:
    """Return the similarity of errors against alignment for each pair of models, with the test as the title."""
    capa = result.capa is not None
    rows: list[dict[str, Any]] = []
    for i, j in itertools.combinations(range(len(result.models)), 2):
        row: dict[str, Any] = {"model": result.models[i], "other": result.models[j]}
        row |= {"alignment": float(result.alignment[i, j]), "pair": f"{result.models[i]} – {result.models[j]}"}
        if result.capa is not None:
            row["alike"] = float(result.capa[i, j])
        elif result.spots is not None:
            row |= {"alike": float(result.spots.correlation[i, j]), "kappa": float(result.spots.kappa[i, j])}
        rows.append(row)
    label = "chance-adjusted agreement (CAPA)" if capa else "rank correlation of errors"
    points = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("alignment:Q", title=f"{result.metric}, 0 at chance and 1 at best", scale=alt.Scale(zero=False)),
        y=alt.Y("alike:Q", title=label, scale=alt.Scale(zero=False)),
        tooltip=[
            alt.Tooltip("pair:N", title="models"),
            alt.Tooltip("alignment:Q", format=".3f"),
            alt.Tooltip("alike:Q", title=label, format=".3f"),
            *([] if capa else [alt.Tooltip("kappa:Q", title="error consistency", format=".3f")]),
        ],
    )
    zero = (
        alt.Chart(alt.InlineData(values=[{"alike": 0}])).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(y="alike:Q")
    )
    test = next(iter(result.goes_with.values()), None)
    subtitle = f"n = {len(result.models)} models, too few for a test"
    if test is not None:
        n = f"n = {test.models} models of {test.families} families"
        subtitle = f"{n}, inconclusive"
        if test.p == test.p:
            correlation = f"rank correlation over families {number(test.correlation, 2)}"
            subtitle = f"{correlation}, p = {test.p:.2g} (Mantel), {n}"
    title = alt.TitleParams(subtitle, fontSize=12, fontWeight="normal", color=MUTED)
    dots = points.mark_point(filled=True, size=75, opacity=0.9, color=accents(1)[0])
    return alt.LayerChart(layer=[zero, dots]).properties(
        width=380,
        height=300,
        title=title,
        description=f"Scatter plot of {label} against alignment for {len(rows)} pairs of models; {subtitle}.",
        config=config(),
    )
