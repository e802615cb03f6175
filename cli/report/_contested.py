"""The most contested samples at the head of the report, drawn."""

from __future__ import annotations

import numpy as np

from ..comparison import number
from ..results import ContestedResult
from ._matter import MOST_IN_ROW, Pictured, picture_row

LABEL = "The samples that the models disagree on most"


def contested_row(result: ContestedResult | None) -> str:
    """Return the HTML of the most contested samples with what the models share of their neighbours; "" without them."""
    if result is None or not result.samples:
        return ""
    found = result.found
    rows = np.lexsort((found.agreement, found.deviation))[:MOST_IN_ROW].tolist()
    items = []
    for row in rows:
        value = f"{number(float(found.agreement[row]), 2)}"
        items.append((Pictured(result.ids[row], result.samples.get(result.ids[row])), value))
    tested = np.isfinite(found.q[rows])
    significant = int((found.q[rows][tested] <= 0.05).sum())
    outcome = "" if not tested.any() else f" {significant} of these {len(rows)} are significantly contested (q ≤ 0.05)."
    note = (
        f"{LABEL}, relative to samples like them. The number is the share of {result.k} nearest neighbours that two "
        f"models have in common, of all samples {number(float(found.agreement.mean()), 2)}, by chance "
        f"{number(found.chance, 2)}.{outcome} All samples: hyle contested."
    )
    return picture_row(items, label=LABEL, note=note)
