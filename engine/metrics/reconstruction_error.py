"""How badly one representation is reconstructed from another by a linear map, global or local."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, block_size, centred, pair
from ..context import NULL, VALUES, MetricContext
from ..neighbours import neighbours
from ..permutation import Permutations
from ._metric import Metric, Result

Scope = Literal["global", "local"]
# Shares of the largest singular value below which directions are cut, tried in this order.
CUTOFFS = tuple(np.geomspace(1e-9, 0.9, 20).tolist())
# Of the shuffle into two folds. As scikit-matter has it, so that numbers can be compared.
FOLD_SEED = 0x5F3759DF


def reconstruction_error(
    x: Any,
    y: Any,
    /,
    *,
    scope: Scope = "global",
    k: int = 25,
    train: Sequence[int] | np.ndarray | None = None,
) -> jax.Array:
    """Error of y where it is predicted from x by a linear map that was fitted on other samples.

    ``sqrt(mean_i ||y_i - p(x_i)||^2)`` over the samples held out, x and y having mean 0 and total variance 1 over those
    fitted on. ``global``: p(x) = x W, one map. ``local``: p(x) = mean of y + (x - mean of x) W_i, fitted anew for each
    sample held out on its k Euclidean neighbours in x.
    W = V_r S_r^-1 U_r^T y, from the singular vectors of x whose values exceed a share of the largest. Of twenty shares,
    1e-9 to 0.9 in geometric steps, it is the one whose error is least when each half of the samples fitted on predicts
    the other: mean over columns of the root mean square. Directions within rounding of 0 are cut in any case.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x.
        scope: ``global`` (GFRE) or ``local`` (LFRE).
        k: neighbours of the local maps, 2 <= k <= the samples fitted on.
        train: numbers of the rows to fit on, at least 4, the others being held out; default every second from row 0.
            Where rows are near copies of each other (frames of a trajectory, conformers), give a split that keeps them
            together.

    Returns:
        Scalar >= 0: 0 where y is a linear function of x, 1 where x is of no more use than the mean of y (local: of the
        neighbours), above 1 where the fit does harm. NaN where an input is not finite, or constant over the samples
        fitted on.

    Not symmetric: x -> y. Invariant to rotation and translation of both, isotropic scale of both; order of rows counts
    through the split. The derivative in y holds the share fixed; that in x exists only where singular values differ.
    Cost global O(n d1 (d1 + 20 d2)), local O(n k d1 (k + 20 d2) + n^2 d1); memory O(n (d1 + d2)), local O(b (n + k d))
    for blocks of b rows.
    Source: Goscinski et al. (2021), Mach. Learn.: Sci. Technol. 2, 025028, arXiv 2009.02741, as in scikit-matter.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 5, an unknown scope, k or rows of train out of
            range.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(80, 4))
        >>> round(float(reconstruction_error(x, x[:, :2])), 4), float(reconstruction_error(x[:, :2], x)) > 0.5
        (0.0, True)
    """
    if scope not in get_args(Scope):
        raise InputError(f"unknown scope {scope!r}: use {' or '.join(get_args(Scope))}")
    a, b = pair(x, y, least=5)
    rows, held = _split(len(a), train)
    if scope == "local":
        _check_local(k, len(rows))
        return _local_errors(a, [b], rows, held, k)[0]
    return _global_errors(a, [b], rows, held)[0]


def _split(n: int, train: Any) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(0, n, 2) if train is None else np.asarray(train)
    if rows.dtype.kind not in "iu" or rows.ndim != 1 or len(np.unique(rows)) != len(rows) or len(rows) < 4:
        raise InputError("train holds the numbers of at least 4 different rows to fit on")
    if rows.min() < 0 or rows.max() >= n or len(rows) == n:
        raise InputError(f"train holds row numbers from 0 to {n - 1}, and leaves out at least one to be predicted")
    return rows, np.setdiff1d(np.arange(n), rows)


def _check_local(k: int, fitted: int) -> None:
    if not 2 <= k <= fitted:
        raise InputError(f"k={k} neighbours cannot be had from {fitted} samples fitted on: use k from 2 to {fitted}")


def _folds(n: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.RandomState(FOLD_SEED).permutation(n)
    return np.sort(order[n - n // 2 :]), np.sort(order[: n - n // 2])


class _Spectrum(NamedTuple):
    left: jax.Array  # U [n, r]
    values: jax.Array  # S [r], those within rounding of 0 set to 0
    right: jax.Array  # V S^-1 [d, r]


class _Source(NamedTuple):
    """All that a fit needs of x: the spectra of both folds and of all rows, and each fold as seen by the other."""

    folds: tuple[_Spectrum, _Spectrum]
    across: tuple[jax.Array, jax.Array]
    whole: _Spectrum
    largest: jax.Array


def _spectrum(x: jax.Array) -> _Spectrum:
    u, s, vt = jnp.linalg.svd(x, full_matrices=False)
    s = jnp.where(s > 4 * max(x.shape) ** 0.5 * jnp.finfo(x.dtype).eps * s[0], s, 0)
    return _Spectrum(u, s, vt.T / jnp.where(s > 0, s, 1))


def _source(x: jax.Array) -> _Source:
    one, two = _folds(len(x))
    kept = np.ones((3, len(x), 1), bool)
    kept[0, two] = kept[1, one] = False
    # A row of zeros leaves a spectrum as it is. One after the other, in a loop: where several batched SVDs of one
    # computation run at once, XLA on the CPU can wait for itself for ever.
    spectra = jax.lax.map(lambda own: _spectrum(jnp.where(own, x, 0)), kept)
    first, second, whole = (_Spectrum(*(part[i] for part in spectra)) for i in range(3))
    first, second = first._replace(left=first.left[one]), second._replace(left=second.left[two])
    across = _times(x[two], first.right), _times(x[one], second.right)
    return _Source((first, second), across, whole, jnp.maximum(first.values[0], second.values[0]))


def _times(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=HIGHEST)


def _fitted(source: _Source, y: jax.Array) -> jax.Array:
    """Coefficients [r, d2] of the columns of ``x @ source.whole.right``."""
    one, two = _folds(len(y))
    fixed, folds = jax.lax.stop_gradient((y, source))
    inner = [_times(spectrum.left.T, fixed[rows]) for spectrum, rows in zip(folds.folds, (one, two), strict=True)]

    def loss(share: jax.Array) -> jax.Array:
        found = jnp.zeros((), y.dtype)
        for spectrum, across, part, rows in zip(folds.folds, folds.across, inner, (two, one), strict=True):
            kept = spectrum.values > share * folds.largest
            missed = fixed[rows] - _times(across, jnp.where(kept[:, None], part, 0))
            found = found + jnp.sqrt((missed * missed).mean(0)).mean()
        return found

    shares = jnp.asarray(CUTOFFS, y.dtype)
    best = shares[jnp.argmin(jax.lax.map(loss, shares))]
    kept = source.whole.values > best * folds.largest
    return jnp.where(kept[:, None], _times(source.whole.left.T, y), 0)


def _standardised(x: jax.Array, rows: np.ndarray) -> jax.Array:
    """Mean 0 and total variance 1 over some rows; NaN where these are all alike or any is not finite."""
    points, _ = centred(x)
    for _ in range(2):  # the first mean of rows far from the origin is itself rounded
        points = points - points[rows].mean(0)
    spread = (points[rows] ** 2).sum(1).mean()
    good = (spread > 0) & jnp.isfinite(x).all()
    return jnp.where(good, points / jnp.sqrt(jnp.where(good, spread, 1)), jnp.nan)


def _root_mean(missed: jax.Array) -> jax.Array:
    square = (missed * missed).sum(1).mean()
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), square)


def _global_errors(x: jax.Array, ys: Sequence[jax.Array], rows: np.ndarray, held: np.ndarray) -> jax.Array:
    source, prepared, bad = _global_source(x, rows, held)
    return jnp.stack([jnp.where(bad, jnp.nan, _global_error(source, prepared, y, rows, held)) for y in ys])


@jax.jit
def _global_source(x: jax.Array, rows: Any, held: Any) -> tuple[_Source, jax.Array, jax.Array]:
    points = _standardised(x, rows)
    bad = jnp.isnan(points).any()
    points = jnp.where(bad, 0, points)  # not every SVD ends on NaN
    source = _source(points[rows])
    return source, _times(points[held], source.whole.right), bad


@jax.jit
def _global_error(source: _Source, prepared: jax.Array, y: jax.Array, rows: Any, held: Any) -> jax.Array:
    target = _standardised(y, rows)
    return _root_mean(target[held] - _times(prepared, _fitted(source, target[rows])))


@partial(jax.jit, static_argnames=("k",))
def _local_errors(x: jax.Array, ys: Sequence[jax.Array], rows: Any, held: Any, k: int) -> jax.Array:
    points, targets = _standardised(x, rows), [_standardised(y, rows) for y in ys]
    bad = jnp.isnan(points).any()
    points = jnp.where(bad, 0, points)
    allowed = jnp.zeros(len(x), bool).at[rows].set(True)
    # Of the rows as they came: dividing by a deviation would undo the ties of integers.
    near = neighbours(jnp.where(bad, 0, x), k, "euclidean", allowed).indices[held]

    def of_row(row: jax.Array, around: jax.Array) -> jax.Array:
        local = points[around]
        middle = local.mean(0)
        source = _source(local - middle)
        prepared = _times((points[row] - middle)[None], source.whole.right)
        squares = []
        for target in targets:
            own = target[around]
            mean = own.mean(0)
            missed = target[row] - mean - _times(prepared, _fitted(source, own - mean))[0]
            squares.append((missed * missed).sum())
        return jnp.stack(squares)

    width = k * (x.shape[1] + 2 * max(y.shape[1] for y in ys))
    squares = jax.lax.map(
        lambda both: of_row(*both), (jnp.asarray(held), near), batch_size=block_size(len(held), width)
    )
    return jnp.where(bad, jnp.nan, jax.vmap(_root_mean)(jnp.sqrt(squares).T[..., None]))


def _evaluate(context: MetricContext, scope: Scope) -> Result:
    rows, held = _split(context.n, None)
    attributes = {
        "scope": scope,
        "fitted_on": "every second sample",
        "n_test": len(held),
        "regularisation": "singular values cut at the share of the largest that two folds agree on",
        "centring": "columns",
    }
    k = min(context.k, len(rows))
    if scope == "local":
        _check_local(k, len(rows))
        attributes |= {"k": k, "neighbour_metric": "euclidean"}
    value, say = np.empty((context.m, context.m)), context.stage_callback(VALUES)
    for a, x in enumerate(context.arrays):
        found = _local_errors(x, context.arrays, rows, held, k) if scope == "local" else None
        value[a] = _global_errors(x, context.arrays, rows, held) if found is None else found
        say(a + 1, context.m)
    return Result(value, np.ones_like(value) if scope == "global" else None, attributes)


def _null_distribution(context: MetricContext, permutations: Permutations, scope: Scope) -> np.ndarray | None:
    """Give the values under permutations; a fit from x needs its decomposition once, whatever the order of y."""
    if scope == "local":
        return None
    rows, held = _split(context.n, None)
    in_order, say = context.in_order, context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for a, x in enumerate(context.arrays):
        source, prepared, bad = _global_source(x, rows, held)
        for b, y in enumerate(context.arrays):
            # Where it is x whose rows change places, those of y change back.
            orders = permutations.orders if in_order[a, b] else permutations.inverses
            found = [_global_error(source, prepared, y[order], rows, held) for order in orders]
            values[:, a, b] = np.where(bad, np.nan, np.asarray(found))
            say(a * context.m + b + 1, context.m**2)
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
    )


METRICS = (
    _facts(
        "reconstruction_error",
        "global",
        "global reconstruction error (GFRE)",
        "1 where n >> d, that of predicting the mean; more for few samples",
        "How much of the second model can no linear map of the first one predict, on samples held out?",
    ),
    _facts(
        "reconstruction_error_local",
        "local",
        "local reconstruction error (LFRE)",
        "none in closed form; a little above 1",
        "As the global error, with a map of its own around each sample: the second model may be a curved function.",
    ),
)
