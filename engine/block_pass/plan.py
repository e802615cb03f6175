"""What the pass computes, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..gram import Kernel, Sums
from ..neighbours import NeighbourMetric, Neighbours


@dataclass(frozen=True)
class PassPlan:
    """What the pass is to gather.

    Args:
        kernels: whose inner products.
        tables: neighbours by metric.
        ranks: of how many Euclidean neighbours the ranks in all other models are wanted; 0 for none. Small ones are
            read off the Euclidean table, which must be among the tables.
        recall: share of the neighbours that the search is to find, where it may leave some out; None finds all.
        ordered: of how many nearest Euclidean neighbours the order counts, not the distance alone.
    """

    kernels: tuple[Kernel, ...] = ()
    tables: tuple[tuple[NeighbourMetric, int], ...] = ()
    ranks: int = 0
    recall: float | None = None
    ordered: int = 0


@dataclass
class PassResult:
    """What the pass has gathered of m models.

    Args:
        sums: by kernel, in float64.
        tables: by neighbour metric, one for each model; Euclidean ones nearest first where their order counts, up to
            rounding where not; the k of others as a set.
        ranks: [m, m] in float64, entry (a, b) the mean rank in b of the nearest neighbours in a.
        block: rows that were visited at once.
        recall: [m], the share of the neighbours found, over all tables and the first `RECALL_ROWS` rows; None where
            all are found.
        squares: [m], sums of the squares of all inner products of the points of a model, where whole products were had.
    """

    sums: dict[Kernel, Sums] = field(default_factory=dict)
    tables: dict[NeighbourMetric, list[Neighbours]] = field(default_factory=dict)
    ranks: np.ndarray | None = None
    block: int = 0
    recall: np.ndarray | None = None
    squares: np.ndarray | None = None
