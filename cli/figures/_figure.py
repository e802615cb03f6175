"""A chart with its title, caption and recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

# Fields of the data of a chart that only serve the drawing.
_DRAWN = {"shown", "exact", "side", "pair", "kind", "inner", "outer", "x_shown", "y_shown", "recipe", "strength", "outside", "end"}


SIGNIFICANT, DESCRIPTIVE, NOT_SIGNIFICANT = range(3)
"""What a figure shows: a significant result, a description without a test, or a result that is not significant."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        chart: an Altair chart, with its alternative text as description.
        title: heading of the figure.
        caption: what the figure shows and how to read it.
        recipe: provenance of the numbers: metric, estimator, samples.
        evidence: `SIGNIFICANT`, `DESCRIPTIVE` or `NOT_SIGNIFICANT`, the order of figures in a report.
    """

    chart: alt.LayerChart | alt.FacetChart | alt.ConcatChart
    title: str
    caption: str
    recipe: str
    evidence: int = DESCRIPTIVE


def specification(chart: Any) -> dict[str, Any]:
    """Return a chart as a Vega-Lite specification for JSON: numbers that are not finite become null."""
    spec: dict[str, Any] = _finite(chart.to_dict())
    return spec


def _finite(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def chart_table(spec: dict[str, Any]) -> pd.DataFrame:
    """Return the data of a specification as a table, without the fields that only serve the drawing.

    The table contains the largest data set of the specification and those with the same fields.
    """
    import pandas as pd

    sets: list[list[dict[str, Any]]] = [rows for rows in spec.get("datasets", {}).values() if rows]
    largest = set(max(sets, key=len, default=[{}])[0])
    table = pd.DataFrame([row for rows in sets if set(rows[0]) == largest for row in rows])
    return table[[name for name in table.columns if name not in _DRAWN]]
