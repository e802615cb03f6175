"""A chart with all that a reader needs beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

# Fields of a chart's data that only draw it.
_DRAWN = {"shown", "exact", "side", "pair", "kind", "inner", "outer", "x_shown", "y_shown", "recipe", "strength"}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        chart: an Altair chart, its alternative text as description.
        title: a heading.
        caption: what is shown and how it is read.
        recipe: what its numbers were made with.
    """

    chart: alt.LayerChart | alt.FacetChart | alt.ConcatChart
    title: str
    caption: str
    recipe: str


def specification(chart: Any) -> dict[str, Any]:
    """Return a chart as Vega-Lite that JSON can hold: numbers that are not finite are null."""
    found: dict[str, Any] = _finite(chart.to_dict())
    return found


def _finite(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def chart_table(spec: dict[str, Any]) -> pd.DataFrame:
    """Return the data of a specification as a table, without what only draws it.

    Of its data sets the largest, and those of the same fields.
    """
    import pandas as pd

    sets: list[list[dict[str, Any]]] = [rows for rows in spec.get("datasets", {}).values() if rows]
    largest = set(max(sets, key=len, default=[{}])[0])
    table = pd.DataFrame([row for rows in sets if set(rows[0]) == largest for row in rows])
    return table[[name for name in table.columns if name not in _DRAWN]]
