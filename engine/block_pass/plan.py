"""The plan and the result of a pass over blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..gram import Kernel, Precision, Sums
from ..neighbours import NeighbourMetric, Neighbours

Search = Literal["exact", "hnsw"]


@dataclass(frozen=True)
class PassPlan:
    """The quantities that `run_pass` is to compute.

    Args:
        kernels: kernels whose inner products to compute.
        tables: pairs (metric, k) of the neighbour tables to compute.
        ranks: number of nearest Euclidean neighbours whose ranks in all other models to compute; 0 for none. Small
            ranks are read from the Euclidean table, which must be among ``tables``.
        ordered: number of nearest Euclidean neighbours whose order must be exact, not only their distances.
        features: whether linear kernels are computed outside of the pass, from products of features.
        search: ``hnsw`` for approximate tables, see `hnsw_tables`; the pass then has nothing but tables.
        precision: of the Gram products on a mesh, see `multiplied`.
    """

    kernels: tuple[Kernel, ...] = ()
    tables: tuple[tuple[NeighbourMetric, int], ...] = ()
    ranks: int = 0
    ordered: int = 0
    features: bool = False
    search: Search = "exact"
    precision: Precision = "highest"


@dataclass
class PassResult:
    """The quantities that `run_pass` computed for m models.

    Args:
        sums: by kernel, in float64.
        tables: by neighbour metric, one for each model. Euclidean neighbours are nearest first, exactly for the first
            `PassPlan.ordered`, else up to rounding; the k neighbours by a similarity are exact as a set.
        ranks: [m, m] in float64, entry (a, b) the mean rank in b of the nearest neighbours in a; None if not planned.
        block: number of rows of a block; 0 if only tables were computed, of each model by itself.
        squares: [m], sums of the squared inner products of all pairs of points of a model; None unless the Gram
            products were computed as a whole.
        recall: [m], the share of the neighbours that approximate tables contain; None for exact ones.
    """

    sums: dict[Kernel, Sums] = field(default_factory=dict)
    tables: dict[NeighbourMetric, list[Neighbours]] = field(default_factory=dict)
    ranks: np.ndarray | None = None
    block: int = 0
    squares: np.ndarray | None = None
    recall: np.ndarray | None = None


@dataclass
class QueryResult(PassResult):
    """What a pass over q queries computes for m models; tables are those of the queries, [q, k].

    Args:
        distinct: m Euclidean tables [q, k] with only distinct rows as neighbours, if they were asked for.
        rank_sums: [g, m, m] in float64, entry (a, b) the sum over the queries of a group of the mean rank in b of their
            nearest neighbours in a; None if not planned.
    """

    distinct: list[Neighbours] = field(default_factory=list)
    rank_sums: np.ndarray | None = None
