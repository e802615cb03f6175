"""Canonical correlation analysis (CCA)."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, pair
from ..context import MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import (
    all_bases,
    bases,
    correlation_sum,
    correlations,
    permuted_scores,
    square_sum,
    unrelated_means,
    unrelated_square_means,
)

Form = Literal["mean", "squared"]


def cca(x: Any, y: Any, /, *, form: Form = "mean") -> jax.Array:
    """Compute the mean canonical correlation of two representations of the same samples.

    The first canonical correlation is the largest correlation between a linear combination of the columns of x and one
    of the columns of y; each further one is the largest among combinations that are uncorrelated with the earlier ones.
    They are the singular values rho of ``Qx^T Qy``, where Qx and Qy are orthonormal bases of the centred columns, and
    the cosines of the principal angles between the two column spaces. There are q = min(rank of x, rank of y).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2.
        form: ``mean``, the mean of rho over the q pairs; ``squared``, the mean of rho^2, which is called R^2_CCA and
            Yanai's generalised coefficient of determination.

    Returns:
        Scalar in [0, 1]: 1 if one is a linear function of the other. NaN if a representation is constant or not finite.
        Not debiased: the squared form of independent rows is max(rank of x, rank of y) / (n - 1) on average. Where a
        representation has rank n - 1, as most with d >= n - 1 columns have, it is 1 for any rows of the other: use
        `hyle.engine.svcca` or many more samples than columns.

    Symmetric; invariant to invertible linear maps of the columns of either side, and so to rotation, scale and shift of
    each, and to a common permutation of rows. All directions count equally, whatever their variance, if their singular
    values exceed 4 eps max(n, d)^(1/2) times the largest one, and as much of the largest entry of the rows before
    centring; smaller ones are rounding errors. Columns that depend linearly on each other up to larger rounding errors,
    such as those of 16-bit numbers, are directions of their own.
    The derivative is exact where the ranks stay as they are; of the ``mean`` form it is a subgradient where a canonical
    correlation is 0. The second derivative is meaningless.
    Cost O(n (d1^2 + d2^2) + d1 d2 min(d1, d2)), with each width counted as at most n; memory O(n (d1 + d2)).
    Source: Hotelling (1936), Biometrika 28; Raghu et al. (2017), arXiv 1706.05806; Kornblith et al. (2019), arXiv
    1905.00414, table 1.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2, or the form is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(float(cca(x, x @ np.triu(np.ones((4, 4))) + 7)), 5)
        1.0
    """
    if form not in get_args(Form):
        raise InputError(f"unknown form {form!r} of the canonical correlations: use {' or '.join(get_args(Form))}")
    a, b = pair(x, y, least=2, warn=True)
    return _cca(a, b, form)


@partial(jax.jit, static_argnames=("form",))
def _cca(x: jax.Array, y: jax.Array, form: Form) -> jax.Array:
    found = correlations(x, y, *bases(x, y))
    values = found.values if form == "mean" else found.values**2
    return values.sum() / jnp.maximum(found.number, 1)


def _null_distribution(context: MetricContext, permutations: Permutations, form: Form) -> np.ndarray:
    spaces, total = all_bases(context), correlation_sum if form == "mean" else square_sum

    def score(a: int, b: int, order: np.ndarray) -> tuple[float, float]:
        value = total(spaces[a], spaces[b], order) / max(1, min(spaces[a].rank, spaces[b].rank))
        return value, value

    return permuted_scores(context, permutations, score)


def _evaluate(context: MetricContext, form: Form) -> Result:
    spaces, total = all_bases(context), correlation_sum if form == "mean" else square_sum
    value = np.empty((context.m, context.m))
    for a, first in enumerate(spaces):
        for b, second in enumerate(spaces[: a + 1]):
            value[a, b] = value[b, a] = total(first, second) / max(1, min(first.rank, second.rank))
        if first.rank:
            value[a, a] = 1.0
    chance = unrelated_means(context, spaces, "all") if form == "mean" else unrelated_square_means(context, spaces)
    attributes = {"form": form, "centring": "columns"}
    return Result(value, chance, attributes, extra={"directions": np.array([int(space.rank) for space in spaces])})


def _facts(name: str, form: Form, long_name: str, chance: str, meaning: str, citation: str) -> Metric:
    return Metric(
        name=name,
        long_name=long_name,
        kind="pair",
        evaluate=lambda context: _evaluate(context, form),
        null=lambda context, permutations: _null_distribution(context, permutations, form),
        needs=(),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance=chance,
        meaning=meaning,
        citation=citation,
        queries="exact",
    )


METRICS = (
    _facts(
        "cca",
        "mean",
        "mean canonical correlation (CCA)",
        "mean over permutations of the samples, from both ranks; exact for many dimensions; 1 for rank n - 1",
        "How well do the directions of the two models correlate, on average, after the best linear maps of both?",
        "Hotelling 1936, Biometrika 28; Raghu et al. 2017, arXiv:1706.05806",
    ),
    _facts(
        "cca_squared",
        "squared",
        "mean squared canonical correlation (R²_CCA)",
        "exactly the larger rank / (n - 1) on average over permutations; 1 for rank n - 1",
        "How much of the lower-dimensional model, with all directions scaled alike, is linear in the other?",
        "Kornblith et al. 2019, arXiv:1905.00414; Yanai 1974",
    ),
)
