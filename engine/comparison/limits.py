"""What a comparison refuses because of its size, said before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import InputError
from ..context import CompareConfig, plan_pass
from ..metrics import Metric
from ..permutation import check_held_kernels


def check_size(
    n: int, widths: Sequence[int], metrics: Sequence[Metric], config: CompareConfig, *, grouped: bool = False
) -> None:
    """Check that no metric will refuse so many samples or models.

    Args:
        n: number of samples.
        widths: columns of each model.
        metrics: that are to be computed.
        config: how they are computed.
        grouped: whether they are to be computed again under permutations within groups.

    Raises:
        ValueError: there are too many samples for a metric, or for permutations within groups.
    """
    for metric in metrics:
        if metric.most_rows is not None and n > metric.most_rows:
            raise InputError(
                f"{metric.name} is computed for at most {metric.most_rows:,} samples, and there are {n:,}: leave "
                f"{metric.name} out, or use fewer samples"
            )
    needs = sorted({need for metric in metrics for need in metric.needs})
    if grouped and plan_pass(needs, n, widths, config).kernels:
        check_held_kernels(n, len(widths), 4)
