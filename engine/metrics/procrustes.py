"""Orthogonal Procrustes distance."""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, pair
from ..context import NULL, MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import nuclear_norm, spectrum, unrelated_norm

Form = Literal["squared", "disparity", "angular"]
# Below this, 2 - 2 c in float32 would lose digits, and the distance is measured by subtraction.
NEAR = 0.2


def procrustes(x: Any, y: Any, /, *, form: Form = "squared") -> jax.Array:
    """Distance that the best rotation leaves between two representations of the same samples.

    ``min_Q ||X Q - Y||_F^2 = 2 - 2 c`` over orthogonal Q, ``c = ||X^T Y||_*`` the nuclear norm, X and Y being x and y
    with centred columns and unit Frobenius norm.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2. The narrower counts as padded with zeros.
        form: ``squared``, 2 - 2 c in [0, 2] (Ding et al. 2021); ``disparity``, 1 - c^2 in [0, 1], where a scale is
            fitted too (SciPy's); ``angular``, arccos c in [0, pi / 2], which is a metric (Williams et al. 2021).

    Returns:
        Scalar, 0 where one is a rotation of the other; NaN where a representation is constant or not finite. Not
        debiased: independent rows come near 0 where n is small next to d1 and d2.

    Symmetric; invariant to rotation, translation, isotropic scale and to a common permutation of rows. The first
    derivative is exact where X^T Y has full rank and a subgradient elsewhere, that of ``angular`` 0 at distance 0; the
    second means nothing.
    Cost O(n d1 d2 + d1 d2 min(d1, d2)), each width counting as no more than n, after a QR of O(n^2 d) where d > n;
    memory O(n (d1 + d2) + d1 d2).
    Source: Ding et al. (2021), arXiv 2108.01661; Schönemann (1966); Williams et al. (2021), arXiv 2110.14739.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2, an unknown form.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(procrustes(x, 3 * x[:, ::-1])), 5)
        0.0
    """
    if form not in get_args(Form):
        raise InputError(f"unknown form {form!r} of the Procrustes distance: use {', '.join(get_args(Form))}")
    a, b = pair(x, y, least=2)
    first = _prepared(a)
    # True unless NaN: y waits for x, since XLA on the CPU can wait for itself for ever where batched QRs run at once.
    second = _prepared(jnp.where(first[0, 0] <= 1, b, jnp.nan))
    traced = isinstance(first, jax.core.Tracer) or isinstance(second, jax.core.Tracer)
    squared = _distance(first, second) if traced else jnp.asarray(_value(first, second), first.dtype)
    if form == "disparity":
        return squared * (1 - squared / 4)
    if form == "angular":
        near = squared > 0
        return jnp.where(near, 2 * jnp.arcsin(jnp.minimum(jnp.sqrt(jnp.where(near, squared, 1)) / 2, 1)), squared)
    return squared


@jax.jit
def _prepared(x: jax.Array) -> jax.Array:
    """Centre, scale to unit Frobenius norm, and turn into no more columns than rows."""
    points, _ = centred(x)
    square = (points * points).sum(1).sum()
    good = (square > 0) & jnp.isfinite(square)
    points = jnp.where(good, points / jnp.sqrt(jnp.where(good, square, 1)), jnp.nan)
    n, d = points.shape
    if d <= n:
        return points
    # An orthonormal basis of the rows, held fixed: it moves no nuclear norm, and the derivative of QR does not exist
    # here, centred rows being dependent.
    basis = jnp.linalg.qr(jax.lax.stop_gradient(points).T)[0]
    return jnp.matmul(points, basis, precision=HIGHEST)


@jax.jit
def _distance(x: jax.Array, y: jax.Array) -> jax.Array:
    if x.shape[1] > y.shape[1]:  # from the narrower to the wider all of X arrives, and nothing needs padding
        x, y = y, x
    # Not all SVDs answer NaN with NaN.
    bad = jnp.isnan(x).any() | jnp.isnan(y).any()
    safe_x, safe_y = (jnp.where(bad, 0, v) for v in (x, y))
    u, _, vt = jnp.linalg.svd(
        jax.lax.stop_gradient(jnp.matmul(safe_x.T, safe_y, precision=HIGHEST)), full_matrices=False
    )
    turned = jnp.matmul(safe_x, jnp.matmul(u, vt, precision=HIGHEST), precision=HIGHEST)
    # By subtraction: 2 - 2 c would lose the digits of small distances.
    squared = jax.lax.stop_gradient(((turned - safe_y) ** 2).sum(1).sum())
    # d ||M||_* = <U V^T, dM>, so that the best rotation can be held fixed and no SVD has to be differentiated.
    norm = (turned * safe_y).sum(1).sum()
    return jnp.where(bad, jnp.nan, jnp.minimum(squared, 2) - 2 * (norm - jax.lax.stop_gradient(norm)))


def _product(x: jax.Array, y: jax.Array) -> np.ndarray:
    if jax.default_backend() == "cpu":  # nothing to compile for every pair of widths
        return np.asarray(x).T @ np.asarray(y)
    return np.asarray(jnp.matmul(x.T, y, precision=HIGHEST))


def _value(x: jax.Array, y: jax.Array) -> float:
    """Do what `_distance` does, outside of `jax.jit`: by the singular values alone where that leaves enough digits."""
    far = 2 - 2 * nuclear_norm(_product(x, y)) if x.dtype == np.float32 else 0.0
    return float(_distance(x, y)) if far < NEAR else far


def _all_prepared(context: MetricContext) -> list[jax.Array]:
    # One QR at a time, as above.
    return context.cached("procrustes", lambda: [_prepared(x).block_until_ready() for x in context.arrays])


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    """Give 2 - 2 |X'Y|_*, whose digits are enough where nothing is close."""
    prepared = _all_prepared(context)
    pairs, say = np.argwhere(context.in_order), context.stage_callback(NULL)
    values = np.empty((len(permutations), context.m, context.m))
    for done, (a, b) in enumerate(pairs, 1):
        found = [nuclear_norm(_product(prepared[a], prepared[b][order])) for order in permutations.orders]
        values[:, a, b] = values[:, b, a] = 2 - 2 * np.array(found)
        say(done, len(pairs))
    return values


def _evaluate(context: MetricContext) -> Result:
    prepared = _all_prepared(context)
    spectra = [spectrum(np.asarray(x)) for x in prepared]
    value, chance = np.empty((2, context.m, context.m))
    for a in range(context.m):
        for b in range(a, context.m):
            itself = 0.0 if spectra[a] is not None else np.nan
            value[a, b] = value[b, a] = itself if a == b else _value(prepared[a], prepared[b])
            chance[a, b] = chance[b, a] = 2 - 2 * unrelated_norm(spectra[a], spectra[b])
    return Result(value, chance, {"form": "squared", "centring": "columns"})


METRICS = (
    Metric(
        name="procrustes",
        long_name="Procrustes distance, squared",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(0.0, 2.0),
        higher_is_better=False,
        chance="mean over orders of the samples, from both spectra; exact for many dimensions",
        meaning="How far apart are the two models after the best rotation, both centred and of unit size?",
        citation="Ding et al. 2021, arXiv:2108.01661; Schönemann 1966",
    ),
)
