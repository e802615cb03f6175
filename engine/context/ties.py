"""Number of rows with a tie at the k-th neighbour."""

from __future__ import annotations

import numpy as np

from .context import MetricContext


def tie_counts(context: MetricContext) -> np.ndarray:
    """Count the rows of each model whose k-th and next neighbour are equally near; int [m]."""
    return np.array(
        [int(table.tied.sum()) for table in context.tables(context.config.k, context.config.neighbour_metric)]
    )
