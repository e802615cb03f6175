"""Projection-weighted canonical correlation analysis (PWCCA)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, pair
from ..context import MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import (
    Basis,
    all_bases,
    bases,
    correlations,
    cross_product,
    permuted_scores,
    unrelated_means,
)


def pwcca(x: Any, y: Any, /) -> jax.Array:
    """Compute the mean canonical correlation of two representations, weighted by how much of x each direction carries.

    ``sum_i a_i rho_i / sum_i a_i`` over the canonical correlations rho_i, see `hyle.engine.cca`. The weight
    ``a_i = sum_j |h_i . x_j|`` sums over the centred columns x_j of x, where h_i is the i-th canonical variable of x,
    with unit length. Weights are always from x, the first argument. The code of Morcos et al. takes them from the
    representation with fewer columns: pass that one first for the same weights.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32. Gives the weights.
        y: [n, d2], row i being the same sample as row i of x; n >= 2.

    Returns:
        Scalar in [0, 1]: 1 if one is a linear function of the other. NaN if a representation is constant or not finite.
        Not debiased: independent rows are as high as in `hyle.engine.cca`, and it is 1 for any rows where a
        representation has rank n - 1, as most with d >= n - 1 columns have. Where several canonical correlations are
        equal, their directions and weights are not unique; neither is then the value, unless all are equal.

    Not symmetric: the weights are those of x. Invariant to invertible linear maps of the columns of y, to translation
    and isotropic scaling of x and to a common permutation of rows, but not to rotation of x: the weights are sums of
    absolute values over its columns.
    The derivative holds the weights fixed. The second derivative is meaningless.
    Cost O(n (d1^2 + d2^2) + d1 d2 min(d1, d2)), with each width counted as at most n; memory O(n (d1 + d2)).
    Source: Morcos et al. (2018), arXiv 1806.05759.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x, noise = (np.random.default_rng(seed).normal(size=(200, 2)) * [9, 1] for seed in (0, 1))
        >>> y = np.stack([x[:, 0], 99 * noise[:, 1]], axis=1)
        >>> float(pwcca(x, y)) > 0.8, float(pwcca(y, x)) < 0.4
        (True, True)
    """
    a, b = pair(x, y, least=2, warn=True)
    return _pwcca(a, b)


@jax.jit
def _pwcca(x: jax.Array, y: jax.Array) -> jax.Array:
    first, second = bases(x, y)
    found = correlations(x, y, first, second)
    weights = jnp.where(jnp.arange(len(found.values)) < found.number, _weights(first, found.first), 0)
    total = weights.sum()
    return (weights * found.values).sum() / jnp.where(total > 0, total, 1)


def _weights(space: Basis, directions: Any) -> Any:
    """Sum the absolute products of canonical variables, directions [r, q] in the basis, with the columns; [q]."""
    if isinstance(directions, np.ndarray):
        return np.abs(directions.T @ space.loadings).sum(1)
    return jnp.abs(jnp.matmul(directions.T, space.loadings, precision=HIGHEST)).sum(1)


def _both(first: Basis, second: Basis, order: np.ndarray | None = None) -> tuple[float, float]:
    """Compute the values with the weights of the first and with those of the second."""
    least, most = sorted((int(first.rank), int(second.rank)))
    if not least:
        return float("nan"), float("nan")
    if most == len(first.vectors) - 1:  # it has all directions that there are
        return 1.0, 1.0
    u, values, vt = np.linalg.svd(cross_product(first, second, order).astype(np.float64), full_matrices=False)
    values = np.clip(values[:least], 0, 1)
    there, back = _weights(first, u[:, :least]), _weights(second, vt[:least].T)
    return float(there @ values / there.sum()), float(back @ values / back.sum())


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    spaces = all_bases(context)
    return permuted_scores(context, permutations, lambda a, b, order: _both(spaces[a], spaces[b], order))


def _evaluate(context: MetricContext) -> Result:
    spaces, value = all_bases(context), np.empty((context.m, context.m))
    for a, first in enumerate(spaces):
        for b, second in enumerate(spaces[:a]):
            value[a, b], value[b, a] = _both(first, second)
        value[a, a] = 1.0 if first.rank else np.nan
    return Result(value, unrelated_means(context, spaces, "all"), {"weights": "of model", "centring": "columns"})


METRICS = (
    Metric(
        name="pwcca",
        long_name="projection-weighted CCA (PWCCA)",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="that of CCA: for unrelated models the weights make no difference on average; 1 for rank n - 1",
        meaning="As CCA, but directions that carry much of the first model count more.",
        citation="Morcos et al. 2018, arXiv:1806.05759",
        queries="exact",
    ),
)
