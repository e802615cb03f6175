"""How many rows have a tie at the k-th neighbour."""

from __future__ import annotations

import numpy as np

from .context import Panel


def tie_counts(panel: Panel) -> np.ndarray:
    """[m], rows whose k-th and next neighbour are equally near."""
    return np.array([int(table.tied.sum()) for table in panel.tables(panel.k, panel.neighbour_metric)])
