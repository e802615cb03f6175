"""Mutual k-nearest-neighbour overlap."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ..base import renamed_arguments
from ..neighbours import Lookup, NeighbourMetric, count_common, pair_tables, share, stack
from ..permutation import Shared
from ._neighbour_metric import all_equal, build_neighbour_metric, nan_unless, neighbour_count


@renamed_arguments(metric="neighbour_metric")
def mutual_knn(
    x: Any, y: Any, /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine", centre: bool = False
) -> jax.Array:
    """Compute the mean share of the k nearest neighbours that two representations have in common.

    ``mean_i |kNN_x(i) & kNN_y(i)| / k``. A row is not its own neighbour; ties are broken by the lowest index.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: number of neighbours, 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.
        centre: subtract the column means first; in the published definition, rows are not centred.

    Returns:
        Scalar in [0, 1]; k / (n - 1) on average for independent x and y; NaN if an input is not finite or constant.

    Symmetric; invariant to rotation, isotropic scaling and a common permutation of rows. ``euclidean`` is also
    invariant to translation, and so is every neighbour metric with ``centre``. Cost O(n^2 (d1 + d2) + n k^2), with
    n k log k in place of n k^2 beyond 64 neighbours; memory O(b n + n k) for blocks of b rows.
    Source: Huh et al. (2024), arXiv 2405.07987.

    Raises:
        ValueError: x and y have different numbers of rows, k is out of range, or the neighbour metric is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(mutual_knn(x, 2 * x, k=5))
        1.0
    """
    tables, finite = pair_tables(x, y, k=k, metric=neighbour_metric, centre=centre)
    both = stack(tables)
    overlap = share(_count.pairs(both)[0, 1], tables[0].indices.size, both.value.dtype)
    return nan_unless(finite & ~all_equal(both).any(), overlap)


def _overlap(a: Any, b: Any) -> Any:
    return count_common(a, b)


def _shared_overlap(shared: Shared, count: int, n: int, k: int) -> np.ndarray:
    return np.bincount(shared.number, minlength=count)


def _score(overlap: np.ndarray, n: int, k: int) -> np.ndarray:
    return overlap / (n * k)


def _chance(table: Lookup, n: int) -> float:
    k = table.indices.shape[1]
    return k / (n - 1)


_count = neighbour_count(_overlap, symmetric=True)

METRICS = (
    build_neighbour_metric(
        _count,
        _score,
        name="mutual_knn",
        long_name="mutual k-NN overlap",
        estimator="overlap / k",
        symmetric=True,
        chance_level=lambda table, context: _chance(table, context.candidates + 1),
        chance="k / (n - 1)",
        meaning="What share of a sample's nearest neighbours do the two models have in common?",
        citation="Huh et al. 2024, arXiv:2405.07987",
        by_row=True,
        shared_counts=_shared_overlap,
        overlaps=True,
    ),
)
