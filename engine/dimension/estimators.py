"""Estimators of the intrinsic dimension from a table of neighbour distances."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, distinct_rows, namespace, use_numpy
from ..gram import prepare
from ..neighbours import find_table, neighbours

Estimator = Literal["mle", "mle_arithmetic", "twonn", "twonn_ml", "gride"]
# Newton's method starts within a factor of two of the root and doubles the number of correct digits in each step.
NEWTON_STEPS = 8


class DimensionEstimate(NamedTuple):
    """An estimate of the intrinsic dimension.

    Args:
        value: scalar; NaN if there are fewer distinct rows than the estimator needs, inf if in no row two
            neighbour distances differ.
        error: scalar, one standard error from the observed Fisher information, with rows treated as independent; NaN
            for an estimator without one.
        n_used: int scalar, number of rows used.
        distance: scalar, the mean distance to the neighbours used.
    """

    value: Any
    error: Any
    n_used: Any
    distance: Any


def check_estimator(estimator: str) -> None:
    """Raise ValueError unless this is an estimator of the intrinsic dimension."""
    if estimator not in get_args(Estimator):
        raise InputError(f"unknown estimator {estimator!r}: use {', '.join(map(repr, get_args(Estimator)))}")


def largest_order(k: int) -> int:
    """Return the largest power of two n1 with 2 n1 <= k, the largest order of GRIDE with k >= 2 neighbours."""
    return 1 << (k.bit_length() - 2)


def neighbours_needed(estimator: Estimator, k: int) -> int:
    """Return how many of k neighbours an estimator uses."""
    return {"twonn": 2, "twonn_ml": 2, "gride": 2 * largest_order(k)}.get(estimator, k)


def dimension(x: Any, estimator: Estimator, k: int, kept: jax.Array | np.ndarray | None = None) -> DimensionEstimate:
    """Estimate the intrinsic dimension of a representation; rows that repeat an earlier row are excluded.

    Args:
        x: floating [n, d].
        estimator: see `hyle.engine.intrinsic_dimension`.
        k: 2 <= k <= n - 1.
        kept: bool [n], False for rows to exclude; default those that repeat no earlier row, see
            `hyle.engine.base.repeated_rows`.
    """
    k = neighbours_needed(estimator, k)
    kept = distinct_rows(x) if kept is None else kept
    if isinstance(x, jax.core.Tracer) or jax.default_backend() != "cpu":
        return estimate(neighbours(x, k, "euclidean", jnp.asarray(kept)).value, kept, estimator)
    where = None if kept.all() else kept
    rows = np.asarray(x) if use_numpy(x) else x
    return estimate(find_table(prepare(rows), k, "euclidean", where=where, ordered=False).value, kept, estimator)


def estimate(distance: Any, kept: Any, estimator: Estimator, n1: int | jax.Array | None = None) -> DimensionEstimate:
    """Estimate the intrinsic dimension from a table of neighbour distances.

    Args:
        distance: [n, k], nearest first, of a table in which only the rows ``kept`` are neighbours.
        kept: bool [n], False for rows that repeat an earlier row.
        estimator: ``mle`` and ``mle_arithmetic`` use all k columns; ``twonn`` and ``twonn_ml`` the first two; ``gride``
            columns n1 and 2 n1, counted from 1.
        n1: order of ``gride``, 2 n1 <= k; default the largest power of two.

    NumPy tables are evaluated in NumPy, in float64, except for ``gride``.
    """
    if estimator != "gride" and namespace(distance, kept) is np:
        with np.errstate(all="ignore"):  # a mean over no rows is NaN
            return _estimate(distance.astype(np.float64), kept, estimator)
    return _compiled_estimate(distance, kept, estimator, n1)


def _estimate(distance: Any, kept: Any, estimator: Estimator, n1: int | jax.Array | None = None) -> DimensionEstimate:
    xp = namespace(distance, kept)
    if estimator in ("mle", "mle_arithmetic"):
        return _levina_bickel(distance, kept, arithmetic=estimator == "mle_arithmetic")
    if estimator != "gride":
        n1 = 1
    elif n1 is None:
        n1 = largest_order(distance.shape[1])
    near, far = (xp.take(distance, j - 1, axis=1) for j in (n1, 2 * n1))
    # Rows whose squared distance underflows to 0 are duplicates too.
    used = kept & (near > 0)
    near, far = xp.where(used, near, 1), xp.where(used, far, 1)
    logs = xp.log(far / near)
    n = used.sum()
    value = {"twonn": _twonn, "twonn_ml": _twonn_ml}.get(estimator, partial(_gride, n1=n1))(logs, used)
    error = xp.full_like(value, xp.nan) if estimator == "twonn" else _fisher_error(value, logs, used, n1)
    enough = (kept.sum() > 2 * n1) & (n > 2)
    mean_distance = xp.where(used, near / 2 + far / 2, 0).sum() / n
    value, error, mean_distance = (xp.where(enough, v, xp.nan) for v in (value, error, mean_distance))
    return DimensionEstimate(value, error, n, mean_distance)


_compiled_estimate = jax.jit(_estimate, static_argnames="estimator")


def _divide(count: Any, total: Any) -> Any:
    xp = namespace(count, total)
    return xp.where(total == 0, xp.inf, count / xp.where(total == 0, 1, total))


def _levina_bickel(distance: Any, kept: Any, *, arithmetic: bool) -> DimensionEstimate:
    xp = namespace(distance, kept)
    used = kept & (distance[:, 0] > 0)
    distance = xp.where(used[:, None], distance, 1)
    inverse = xp.log(distance[:, -1:] / distance[:, :-1]).mean(1)  # reciprocal of the estimate of each row
    if arithmetic:
        used &= inverse > 0  # a row whose neighbours are all equally far has no finite estimate
        value = _divide(xp.where(used, 1 / xp.where(used, inverse, 1), 0).sum(), used.sum())
    else:
        value = _divide(used.sum(), inverse.sum())
    enough = (kept.sum() > distance.shape[1]) & used.any()
    mean_distance = xp.where(used, distance.mean(1), 0).sum() / used.sum()
    value, mean_distance = (xp.where(enough, v, xp.nan) for v in (value, mean_distance))
    return DimensionEstimate(value, xp.full_like(value, xp.nan), used.sum(), mean_distance)


def _twonn(logs: Any, used: Any) -> Any:
    """Fit -ln(1 - F) against ln mu by a line through the origin, without the largest tenth of the ratios."""
    xp, n = namespace(logs, used), used.sum()
    logs = xp.sort(xp.where(used, logs, xp.inf))
    rank = xp.arange(1, len(logs) + 1)
    fitted = rank <= n * 9 // 10
    survival = -xp.log1p(-xp.where(fitted, rank / n, 0).astype(logs.dtype))
    logs = xp.where(fitted, logs, 0)
    return _divide((logs * survival).sum(), (logs * logs).sum())


def _twonn_ml(logs: Any, used: Any) -> Any:
    return _divide(used.sum() - 1, logs.sum())


def _gride(logs: jax.Array, used: jax.Array, n1: int | jax.Array) -> jax.Array:
    """Solve the score equation of GRIDE for n2 = 2 n1, with n - 1 in place of n as in the unbiased TwoNN (n1 = 1).

    Multiplied by d, it is (n - 1) + (n1 - 1) sum h(d ln mu) = (2 n1 - 1) d sum ln mu, h(t) = t / (1 - exp(-t)). The
    left side minus the right is convex and decreases with d, so that Newton's method from below increases towards the
    root and never passes it. Since h >= 1, the root is above the start; since h(t) <= 1 + t, by at most a factor of 2.
    """
    n = used.sum()
    start = _divide((n * n1 - 1).astype(logs.dtype) / (2 * n1 - 1), logs.sum())
    constant = jax.lax.stop_gradient

    def score(d: jax.Array, logs: jax.Array) -> jax.Array:
        total = jnp.where(used, _h(d * logs), 0).sum()
        return n - 1 + (n1 - 1) * total - (2 * n1 - 1) * d * logs.sum()

    def newton(_: int, d: jax.Array) -> jax.Array:
        value, slope = jax.value_and_grad(score)(d, constant(logs))
        return d - value / slope

    d = jax.lax.fori_loop(0, NEWTON_STEPS, newton, constant(jnp.where(jnp.isfinite(start), start, 1)))
    # One more step has the derivative of the root (implicit function theorem), without differentiating the loop.
    slope = jax.grad(score)(d, constant(logs))
    return jnp.where(jnp.isfinite(start), d - score(d, logs) / jnp.where(slope == 0, 1, slope), start)


def _h(t: Any) -> Any:
    """Compute t / (1 - exp(-t)), 1 at 0."""
    xp = namespace(t)
    small = t < 1e-2
    safe = xp.where(small, 1, t)
    return xp.where(small, 1 + t / 2 + t**2 / 12 - t**4 / 720, safe / -xp.expm1(-safe))


def _fisher_error(d: Any, logs: Any, used: Any, n1: int | jax.Array) -> Any:
    xp = namespace(d, logs, used)
    t = xp.where(xp.isfinite(d), d, 0) * logs
    curvature = xp.where(used, 1 + (n1 - 1) * _h(t) ** 2 * xp.exp(-t), 0).sum()  # d^2 times the observed information
    return d / xp.sqrt(xp.where(curvature > 0, curvature, 1))
