"""The null distributions of all pairs of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..permutation import Permutations
from .context import MetricContext
from .stages import NULL, Progress


def null_pairs(
    context: MetricContext,
    score: Callable[[Any, jax.Array], Any],
    tables: Any,
    permutations: Permutations,
    shifted: Callable[[Any, Progress], np.ndarray] | None = None,
) -> np.ndarray:
    """Score all pairs of tables under each permutation, permuting the model of each pair that `in_order` says.

    Args:
        context: of the m models.
        score: function of tables with a leading axis of models, and orders [c, n]. It returns [c, m, m], entry (a, b)
            for a before b with the rows of b permuted, and entry (b, a) the same with x and y swapped.
        tables: a tree of arrays whose leading axis is that of the models.
        permutations: K permutations.
        shifted: a cheaper equivalent if the permutations are shifts along cycles; of the tables and a progress
            callback, returns [K, m, m] for all permutations.

    Returns:
        [K, m, m] in float64, entry (a, b) = score(a, b).
    """
    by_place, report = context.by_place, context.stage_callback(NULL)
    ordered = jax.tree.map(lambda leaf: leaf[by_place], tables)
    if shifted is not None and permutations.cycles:
        sorted_values = shifted(ordered, report)
    else:
        sorted_values = permutations.map(lambda orders: score(ordered, orders), report, shared=context.shared)
    values = np.empty_like(sorted_values)
    values[:, by_place[:, None], by_place[None, :]] = sorted_values
    return values
