"""Orthogonal Procrustes distance."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, ldexp, pair
from ..context import NULL, MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import nuclear_norm, spectrum, unrelated_norm

Form = Literal["squared", "root", "disparity", "angular", "bures", "size_and_shape"]
# Below this value, 2 - 2 c would lose digits in float32, and the distance is computed by subtraction.
NEAR = 0.2


def procrustes(x: Any, y: Any, /, *, form: Form = "squared") -> jax.Array:
    """Compute the distance between two representations of the same samples after the best rotation.

    ``min_Q ||X Q - Y||_F^2 = 2 - 2 c`` over orthogonal Q, where ``c = ||X^T Y||_*`` is the nuclear norm. X and Y are x
    and y with centred columns and unit Frobenius norm.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2. The narrower one is padded with zeros.
        form: which function of c, with its names in other packages:

            - ``squared``, 2 - 2 c in [0, 2]: Ding et al. (2021) and their code.
            - ``root``, sqrt(2 - 2 c) in [0, sqrt 2], a metric: OrthogonalProcrustesCenteredAndNormalized in ReSi.
            - ``disparity``, 1 - c^2 in [0, 1], for which a scale is fitted too: scipy.spatial.procrustes.
            - ``angular``, arccos c in [0, pi / 2], a metric: LinearMetric(alpha=1) in netrep, whose default it is, and
              OrthogonalAngularShapeMetricCentered in ReSi.
            - ``bures``, c in [0, 1], a similarity: the normalised Bures similarity (NBS) of centred linear kernels.
            - ``size_and_shape``, the root of min_Q ||X Q - Y||_F^2 without scaling to unit norm, a metric, in the units
              of the rows: LinearMetric(alpha=1, score_method="euclidean") in netrep, ProcrustesSizeAndShapeDistance in
              ReSi, and the Bures distance of centred linear kernels. It grows with n: divide by sqrt(n) for a root mean
              square.

    With the kernels ``K = X X^T`` and ``L = Y Y^T``, ``c = tr (K^1/2 L K^1/2)^1/2``, and without scaling the squared
    distance is ``tr K + tr L - 2 tr (K^1/2 L K^1/2)^1/2`` (Harvey et al. 2023).

    Returns:
        Scalar; for distances 0, for ``bures`` 1, if one is a rotation of the other. NaN if a representation is constant
        or not finite. Not debiased: independent rows come close if n is small compared with d1 and d2.

    Symmetric; invariant to rotation, translation and a common permutation of rows, and except for ``size_and_shape`` to
    isotropic scaling. The first derivative is exact where X^T Y has full rank and a subgradient elsewhere (for metrics,
    0 at distance 0); the second derivative is meaningless.
    Cost O(n d1 d2 + d1 d2 min(d1, d2)), with each width counted as at most n, after a QR of O(n^2 d) for d > n;
    memory O(n (d1 + d2) + d1 d2).
    Source: Ding et al. (2021), arXiv 2108.01661; Schönemann (1966); metrics: Williams et al. (2021), arXiv 2110.14739;
    Bures: Tang et al. (2020), arXiv 2003.11498; Harvey, Larsen & Williams (2023), arXiv 2311.11436; ReSi: Klabunde et
    al. (2024), arXiv 2408.00531.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2, or the form is unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(procrustes(x, 3 * x[:, ::-1])), 5)
        0.0
    """
    if form not in get_args(Form):
        raise InputError(f"unknown form {form!r} of the Procrustes distance: use {', '.join(get_args(Form))}")
    a, b = pair(x, y, least=2, warn=True)
    first = _prepared(a)
    # The condition is true unless NaN. It makes y depend on x, since XLA on the CPU can deadlock if batched QRs run
    # concurrently.
    second = _prepared(jnp.where(first[0, 0] <= 1, b, jnp.nan))
    traced = isinstance(first, jax.core.Tracer) or isinstance(second, jax.core.Tracer)
    squared = _distance(first, second) if traced else jnp.asarray(_value(first, second), first.dtype)
    return _with_sizes(a, b, squared) if form == "size_and_shape" else jnp.asarray(_in_form(squared, form, jnp))


def _in_form(squared: Any, form: Form, xp: Any) -> Any:
    """Return a form from 2 - 2 c, in NumPy or JAX."""
    if form == "disparity":
        return squared * (1 - squared / 4)
    if form == "bures":
        return 1 - squared / 2
    if form == "squared":
        return squared
    # 2 - 2 c may be a rounding error below 0. The inner `where` keeps the infinite derivative at 0 out of the gradient.
    near = squared > 0
    root = xp.sqrt(xp.where(near, squared, 1))
    value = root if form == "root" else 2 * xp.arcsin(xp.minimum(root / 2, 1))
    return xp.where(near, value, 0 * squared)


@jax.jit
def _with_sizes(x: jax.Array, y: jax.Array, squared: jax.Array) -> jax.Array:
    """Compute the distance without scaling, the root of (r - s)^2 + r s (2 - 2 c), with r and s the norms."""

    def size(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        points, exponent = centred(v)
        square = (points * points).sum(1).sum()
        return jnp.sqrt(jnp.where(square > 0, square, 1)), exponent

    (r, r_exponent), (s, s_exponent) = size(x), size(y)
    exponent = jnp.maximum(r_exponent, s_exponent)
    r, s = ldexp(r, r_exponent - exponent), ldexp(s, s_exponent - exponent)
    total = (r - s) ** 2 + r * s * squared
    apart = total > 0
    return ldexp(jnp.where(apart, jnp.sqrt(jnp.where(apart, total, 1)), total), exponent)


@jax.jit
def _prepared(x: jax.Array) -> jax.Array:
    """Centre, scale to unit Frobenius norm, and rotate into at most as many columns as rows."""
    points, _ = centred(x)
    square = (points * points).sum(1).sum()
    good = (square > 0) & jnp.isfinite(square)
    points = jnp.where(good, points / jnp.sqrt(jnp.where(good, square, 1)), jnp.nan)
    n, d = points.shape
    if d <= n:
        return points
    # An orthonormal basis of the row space, held fixed: it does not change the nuclear norm, and QR is not
    # differentiable here, because centred rows are linearly dependent.
    basis = jnp.linalg.qr(jax.lax.stop_gradient(points).T)[0]
    return jnp.matmul(points, basis, precision=HIGHEST)


@jax.jit
def _distance(x: jax.Array, y: jax.Array) -> jax.Array:
    if x.shape[1] > y.shape[1]:  # a rotation of the narrower one into the wider space needs no padding
        x, y = y, x
    # Not every SVD implementation returns NaN for NaN.
    bad = jnp.isnan(x).any() | jnp.isnan(y).any()
    safe_x, safe_y = (jnp.where(bad, 0, v) for v in (x, y))
    u, _, vt = jnp.linalg.svd(
        jax.lax.stop_gradient(jnp.matmul(safe_x.T, safe_y, precision=HIGHEST)), full_matrices=False
    )
    rotated = jnp.matmul(safe_x, jnp.matmul(u, vt, precision=HIGHEST), precision=HIGHEST)
    # By subtraction: 2 - 2 c would lose the digits of small distances.
    squared = jax.lax.stop_gradient(((rotated - safe_y) ** 2).sum(1).sum())
    # d ||M||_* = <U V^T, dM>: the best rotation can be held fixed, and no SVD has to be differentiated.
    norm = (rotated * safe_y).sum(1).sum()
    return jnp.where(bad, jnp.nan, jnp.minimum(squared, 2) - 2 * (norm - jax.lax.stop_gradient(norm)))


def _product(x: jax.Array, y: jax.Array) -> np.ndarray:
    if jax.default_backend() == "cpu":  # avoids a compilation for every pair of widths
        return np.asarray(x).T @ np.asarray(y)
    return np.asarray(jnp.matmul(x.T, y, precision=HIGHEST))


def _value(x: jax.Array, y: jax.Array) -> float:
    """Compute `_distance` outside of `jax.jit`, from the singular values alone if they leave enough digits."""
    far = 2 - 2 * nuclear_norm(_product(x, y)) if x.dtype == np.float32 else 0.0
    return float(_distance(x, y)) if far < NEAR else far


def _all_prepared(context: MetricContext) -> list[jax.Array]:
    # One QR at a time: see `procrustes`.
    return context.cached("procrustes", lambda: [_prepared(x).block_until_ready() for x in context.arrays])


def _null_distribution(context: MetricContext, permutations: Permutations, form: Form) -> np.ndarray:
    """Compute all forms from the squared distances; of rows of few classes, a permutation can leave them at 0."""

    def compute() -> np.ndarray:
        prepared = _all_prepared(context)
        pairs, report = np.argwhere(context.in_order), context.stage_callback(NULL)
        values = np.empty((len(permutations), context.m, context.m))
        for done, (a, b) in enumerate(pairs, 1):
            values[:, a, b] = values[:, b, a] = [
                _value(prepared[a], prepared[b][order]) for order in permutations.orders
            ]
            report(done, len(pairs))
        return values

    drawn = hashlib.sha256(np.ascontiguousarray(permutations.orders).data).hexdigest()
    return np.asarray(_in_form(context.cached(("null of procrustes", drawn), compute), form, np))


def _squared(context: MetricContext) -> tuple[np.ndarray, np.ndarray]:
    """Compute 2 - 2 c of all pairs, and its mean over permutations, [m, m] each."""
    prepared = _all_prepared(context)
    spectra = [spectrum(np.asarray(x)) for x in prepared]
    value, chance = np.empty((2, context.m, context.m))
    for a in range(context.m):
        for b in range(a, context.m):
            self_distance = 0.0 if spectra[a] is not None else np.nan
            value[a, b] = value[b, a] = self_distance if a == b else _value(prepared[a], prepared[b])
            chance[a, b] = chance[b, a] = 2 - 2 * unrelated_norm(spectra[a], spectra[b])
    return value, chance


def _evaluate(context: MetricContext, form: Form) -> Result:
    value, chance = context.cached("squared procrustes", lambda: _squared(context))
    return Result(_in_form(value, form, np), _in_form(chance, form, np), {"form": form, "centring": "columns"})


def _facts(name: str, form: Form, label: str, most: float, meaning: str, citation: str) -> Metric:
    chance = "mean over permutations of the samples, from both spectra; exact for many dimensions"
    if form in ("root", "angular"):
        chance = (
            "chance level of procrustes in this form; above the mean over permutations by at most 0.003 for n >= 50"
        )
    return Metric(
        name=name,
        long_name=label,
        kind="pair",
        evaluate=partial(_evaluate, form=form),
        null=partial(_null_distribution, form=form),
        needs=(),
        symmetric=True,
        bounds=(0.0, most),
        higher_is_better=form == "bures",
        chance=chance,
        meaning=meaning,
        citation=citation,
        queries="exact",
    )


METRICS = (
    _facts(
        "procrustes",
        "squared",
        "Procrustes distance, squared",
        2.0,
        "How far apart are the two models after the best rotation, both centred and scaled to unit norm?",
        "Ding et al. 2021, arXiv:2108.01661; Schönemann 1966",
    ),
    _facts(
        "procrustes_root",
        "root",
        "Procrustes distance",
        2**0.5,
        "The square root of procrustes, which is a metric (it satisfies the triangle inequality).",
        "Williams et al. 2021, arXiv:2110.14739",
    ),
    _facts(
        "procrustes_angular",
        "angular",
        "Procrustes distance, angular",
        np.pi / 2,
        "The angle between the two models after the best rotation, a metric (it satisfies the triangle inequality).",
        "Williams et al. 2021, arXiv:2110.14739",
    ),
    _facts(
        "bures",
        "bures",
        "normalised Bures similarity",
        1.0,
        "How similar are the two models after the best rotation? The cosine of procrustes_angular.",
        "Tang et al. 2020, arXiv:2003.11498; Harvey et al. 2023, arXiv:2311.11436",
    ),
)
