"""Multi-scale centred kernel alignment: CKA of the powers of two kernels."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, InputError, centred, pair
from ..context import MetricContext
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import Basis, all_bases, cross_product, permuted_scores

STEPS = 2


def multiscale_cka(x: Any, y: Any, /, *, steps: int = STEPS) -> jax.Array:
    """Compute the centred kernel alignment of two representations after several steps of diffusion.

    With the centred linear kernels K and L and t steps, ``<K^t, L^t> / (|K^t| |L^t|)``, Frobenius products and norms.

    For small c > 0, ``P = 11'/n + c K`` is the transition matrix of a random walk among the samples: its entries are
    not negative and its rows sum to 1. After t steps it is ``P^t = 11'/n + c^t K^t``, and the biased CKA of these
    matrices for x and y is the value above, whatever the c of each. The same holds for any row-stochastic P that
    equals c K after centring.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 2.
        steps: t >= 1; 1 is the biased linear CKA. The more steps, the more only the leading principal directions
            count: direction i of x has the weight s_i^(2t), where s_i is its singular value.

    Returns:
        Scalar in [0, 1]: 1 if x and y are equal up to what leaves it. NaN if a representation is constant or not
        finite. Not debiased: independent rows give sum(s_i^2t) sum(r_j^2t) / ((n - 1) |s^2t| |r^2t|) on average, with
        s and r the singular values.

    Symmetric; invariant to rotation, translation, isotropic scaling and a common permutation of rows.
    Differentiable.
    Cost O((n + t d) d^2) for d = max(d1, d2) <= n, else O(n^2 (d + t n)); memory O(n d + min(n, d)^2).
    Source: the multi-scale CKA of Khandait and Gerken (2026), arXiv 2605.15901, as its abstract describes it: powers of
    Markov matrices in terms of which CKA itself can be written. Values were not compared with theirs.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 2, or steps is not a positive integer.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(200, 4)) * [4, 2, 2, 2]
        >>> y = x * [1, 0, 0, 0]
        >>> [round(float(multiscale_cka(x, y, steps=t)), 2) for t in (1, 2, 4)]
        [0.91, 0.99, 1.0]
    """
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise InputError(f"steps={steps!r} is a number of steps of diffusion: use 1 or more")
    a, b = pair(x, y, least=2, warn=True)
    return _multiscale_cka(a, b, int(steps))


@partial(jax.jit, static_argnames="steps")
def _multiscale_cka(x: jax.Array, y: jax.Array, steps: int) -> jax.Array:
    first, second = centred(x)[0], centred(y)[0]
    product = partial(jnp.matmul, precision=HIGHEST)
    if max(x.shape[1], y.shape[1]) <= len(x):
        inner = product(first.T, first), product(second.T, second)
        # Up to positive factors, which cancel.
        before = [_power(square, steps - 1) for square in inner]
        shared = (product(before[0], product(first.T, second)) * product(product(first.T, second), before[1])).sum()
        own = [jnp.linalg.norm(product(power, square)) for power, square in zip(before, inner, strict=True)]
    else:
        kernels = [_power(product(points, points.T), steps) for points in (first, second)]
        shared, own = (kernels[0] * kernels[1]).sum(), [jnp.linalg.norm(kernel) for kernel in kernels]
    return shared / (own[0] * own[1])


def _power(matrix: jax.Array, exponent: int) -> jax.Array:
    """Return a power of a matrix up to a positive factor, which keeps it within the range of its dtype."""

    def multiply(_: int, found: jax.Array) -> jax.Array:
        found = jnp.matmul(found, matrix, precision=HIGHEST)
        return found / jax.lax.stop_gradient(jnp.abs(found).max())

    return jax.lax.fori_loop(0, exponent, multiply, jnp.eye(len(matrix), dtype=matrix.dtype))


def _weights(space: Basis) -> np.ndarray:
    """Return the eigenvalues [r] of the power of the kernel, in units of the largest."""
    values = np.asarray(space.values, np.float64)
    return np.asarray((values / values[:1]) ** (2 * STEPS))


def _score(first: Basis, second: Basis, order: np.ndarray | None = None) -> float:
    if not (first.rank and second.rank):
        return float("nan")
    a, b = _weights(first), _weights(second)
    shared = np.square(cross_product(first, second, order), dtype=np.float64)
    return min(float(a @ shared @ b / (np.linalg.norm(a) * np.linalg.norm(b))), 1.0)


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    spaces = all_bases(context)

    def score(a: int, b: int, order: np.ndarray) -> tuple[float, float]:
        value = _score(spaces[a], spaces[b], order)
        return value, value

    return permuted_scores(context, permutations, score)


def _evaluate(context: MetricContext) -> Result:
    spaces, value = all_bases(context), np.empty((context.m, context.m))
    for a, first in enumerate(spaces):
        for b, second in enumerate(spaces[: a + 1]):
            value[a, b] = value[b, a] = _score(first, second)
        if first.rank:
            value[a, a] = 1.0
    # The square of the product of two centred unit vectors is 1 / (n - 1) on average.
    spread = np.array([w.sum() / np.linalg.norm(w) if len(w) else np.nan for w in map(_weights, spaces)])
    attributes = {"steps": STEPS, "kernel": "linear", "centring": "columns", "estimator": "biased"}
    return Result(value, np.outer(spread, spread) / (context.n - 1), attributes)


METRICS = (
    Metric(
        name="multiscale_cka",
        long_name="multi-scale linear CKA, two steps of diffusion",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="exactly, from the singular values: the mean over permutations of the samples",
        meaning="As biased linear CKA, with more weight on the leading directions of each model.",
        citation="after Khandait, Gerken 2026, arXiv:2605.15901",
        queries="exact",
    ),
)
