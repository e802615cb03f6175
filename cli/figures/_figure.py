"""A chart with its title, caption and recipe."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

# Fields of the data of a chart that only serve the drawing.
_DRAWN = {
    "shown",
    "exact",
    "side",
    "pair",
    "kind",
    "inner",
    "outer",
    "x_shown",
    "y_shown",
    "recipe",
    "strength",
    "outside",
    "end",
}


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


# XML cannot contain the control characters, and the expressions of Vega not the line separators.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def specification(chart: Any) -> dict[str, Any]:
    """Return a chart as a Vega-Lite specification for JSON.

    Numbers that are not finite become null, and texts are `printable`. The schema is checked by the tests, since that
    takes longer than drawing.
    """
    spec: dict[str, Any] = _clean(chart.to_dict(validate=False))
    return spec


def printable(text: str) -> str:
    """Return a text with the replacement character in place of control characters and of line separators."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _clean(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _clean(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_clean(value) for value in node]
    if isinstance(node, str):
        return printable(node)
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
