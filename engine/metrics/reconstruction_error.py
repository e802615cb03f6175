"""Error of reconstructing one representation from another by a linear map, global or local."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, block_size, pair
from ..context import NULL, VALUES, MetricContext
from ..neighbours import neighbours
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import Source, every_second, fitted, global_source, source_of, split, standardised_over, times

Scope = Literal["global", "local"]


def reconstruction_error(
    x: Any,
    y: Any,
    /,
    *,
    scope: Scope = "global",
    k: int = 25,
    train: Sequence[int] | np.ndarray | None = None,
) -> jax.Array:
    """Compute the error of predicting y from x on held-out samples by a linear map fitted to training samples.

    ``sqrt(mean_i ||y_i - p(x_i)||^2)`` over the held-out samples, with x and y scaled to mean 0 and total variance 1
    over the training samples. ``global``: p(x) = x W, one map. ``local``: p(x) = mean of y + (x - mean of x) W_i, a
    separate map for each held-out sample, fitted on its k Euclidean neighbours in x among the training samples.
    W = V_r S_r^-1 U_r^T y, from the singular vectors of x whose singular values exceed a share of the largest. The
    share is chosen from twenty values, 1e-9 to 0.9 in geometric steps, by twofold cross-validation on the training
    samples: it has the lowest root mean square error, averaged over columns. Directions whose singular value is 0 up
    to rounding are always cut.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x.
        scope: ``global`` (GFRE) or ``local`` (LFRE).
        k: number of neighbours of the local maps, 2 <= k <= number of training samples.
        train: indices of the training rows, at least 4; the others are held out. Default every second row from row 0.
            If rows are near duplicates of each other (frames of a trajectory, conformers), pass a split that keeps them
            together.

    Returns:
        Scalar >= 0: 0 if y is a linear function of x, 1 if x predicts no better than the mean of y (local: of the
        neighbours), above 1 if the prediction is worse than the mean. NaN if an input is not finite, or is constant
        over the training samples.

    Not symmetric: x -> y. Invariant to rotation, translation and isotropic scaling of both; the order of rows matters
    through the split. The derivative in y holds the share fixed; that in x exists only where singular values differ.
    Cost global O(n d1 (d1 + 20 d2)), local O(n k d1 (k + 20 d2) + n^2 d1); memory O(n (d1 + d2)), local O(b (n + k d))
    for blocks of b rows.
    Source: Goscinski et al. (2021), Mach. Learn.: Sci. Technol. 2, 025028, arXiv 2009.02741, as in scikit-matter.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 5, the scope is unknown, or k or the rows of
            train are out of range.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(80, 4))
        >>> round(float(reconstruction_error(x, x[:, :2])), 4), float(reconstruction_error(x[:, :2], x)) > 0.5
        (0.0, True)
    """
    if scope not in get_args(Scope):
        raise InputError(f"unknown scope {scope!r}: use {' or '.join(get_args(Scope))}")
    a, b = pair(x, y, least=5, warn=True)
    train_rows, test_rows = split(len(a), train)
    if scope == "local":
        _check_local(k, len(train_rows))
        return _local_errors(a, [b], train_rows, test_rows, k)[0]
    return _global_errors(a, [b], train_rows, test_rows)[0]


def _check_local(k: int, n_train: int) -> None:
    if not 2 <= k <= n_train:
        raise InputError(f"k={k} is out of range for {n_train} training samples: use k from 2 to {n_train}")


def _root_mean_square(residual: jax.Array) -> jax.Array:
    square = (residual * residual).sum(1).mean()
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), square)


def _global_errors(x: jax.Array, ys: Sequence[jax.Array], train_rows: np.ndarray, test_rows: np.ndarray) -> jax.Array:
    source, prepared, bad = global_source(x, train_rows, test_rows)
    return jnp.stack([jnp.where(bad, jnp.nan, _global_error(source, prepared, y, train_rows, test_rows)) for y in ys])


@jax.jit
def _global_error(source: Source, prepared: jax.Array, y: jax.Array, train_rows: Any, test_rows: Any) -> jax.Array:
    target = standardised_over(y, train_rows)
    return _root_mean_square(target[test_rows] - times(prepared, fitted(source, target[train_rows])))


@partial(jax.jit, static_argnames=("k",))
def _local_errors(x: jax.Array, ys: Sequence[jax.Array], train_rows: Any, test_rows: Any, k: int) -> jax.Array:
    points, targets = standardised_over(x, train_rows), [standardised_over(y, train_rows) for y in ys]
    bad = jnp.isnan(points).any()
    points = jnp.where(bad, 0, points)
    allowed = jnp.zeros(len(x), bool).at[train_rows].set(True)
    # Neighbours of the unscaled rows: dividing by a standard deviation would break the ties of integers.
    near = neighbours(jnp.where(bad, 0, x), k, "euclidean", allowed).indices[test_rows]

    def of_row(row: jax.Array, around: jax.Array) -> jax.Array:
        local = points[around]
        middle = local.mean(0)
        source = source_of(local - middle)
        prepared = times((points[row] - middle)[None], source.whole.right)
        squares = []
        for target in targets:
            values = target[around]
            mean = values.mean(0)
            residual = target[row] - mean - times(prepared, fitted(source, values - mean))[0]
            squares.append((residual * residual).sum())
        return jnp.stack(squares)

    width = k * (x.shape[1] + 2 * max(y.shape[1] for y in ys))
    squares = jax.lax.map(
        lambda both: of_row(*both), (jnp.asarray(test_rows), near), batch_size=block_size(len(test_rows), width)
    )
    return jnp.where(bad, jnp.nan, jax.vmap(_root_mean_square)(jnp.sqrt(squares).T[..., None]))


def _evaluate(context: MetricContext, scope: Scope) -> Result:
    train_rows, test_rows = every_second(context)
    attributes = {
        "scope": scope,
        "fitted_on": "every second sample",
        "n_test": len(test_rows),
        "regularisation": "singular values cut at a share of the largest, by twofold cross-validation",
        "centring": "columns",
    }
    k = min(context.config.k, len(train_rows))
    if scope == "local":
        _check_local(k, len(train_rows))
        attributes |= {"k": k, "neighbour_metric": "euclidean"}
    value, report = np.empty((context.m, context.m)), context.stage_callback(VALUES)
    for a, x in enumerate(context.arrays):
        if scope == "local":
            value[a] = _local_errors(x, context.arrays, train_rows, test_rows, k)
        else:
            value[a] = _global_errors(x, context.arrays, train_rows, test_rows)
        report(a + 1, context.m)
    return Result(value, np.ones_like(value) if scope == "global" else None, attributes)


def _null_distribution(context: MetricContext, permutations: Permutations, scope: Scope) -> np.ndarray | None:
    """Compute the values under permutations; x is decomposed once for all orders of y. None for local maps."""
    if scope == "local":
        return None
    train_rows, test_rows = every_second(context)
    in_order, report = context.in_order, context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for a, x in enumerate(context.arrays):
        source, prepared, bad = global_source(x, train_rows, test_rows)
        for b, y in enumerate(context.arrays):
            # If it is x whose rows are permuted, apply the inverse permutation to y instead.
            orders = permutations.orders if in_order[a, b] else permutations.inverses
            errors = [_global_error(source, prepared, y[order], train_rows, test_rows) for order in orders]
            values[:, a, b] = np.where(bad, np.nan, np.asarray(errors))
            report(a * context.m + b + 1, context.m**2)
    return values


def _facts(name: str, scope: Scope, long_name: str, chance: str, meaning: str) -> Metric:
    return Metric(
        name=name,
        long_name=long_name,
        kind="pair",
        evaluate=lambda context: _evaluate(context, scope),
        null=lambda context, permutations: _null_distribution(context, permutations, scope),
        needs=(),
        symmetric=False,
        bounds=(0.0, 1.0),
        higher_is_better=False,
        chance=chance,
        meaning=meaning,
        citation="Goscinski et al. 2021, arXiv:2009.02741",
        queries="exact" if scope == "global" else "refused",
    )


METRICS = (
    _facts(
        "reconstruction_error",
        "global",
        "global reconstruction error (GFRE)",
        "1 for n >> d, the error of predicting the mean; higher for few samples",
        "How much of the second model does a linear map of the first fail to predict, on held-out samples?",
    ),
    _facts(
        "reconstruction_error_local",
        "local",
        "local reconstruction error (LFRE)",
        "none in closed form; a little above 1",
        "As the global error, with a separate linear map around each sample, which also fits nonlinear relations.",
    ),
)
