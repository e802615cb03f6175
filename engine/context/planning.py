"""What the pass over all pairs of samples computes for the needs of some metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from ..block_pass import PassPlan
from ..gram import Kernel, by_features
from ..neighbours import TABLE, NeighbourMetric
from .config import CompareConfig
from .needs import Need

KERNELS: tuple[Kernel, ...] = ("linear", "rbf", "distance")


def similarity_of(config: CompareConfig) -> Literal["cosine", "inner_product"]:
    """Return the neighbour metric if it is a similarity, otherwise cosine."""
    return "inner_product" if config.neighbour_metric == "inner_product" else "cosine"


def needs_all_pairs(needs: Sequence[Need]) -> bool:
    """Return whether a metric with these needs cannot be computed from neighbour tables and products of features."""
    return any(need in ("rbf", "distance", "ranks") for need in needs)


def plan_pass(
    needs: Sequence[Need],
    n: int,
    widths: Sequence[int],
    config: CompareConfig,
    *,
    neighbours: bool = True,
    half: bool = False,
) -> PassPlan:
    """Plan the pass for some needs; see `Metric.needs`.

    Args:
        needs: of the metrics.
        n: number of samples.
        widths: columns of each representation.
        config: how metrics are computed.
        neighbours: whether the pass finds the neighbours of pair metrics, which are those among all samples.
        half: whether the pass computes one half of each kernel where it computes kernels alone, as NumPy does.

    Returns:
        The plan. Linear kernels are in ``features`` instead of ``kernels`` where products of features cost less.
    """
    kernels = [kernel for kernel in KERNELS if kernel in needs]
    tables: dict[NeighbourMetric, int] = {}
    searched = "neighbours" in needs and neighbours
    if searched:
        # CKNNA masks a similarity: it uses the cosine if the neighbour metric is a distance.
        for metric in {config.neighbour_metric, similarity_of(config)}:
            tables[metric] = config.k
    if "dimension" in needs:
        tables["euclidean"] = max(tables.get("euclidean", 0), config.dimension_neighbours(n))
    if "two_nearest" in needs:
        tables["euclidean"] = max(tables.get("euclidean", 0), 2)
    if "ranks" in needs:
        tables["euclidean"] = max(tables.get("euclidean", 0), config.rank_k, min(TABLE, n - 1))
    gram = bool(tables) or kernels != ["linear"]
    cheaper = by_features(n, widths, gram=gram, half=half and not tables)
    features = "linear" in kernels and (cheaper or config.search == "hnsw" or config.queries is not None)
    if features:
        kernels.remove("linear")
    return PassPlan(
        cast("tuple[Kernel, ...]", tuple(kernels)),
        tuple(tables.items()),
        config.rank_k * ("ranks" in needs),
        ordered=max(
            max(config.rank_k, TABLE) * ("ranks" in needs),
            config.k * (searched and config.neighbour_metric == "euclidean"),
        ),
        features=features,
        search=config.search if tables else "exact",
        precision=config.precision,
    )
