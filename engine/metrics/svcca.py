"""Singular vector canonical correlation analysis (SVCCA)."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, pair
from ..context import MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import (
    Basis,
    all_bases,
    bases,
    correlation_sum,
    correlations,
    permuted_scores,
    unrelated_means,
)

VARIANCE = 0.99


def svcca(x: Any, y: Any, /, *, variance: float = VARIANCE, components: int | None = None) -> jax.Array:
    """Compute the mean canonical correlation of the leading singular directions of two representations.

    Each representation is first reduced to the fewest singular directions of its centred rows that explain a share of
    its variance; then `hyle.engine.cca` with ``form="mean"``.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2.
        variance: share of the variance that the directions of each representation explain at least, in (0, 1].
        components: number of directions of each instead, at most min(n - 1, d1, d2), or all that there are if a
            representation has a lower rank. Huh et al. (2024) use 10, after scaling each column to unit variance, which
            this function does not do.

    Returns:
        Scalar in [0, 1]: 1 if the directions of one are linear functions of those of the other. NaN if a representation
        is constant or not finite. Not debiased: for k and l directions of independent rows, the mean of the squared
        correlations is max(k, l) / (n - 1), and it is 1 for any rows where k or l is n - 1.

    Symmetric; invariant to rotation, translation, isotropic scaling and a common permutation of rows, but not to other
    linear maps, which change the leading directions. By ``variance`` the number of directions is an integer that jumps
    under small changes of the rows, and the value with it.
    The derivative holds the leading directions fixed. The second derivative is meaningless.
    Cost O(n (d1^2 + d2^2)), with each width counted as at most n; memory O(n (d1 + d2)).
    Source: Raghu et al. (2017), arXiv 1706.05806; fixed number: Huh et al. (2024), arXiv 2405.07987.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2, or variance or components is out of range.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(200, 8)) * [9, 9, 9, 9, 0.1, 0.1, 0.1, 0.1]
        >>> y = x * np.repeat([1, 0], 4)
        >>> round(float(svcca(x, y)), 5), round(float(svcca(x, y, components=4)), 5)
        (1.0, 1.0)
    """
    a, b = pair(x, y, least=2, warn=True)
    if not 0 < variance <= 1:
        raise InputError(f"variance={variance} is a share of the variance: use a number above 0 and up to 1")
    most = min(len(a) - 1, a.shape[1], b.shape[1])
    if components is not None and not 1 <= components <= most:
        raise InputError(
            f"components={components} is out of range for {len(a)} samples with {a.shape[1]} and {b.shape[1]} columns: "
            f"use components from 1 to {most}"
        )
    return _svcca(a, b, float(variance), components)


@partial(jax.jit, static_argnames=("variance", "components"))
def _svcca(x: jax.Array, y: jax.Array, variance: float, components: int | None) -> jax.Array:
    found = correlations(x, y, *(_leading(space, variance, components) for space in bases(x, y)))
    return found.values.sum() / jnp.maximum(found.number, 1)


def _leading(space: Basis, variance: float, components: int | None = None) -> Basis:
    """Keep the fewest directions that explain a share of the variance, or a number of them."""
    if components is not None:
        return space.keep(np.arange(len(space.values)) < components)
    # What a direction and all after it explain: small numbers are added first.
    rest = (space.values[::-1] ** 2).cumsum()[::-1]
    return space.keep(rest > (1 - variance) * rest[:1])


def _all_leading(context: MetricContext) -> list[Basis]:
    return context.cached("svcca", lambda: [_leading(space, VARIANCE) for space in all_bases(context)])


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    spaces = _all_leading(context)

    def score(a: int, b: int, order: np.ndarray) -> tuple[float, float]:
        value = correlation_sum(spaces[a], spaces[b], order) / max(1, min(spaces[a].rank, spaces[b].rank))
        return value, value

    return permuted_scores(context, permutations, score)


def _evaluate(context: MetricContext) -> Result:
    spaces, value = _all_leading(context), np.empty((context.m, context.m))
    for a, first in enumerate(spaces):
        for b, second in enumerate(spaces[: a + 1]):
            value[a, b] = value[b, a] = correlation_sum(first, second) / max(1, min(first.rank, second.rank))
        if first.rank:
            value[a, a] = 1.0
    attributes = {"variance": VARIANCE, "centring": "columns"}
    counts = np.array([int(space.rank) for space in spaces])
    return Result(value, unrelated_means(context, spaces, "svcca"), attributes, extra={"directions": counts})


METRICS = (
    Metric(
        name="svcca",
        long_name="SVCCA, 99 % of the variance",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="mean over permutations of the samples, from both numbers of directions; exact for many dimensions",
        meaning="As CCA, but only for the directions that explain 99 % of each model's variance.",
        citation="Raghu et al. 2017, arXiv:1706.05806",
        queries="exact",
    ),
)
