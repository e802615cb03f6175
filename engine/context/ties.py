"""How many rows have a tie at the k-th neighbour."""

from __future__ import annotations

import numpy as np

from .context import MetricContext


def tie_counts(context: MetricContext) -> np.ndarray:
    """[m], rows whose k-th and next neighbour are equally near."""
    return np.array([int(table.tied.sum()) for table in context.tables(context.k, context.neighbour_metric)])
