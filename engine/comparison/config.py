"""What a comparison computes and what it infers, as two frozen configurations."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base import InputError, InputTypeError, check_k
from ..metrics import Metric
from ..neighbours import NeighbourMetric, check_metric


@dataclass(frozen=True)
class CompareConfig:
    """How metrics are computed.

    Args:
        k: neighbours of the pair metrics.
        dimension_k: neighbours of the intrinsic dimension. Default: 50, or a tenth of fewer than 500 samples, because
            a neighbourhood as large as the data has no dimension of its own.
        rank_k: neighbours whose ranks the information imbalance averages.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``. CKNNA masks a similarity, and uses ``cosine``
            in place of ``euclidean``.
        centre: subtract the column means before the neighbour search, which changes cosines and inner products.
        recall: find about this share of the neighbours, below 1, by `jax.lax.approx_max_k`, which is fast on a TPU and
            exact elsewhere; the share found on a sample of rows is returned as ``neighbour_recall``. Default: find all.
        block: rows per block. Default: as many as an eighth of the free memory holds for all models, on a CPU at most
            128 MiB.
        seed: of the permutations and of the jackknife groups.

    Raises:
        ValueError: an unknown neighbour metric, or a recall that is not between 0 and 1.
    """

    k: int = 25
    dimension_k: int | None = None
    rank_k: int = 1
    neighbour_metric: NeighbourMetric = "cosine"
    centre: bool = False
    recall: float | None = None
    block: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_metric(self.neighbour_metric)
        if self.recall is not None and not 0 < self.recall < 1:
            raise InputError(f"recall={self.recall} must lie between 0 and 1, or be None to find all neighbours")

    def for_samples(self, n: int, metrics: Sequence[Metric]) -> CompareConfig:
        """Return the configuration with ``dimension_k`` filled in, after checking it against n samples.

        Raises:
            ValueError: a number of neighbours that n samples do not have.
        """
        needs = {need for metric in metrics for need in metric.needs}
        if "neighbours" in needs:
            check_k(self.k, n, least=max(metric.min_k for metric in metrics if "neighbours" in metric.needs))
        default = min(50, max(5, n // 10), n - 1)
        dimension_k = default if self.dimension_k is None else self.dimension_k
        if "dimension" in needs:
            check_k(dimension_k, n, least=2, name="dimension_k")
        if "ranks" in needs:
            check_k(self.rank_k, n, name="rank_k")
        return dataclasses.replace(self, dimension_k=dimension_k)


@dataclass(frozen=True)
class Inference:
    """Which p-values and intervals are computed.

    Args:
        permutations: of the samples of one side of each pair, under which its score is recomputed; 0 for none, 200 are
            usual. Without groups at most n - 1 are drawn.
        groups: sample id -> label, or n labels for plain tensors. Samples are permuted within their group only, and
            groups are excluded whole by the jackknife: needed where samples of a group (one composition, one
            trajectory, one protein family) resemble each other.
        alpha: level of the thresholds of calibrated scores.
        jackknife_groups: number of groups of the delete-a-group jackknife behind standard errors and intervals; 0 for
            none, 20 are usual. Each takes about as long as the comparison itself.
        keep_resamples: keep the scores under all permutations as ``<metric>_null_samples`` over (``permutation``,
            ``model``, ``other``), and those without each jackknife group as ``<metric>_jackknife_values`` over
            ``jackknife_group`` and the dimensions of the metric. `hyle.engine.analysis.best_layers` and
            `hyle.engine.analysis.align_to` need them.

    Raises:
        ValueError: alpha is not between 0 and 1, a negative number, or groups that nothing uses.
    """

    permutations: int = 0
    groups: Mapping[str, Any] | Sequence[Any] | None = None
    alpha: float = 0.05
    jackknife_groups: int = 0
    keep_resamples: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha={self.alpha} must lie between 0 and 1")
        if self.permutations < 0 or self.jackknife_groups < 0:
            raise InputError(
                f"permutations={self.permutations} and jackknife_groups={self.jackknife_groups}: use 0 for none, or "
                "200 and 20"
            )
        if self.groups is not None and not (self.permutations or self.jackknife_groups):
            raise InputError("groups are for permutations and jackknife groups: ask for permutations or intervals")


def configured(
    config: CompareConfig | None, inference: Inference | None, options: Mapping[str, Any]
) -> tuple[CompareConfig, Inference]:
    """Return both configurations with the fields that were given as keywords.

    Raises:
        TypeError: an option that neither configuration has; names the closest.
    """
    own = ({field.name for field in dataclasses.fields(kind)} for kind in (CompareConfig, Inference))
    computing, inferring = own
    for name in options:
        if name not in computing | inferring:
            close = difflib.get_close_matches(name, sorted(computing | inferring), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputTypeError(f"compare has no option {name!r}{hint}")
    return (
        dataclasses.replace(config or CompareConfig(), **{k: v for k, v in options.items() if k in computing}),
        dataclasses.replace(inference or Inference(), **{k: v for k, v in options.items() if k in inferring}),
    )
