"""What a comparison refuses because of its size, said before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from jax.sharding import Mesh

from ..base import InputError
from ..context import CompareConfig, needs_all_pairs, plan_pass
from ..metrics import Metric
from ..neighbours import check_faiss
from ..permutation import check_held_kernels


def check_size(
    n: int,
    widths: Sequence[int],
    metrics: Sequence[Metric],
    config: CompareConfig,
    *,
    grouped: bool = False,
    mesh: Mesh | None = None,
) -> None:
    """Check that no metric will refuse so many samples or models.

    Args:
        n: number of samples.
        widths: columns of each model.
        metrics: that are to be computed.
        config: how they are computed.
        grouped: whether they are to be computed again under permutations within groups.
        mesh: devices on which they are computed; None for one device.

    Raises:
        ValueError: there are too many samples for a metric, or for permutations within groups; a metric needs all pairs
            of samples, and the search is approximate.
        MissingPackageError: faiss is not installed, and the search needs it.
    """
    if config.search == "hnsw":
        check_faiss()
        refused = [metric.name for metric in metrics if needs_all_pairs(metric.needs)]
        if refused:
            raise InputError(
                f"search='hnsw' finds neighbours only, and {', '.join(refused)} need all pairs of samples: leave them "
                "out, or use search='exact'"
            )
        if mesh is not None:
            raise InputError(
                "search='hnsw' is computed by the CPU of one process: omit the mesh, or use search='exact'"
            )
    for metric in metrics:
        if metric.most_rows is not None and n > metric.most_rows:
            raise InputError(
                f"{metric.name} is computed for at most {metric.most_rows:,} samples, and there are {n:,}: leave "
                f"{metric.name} out, or use fewer samples"
            )
    needs = sorted({need for metric in metrics for need in metric.needs})
    if grouped and plan_pass(needs, n, widths, config).kernels:
        check_held_kernels(n, len(widths), 4)
