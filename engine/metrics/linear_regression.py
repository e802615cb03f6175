"""How much of one representation a linear map of another explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, pair
from ..context import NULL, VALUES, MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import (
    Basis,
    all_bases,
    basis,
    column_weights,
    cross_product,
    defined,
    every_second,
    fitted,
    global_source,
    permuted_scores,
    split,
    standardised_over,
)

# The chance level of held-out samples has no closed form and is a mean over permutations. Their number is the first
# constant divided by the number of samples, within the bounds of the second.
CHANCE_SAMPLES, CHANCE_PERMUTATIONS = 2**12, (1, 5)


def linear_regression(
    x: Any, y: Any, /, *, held_out: bool = True, train: Sequence[int] | np.ndarray | None = None
) -> jax.Array:
    """Compute the share of the variance of y that a linear map of x explains, R^2.

    ``1 - sum_i ||y_i - p(x_i)||^2 / sum_i ||y_i - mean of y||^2``, summed over all columns of y, so that columns count
    by their variance.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x.
        held_out: True fits p to the training samples, with singular values of x cut as in
            `hyle.engine.reconstruction_error`, and takes both sums and the mean over the other samples. False fits p to
            all samples by least squares and takes the sums over the same samples: ``||Qx^T Y||_F^2 / ||Y||_F^2`` for an
            orthonormal basis Qx of the centred columns of x and centred Y.
        train: indices of the training rows, at least 4; the others are held out. Default every second row from row 0.
            If rows are near duplicates of each other (frames of a trajectory, conformers), pass a split that keeps them
            together. Only with ``held_out=True``.

    Returns:
        Scalar of at most 1, which is reached if y is a linear function of x, held out only if there are more training
        samples than columns. Held out: 0 if x predicts no better than the mean, negative if worse; independent rows are
        at about 0 or below. In sample: at least 0; independent rows are at (rank of x) / (n - 1) on average, and it is
        1 for any y if x has rank n - 1, as most representations with d1 >= n - 1 columns have. NaN if an input is
        constant or not finite; held out also if it is constant over the training samples, or y over the others.

    Not symmetric: x -> y. Invariant to rotation, translation and isotropic scaling of both, and in sample to invertible
    linear maps of the columns of x. The order of rows matters through the split, and in sample not at all.
    The derivative in y is exact, held out with the cut of the singular values held fixed. That in x is exact in sample,
    where the rank stays as it is; held out it exists only where singular values differ.
    Cost held out O(n d1 (d1 + 20 d2)), in sample O(n d1 (d1 + d2)), with d1 counted as at most n; memory
    O(n (d1 + d2)).
    Source: in sample, R^2_LR of Kornblith et al. (2019), arXiv 1905.00414, who write X for what is predicted; held out,
    the fit of Goscinski et al. (2021), arXiv 2009.02741.

    Raises:
        ValueError: x and y have different numbers of rows or too few, 5 held out and 2 in sample, or the rows of train
            are out of range, or given with ``held_out=False``.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(80, 4))
        >>> round(float(linear_regression(x, x[:, :2])), 4), float(linear_regression(x[:, :2], x)) < 0.7
        (1.0, True)
    """
    if not held_out:
        if train is not None:
            raise InputError("train is for held_out=True: in sample, the map is fitted to all rows")
        return _in_sample(*pair(x, y, least=2, warn=True))
    a, b = pair(x, y, least=5, warn=True)
    train_rows, test_rows = split(len(a), train)
    return _explained(*global_source(a, train_rows, test_rows), b, train_rows, test_rows)


@jax.jit
def _explained(
    source: Any, prepared: jax.Array, bad: jax.Array, y: jax.Array, train_rows: Any, test_rows: Any
) -> jax.Array:
    target = standardised_over(y, train_rows)
    held_out = target[test_rows]
    residual = held_out - jnp.matmul(prepared, fitted(source, target[train_rows]), precision=HIGHEST)
    spread = held_out - held_out.mean(0)
    spread = jnp.where((y[test_rows] == y[test_rows][0]).all(), 0, spread)  # the mean of a constant is rounded
    total = (spread * spread).sum(1).sum()
    share = 1 - (residual * residual).sum(1).sum() / jnp.where(total == 0, 1, total)
    return share * jnp.where(bad | (total == 0), jnp.nan, jnp.ones((), y.dtype))


@jax.jit
def _in_sample(x: jax.Array, y: jax.Array) -> jax.Array:
    space, target = basis(x), centred(y)[0]
    total = (target * target).sum(1).sum()
    factor = defined(space.rank * (total != 0), y.dtype)
    points, target = centred(x * factor)[0], centred(y * factor)[0]
    total = jnp.where(total == 0, 1, total)
    shared = jnp.matmul(space.vectors.T, jax.lax.stop_gradient(target), precision=HIGHEST)
    rest = jax.lax.stop_gradient(target) - jnp.matmul(space.vectors, shared, precision=HIGHEST)
    share = 1 - (rest * rest).sum(1).sum() / jax.lax.stop_gradient(total)
    # The fit is a minimum: in the derivative the coefficients can be held fixed.
    residual = target - jnp.matmul(points, column_weights(space, shared), precision=HIGHEST)
    left = (residual * residual).sum(1).sum() / total
    return share - (left - jax.lax.stop_gradient(left))


def _source(context: MetricContext, model: int) -> Any:
    """Decompose the training rows of a model once, for all others and all permutations."""
    rows = every_second(context)
    return context.cached(("linear regression", model), lambda: global_source(context.arrays[model], *rows))


def _evaluate(context: MetricContext) -> Result:
    rows, report = every_second(context), context.stage_callback(VALUES)
    count = int(np.clip(CHANCE_SAMPLES // context.n, *CHANCE_PERMUTATIONS))
    orders = context.permutations(count)
    value, chance = np.empty((2, context.m, context.m))
    for a in range(context.m):
        source = _source(context, a)
        for b, y in enumerate(context.arrays):
            value[a, b] = _explained(*source, y, *rows)
            chance[a, b] = np.mean([float(_explained(*source, y[order], *rows)) for order in orders])
        report(a + 1, context.m)
    attributes = {
        "fitted_on": "every second sample",
        "n_test": len(rows[1]),
        "regularisation": "singular values cut at a share of the largest, by twofold cross-validation",
        "centring": "columns",
        "chance_permutations": count,
    }
    return Result(value, chance, attributes)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    """Compute the values under permutations; x is decomposed once for all orders of y."""
    rows, in_order, report = every_second(context), context.in_order, context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for a in range(context.m):
        source = _source(context, a)
        for b, y in enumerate(context.arrays):
            # If it is x whose rows are permuted, apply the inverse permutation to y instead.
            orders = permutations.orders if in_order[a, b] else permutations.inverses
            values[:, a, b] = [float(_explained(*source, y[order], *rows)) for order in orders]
            report(a * context.m + b + 1, context.m**2)
    return values


def _both_in_sample(first: Basis, second: Basis, order: np.ndarray | None = None) -> tuple[float, float]:
    """Compute the share of the second that the first explains, and that of the first that the second explains."""
    if not min(first.rank, second.rank):
        return float("nan"), float("nan")
    squares = np.square(cross_product(first, second, order), dtype=np.float64)
    there, back = second.values**2, first.values**2
    every = len(first.vectors) - 1
    return (
        1.0 if first.rank == every else min(float((squares @ there).sum() / there.sum()), 1.0),
        1.0 if second.rank == every else min(float((back @ squares).sum() / back.sum()), 1.0),
    )


def _evaluate_in_sample(context: MetricContext) -> Result:
    spaces, value = all_bases(context), np.empty((context.m, context.m))
    for a, first in enumerate(spaces):
        for b, second in enumerate(spaces[:a]):
            value[a, b], value[b, a] = _both_in_sample(first, second)
        value[a, a] = 1.0 if first.rank else np.nan
    ranks = np.array([float(space.rank) for space in spaces])
    chance = np.where(np.minimum.outer(ranks, ranks) > 0, ranks[:, None] / (context.n - 1), np.nan)
    return Result(value, chance, {"fitted_on": "all samples", "centring": "columns"})


def _null_in_sample(context: MetricContext, permutations: Permutations) -> np.ndarray:
    spaces = all_bases(context)
    return permuted_scores(context, permutations, lambda a, b, order: _both_in_sample(spaces[a], spaces[b], order))


METRICS = (
    Metric(
        name="linear_regression",
        long_name="linear regression, held-out R²",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="mean over 1 to 5 permutations of the samples, for each pair of models; about 0 or below",
        meaning="How much of the second model's variance does a linear map of the first explain, on held-out samples?",
        citation="Goscinski et al. 2021, arXiv:2009.02741; Kornblith et al. 2019, arXiv:1905.00414",
        queries="exact",
    ),
    Metric(
        name="linear_regression_in_sample",
        long_name="linear regression, in-sample R²",
        kind="pair",
        evaluate=_evaluate_in_sample,
        null=_null_in_sample,
        needs=(),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="exactly (rank of the first model) / (n - 1) on average over permutations; 1 for rank n - 1",
        meaning="As linear regression, but fitted to the samples on which it is measured, which raises the score.",
        citation="Kornblith et al. 2019, arXiv:1905.00414",
        queries="exact",
    ),
)
