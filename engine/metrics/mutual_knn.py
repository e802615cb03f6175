"""Mutual k-nearest-neighbour overlap."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._metric import Metric, Result
from .._neighbours import Lookup, NeighbourMetric, check_metric, lookup, neighbours
from .._panel import Panel
from .._rows import check_k, pair


def mutual_knn(x: Any, y: Any, /, *, k: int = 10, metric: NeighbourMetric = "cosine") -> jax.Array:
    """Mean share of the k nearest neighbours that two representations have in common.

    ``mean_i |kNN_x(i) & kNN_y(i)| / k``, a row not being its own neighbour, ties to the lowest index.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x.
        k: neighbours, 1 <= k <= n - 1.
        metric: ``cosine`` (rows not centred), ``euclidean`` or ``inner_product``.

    Returns:
        Scalar in [0, 1]; k / (n - 1) on average where x and y are independent; NaN where an input is not
        finite or constant.

    Symmetric; invariant to rotation, to isotropic scale and to a common permutation of rows, ``euclidean`` also to
    translation. Cost O(n^2 (d1 + d2) + n k log k), memory O(b n + n k) for blocks of b rows.
    Source: Huh et al. (2024), arXiv 2405.07987.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> float(mutual_knn(x, 2 * x, k=5))
        1.0
    """
    check_metric(metric)
    a, b = pair(x, y, least=2)
    check_k(k, len(a))
    value = _overlap(lookup(neighbours(a, k, metric)), lookup(neighbours(b, k, metric))).astype(a.dtype)
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


@jax.jit
def _overlap(a: Lookup, b: Lookup) -> jax.Array:
    rows = jnp.arange(len(a.indices), dtype=a.indices.dtype)[:, None]
    found, _ = b.find(jnp.broadcast_to(rows, a.indices.shape), a.indices)
    unknown = jnp.isnan(a.value).any() | jnp.isnan(b.value).any()
    # Behind the barrier, since XLA multiplies by the inverse of a constant, and all of n k may then not be 1.
    total = jax.lax.optimization_barrier(jnp.asarray(found.size, a.value.dtype))
    return jnp.where(unknown, jnp.nan, found.sum() / total)


def _evaluate(panel: Panel) -> Result:
    tables = panel.tables(panel.k, panel.neighbour_metric)
    value = panel.pairs(_overlap, panel.lookups(panel.k, panel.neighbour_metric), symmetric=True)
    return Result(
        value,
        np.full_like(value, panel.k / (panel.n - 1)),
        {"estimator": "overlap / k", **panel.neighbour_attributes()},
        {"ties": np.array([int(table.tied.sum()) for table in tables])},
    )


METRICS = (
    Metric(
        name="mutual_knn",
        long_name="mutual k-NN overlap",
        kind="pair",
        evaluate=_evaluate,
        needs=("neighbours",),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="k / (n - 1)",
        meaning="Which share of a sample's nearest neighbours do the two models agree on?",
        citation="Huh et al. 2024, arXiv:2405.07987",
    ),
)
