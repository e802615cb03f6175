"""How metrics are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

from ..base import InputError, check_k
from ..block_pass import Search
from ..gram import Precision
from ..neighbours import NeighbourMetric, check_metric
from .needs import Need
from .queries import MIN_QUERIES


class HasNeeds(Protocol):
    """What is read of a `hyle.engine.Metric`."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the metric needs of the pass."""

    @property
    def min_k(self) -> int:
        """The smallest number of neighbours."""


@dataclass(frozen=True)
class CompareConfig:
    """How metrics are computed.

    Args:
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension. Default: 50, or a tenth of fewer than 500 samples, because
            a neighbourhood as large as the data has no dimension of its own. Samples that are repetitions in every
            model do not count.
        rank_k: neighbours whose ranks the information imbalance averages.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``. CKNNA masks a similarity, and uses ``cosine``
            in place of ``euclidean``.
        centre: subtract the column means before the neighbour search, which changes cosines and inner products.
        block: rows per block. Default: as many as an eighth of the available memory holds for all models, on a CPU at
            most 128 MiB.
        queries: number of samples that are drawn at random, the same for all models, and compared with all samples;
            if there are fewer, it is all of them. Scores that are means over samples are then estimates for all n, with
            intervals of this sampling; metrics that cannot be estimated like this are refused. Default: all samples.
        search: how neighbours are found: ``exact``, or approximately by ``hnsw``, a graph of faiss (extra ``hnsw``),
            which takes less time from about 100,000 samples on. The share of the neighbours that it finds is measured
            on 1,000 samples and returned as ``neighbour_recall``; below 0.99 it is an error. Metrics that need all
            pairs of samples are refused.
        precision: of the products of all pairs of samples on a GPU or TPU, or on a mesh: ``highest`` for float32, or
            ``tf32x3`` (GPUs) and ``bf16x3``, three products of shorter numbers, which may take less time. Neighbours
            are exact at any precision, because the rows that a product leaves uncertain are computed again.
        seed: of the permutations, of the jackknife groups and of the queries.

    Raises:
        ValueError: an unknown neighbour metric, search or precision, or fewer queries than
            `MIN_QUERIES`.
    """

    k: int = 25
    dimension_k: int | None = None
    rank_k: int = 1
    neighbour_metric: NeighbourMetric = "cosine"
    centre: bool = False
    block: int | None = None
    queries: int | None = None
    search: Search = "exact"
    precision: Precision = "highest"
    seed: int = 0

    def __post_init__(self) -> None:
        check_metric(self.neighbour_metric)
        if self.precision not in get_args(Precision):
            raise InputError(f"unknown precision {self.precision!r}: use {', '.join(get_args(Precision))}")
        if self.search not in get_args(Search):
            raise InputError(f"unknown search {self.search!r}: use {' or '.join(get_args(Search))}")
        if self.search == "hnsw" and self.queries is not None:
            raise InputError("queries are compared with all samples: use either queries or search='hnsw'")
        if self.queries is not None and self.queries < MIN_QUERIES:
            raise InputError(f"queries={self.queries} are too few: use at least {MIN_QUERIES}, or None for all samples")

    def dimension_neighbours(self, n: int) -> int:
        """Return ``dimension_k``, or its default for n distinct samples; at least 2, also where no two are distinct."""
        return max(2, min(50, max(5, n // 10), n - 1)) if self.dimension_k is None else self.dimension_k

    def check(self, n: int, metrics: Sequence[HasNeeds]) -> None:
        """Raise for numbers of neighbours that n samples do not have.

        Raises:
            ValueError: k, dimension_k or rank_k is out of range for a metric that needs it.
        """
        needs = {need for metric in metrics for need in metric.needs}
        if "neighbours" in needs:
            check_k(self.k, n, least=max(metric.min_k for metric in metrics if "neighbours" in metric.needs))
        if "dimension" in needs:
            check_k(self.dimension_neighbours(n), n, least=2, name="dimension_k")
        if "ranks" in needs:
            check_k(self.rank_k, n, name="rank_k")
