"""A chart with all that a reader needs beside it."""

from __future__ import annotations

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

    chart: alt.LayerChart | alt.FacetChart
    title: str
    caption: str
    recipe: str


def chart_table(spec: dict[str, Any]) -> pd.DataFrame:
    """Return the data of a specification as a table: of its data sets the largest one, without what only draws it."""
    import pandas as pd

    rows = max(spec.get("datasets", {"": []}).values(), key=len, default=[])
    table = pd.DataFrame(rows)
    return table[[name for name in table.columns if name not in _DRAWN]]
