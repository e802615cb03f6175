"""Intrinsic dimension correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import check_k, distinct_pairs, ldexp, pair, repeated_rows, use_numpy
from ..context import NULL, VALUES, MetricContext
from ..dimension import Estimator, check_estimator, dimension, estimate
from ..gram import Prepared, prepare
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import joint_distances

# The chance level in a Comparison has no closed form and is a mean over permutations. Their number is the first
# constant divided by the number of samples, within the bounds of the second.
CHANCE_SAMPLES, CHANCE_PERMUTATIONS = 2**12, (1, 5)
# Orders of the samples evaluated together: they share Gram products, and the permuted rows of all are in memory.
TOGETHER = 2
# In a Comparison joint spaces are padded with columns of zeros to a multiple of this width: no distance changes, and
# fewer shapes are compiled.
WIDTH = 128


def id_correlation(x: Any, y: Any, /, *, estimator: Estimator = "twonn", k: int = 50) -> jax.Array:
    """Compute the share of intrinsic dimensions that two representations have in common, linearly or not.

    ``(d_x + d_y - d_xy) / max(d_x, d_y)``, where d_x, d_y and d_xy are the intrinsic dimensions of x, of y and of their
    concatenation, all with standardised columns (ddof = 1; a constant column becomes zero).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x. In each of the three spaces, rows that repeat an earlier
            row are excluded, exactly or up to floating-point noise, see `hyle.engine.intrinsic_dimension`. This is
            decided before columns are standardised; in the joint space a row repeats another if it does in both.
        estimator: of the three dimensions, see `hyle.engine.intrinsic_dimension`.
        k: number of neighbours of mle, 2 <= k <= n - 1, and for the order of gride; twonn uses two for every k.

    Returns:
        Scalar: 1 if x and y are functions of each other, d_y / d_x if only y is a function of x, 0 if they are
        independent, provided that the estimates are accurate. In high dimensions they are too low, the joint one most,
        so that independent representations of many dimensions are far from 0 (two 24-d Gaussians, n = 300: 0.68):
        compare with the chance level, or shuffle the rows of one. Estimation errors may move the value below 0 or
        above 1. NaN if an input is not finite or constant.

    Symmetric; invariant to scale and shift of each column and to a common permutation of rows, but not to rotation,
    since columns are standardised. The representation with more columns dominates the joint distances.
    Cost O(n^2 (d1 + d2)), memory O(b n + n (d1 + d2)) for blocks of b rows.
    Source: Basile et al. (2025), ICLR, arXiv 2406.15812.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4, k is out of range, or the estimator is
            unknown.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> t = np.random.default_rng(0).uniform(0, 12, size=(500, 1))
        >>> spiral = np.concatenate([t * np.cos(t), t * np.sin(t)], axis=1)
        >>> bool(id_correlation(t, spiral) > 0.8)
        True
    """
    check_estimator(estimator)
    a, b = pair(x, y, least=4, warn=True)
    k = k if estimator in ("mle", "mle_arithmetic", "gride") else 2
    check_k(k, len(a), least=2)
    u, v = _standardised(a), _standardised(b)
    joint = jnp.concatenate([u, v], axis=1)
    first, second = repeated_rows(a), repeated_rows(b)
    every = np.arange(len(a))
    kept = (first == every, second == every, distinct_pairs(first, second))
    value = _shared(
        *(dimension(space, estimator, k, rows).value for space, rows in zip((u, v, joint), kept, strict=True))
    )
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


def _standardised(x: jax.Array) -> jax.Array:
    return jnp.asarray(_standardised_on_host(np.asarray(x))) if use_numpy(x) else _standardised_by_steps(x)


def _standardised_on_host(x: np.ndarray) -> np.ndarray:
    """Standardise in float64, so that rows are rounded only once: in dense regions each rounding changes neighbours."""
    with np.errstate(invalid="ignore"):
        rows = x - x.mean(0, dtype=np.float64)
        deviation = np.sqrt(np.einsum("ij,ij->j", rows, rows) / (len(x) - 1))
        dead = (x == x[0]).all(0) | (deviation == 0)  # the deviation is not enough: the mean of a constant is rounded
        return np.where(dead, 0, rows / np.where(dead, 1, deviation)).astype(x.dtype)


@jax.jit
def _standardised_by_steps(x: jax.Array) -> jax.Array:
    dead = (x == x[0]).all(0)  # the variance is not enough: the mean of a constant is rounded
    largest = jax.lax.stop_gradient(jnp.abs(x).max(0))
    _, exponent = jnp.frexp(jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1))
    x = ldexp(x, -exponent)  # squares of tiny or huge columns would be out of the range of float32
    x = x - x.mean(0)
    x = x - x.mean(0)  # twice, since the mean of data far from the origin is itself rounded
    variance = (x * x).sum(0) / (len(x) - 1)
    dead |= variance == 0
    return jnp.where(dead, 0, x / jnp.sqrt(jnp.where(dead, 1, variance)))


def _shared(first: Any, second: Any, joint: Any) -> Any:
    return (first + second - joint) / jnp.maximum(first, second)


def _joint(
    context: MetricContext,
    spaces: list[jax.Array],
    pairs: list[tuple[int, int]],
    order: np.ndarray | None,
    distances: list[np.ndarray | None],
) -> list[float]:
    """Estimate the joint dimension of each pair, with the rows of the second in another order if one is given."""
    values = []
    for (a, b), distance in zip(pairs, distances, strict=True):
        first, second = context.repeated()[a], context.repeated()[b]
        kept = distinct_pairs(first, second if order is None else second[order])
        if distance is None or not kept.all():
            v = spaces[b] if order is None else spaces[b][order]
            values.append(float(_joint_dimension(spaces[a], v, kept)))
        else:
            values.append(float(estimate(distance, kept, "twonn").value))
    return values


def _joint_dimension(u: jax.Array, v: jax.Array, kept: np.ndarray) -> jax.Array:
    padding = jnp.zeros((len(u), -(u.shape[1] + v.shape[1]) % WIDTH), u.dtype)
    return dimension(jnp.concatenate([u, v, padding], axis=1), "twonn", 2, kept).value


def _standardised_models(context: MetricContext) -> tuple[list[jax.Array], list[Prepared], np.ndarray]:
    """Return the standardised representations, also prepared for Gram products, and their dimensions [m]."""

    def compute() -> tuple[list[jax.Array], list[Prepared], np.ndarray]:
        spaces = [_standardised(x) for x in context.arrays]
        estimates = [dimension(x, "twonn", 2, kept) for x, kept in zip(spaces, context.unique(), strict=True)]
        return spaces, [prepare(x) for x in spaces], np.array([float(result.value) for result in estimates])

    return context.cached("id_correlation", compute)


def _tables(context: MetricContext, orders: Sequence[np.ndarray | None], stage: str) -> np.ndarray:
    """Compute the values [len(orders), m, m], permuting the model that `MetricContext.in_order` says."""
    spaces, prepared, dimensions = _standardised_models(context)
    in_order, report = context.in_order, context.stage_callback(stage)
    ends = [(a, b) for a in range(context.m) for b in range(a, context.m)]
    pairs = [(a, b) if in_order[a, b] else (b, a) for a, b in ends]
    values = np.empty((len(orders), context.m, context.m))
    for start in range(0, len(orders), TOGETHER):
        batch = orders[start : start + TOGETHER]
        for at, (order, distances) in enumerate(
            zip(batch, joint_distances(prepared, pairs, batch), strict=True), start
        ):
            for (a, b), joint in zip(pairs, _joint(context, spaces, pairs, order, distances), strict=True):
                joint = dimensions[a] if a == b and order is None else joint
                values[at, a, b] = values[at, b, a] = _shared(dimensions[a], dimensions[b], joint)
        report(start + len(batch), len(orders))
    return values


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    return _tables(context, list(permutations.orders), NULL)


def _evaluate(context: MetricContext) -> Result:
    permutations = int(np.clip(CHANCE_SAMPLES // context.n, *CHANCE_PERMUTATIONS))
    value, *permuted = _tables(context, [None, *map(np.asarray, context.permutations(permutations))], VALUES)
    chance = np.mean(permuted, 0)
    attributes = {
        "estimator": "TwoNN, fit through the origin, largest tenth of the ratios excluded",
        "k": 2,
        "neighbour_metric": "euclidean",
        "centring": "columns standardised, ddof = 1",
        "chance_permutations": permutations,
    }
    return Result(value, chance, attributes)


METRICS = (
    Metric(
        name="id_correlation",
        long_name="intrinsic dimension correlation",
        kind="pair",
        evaluate=_evaluate,
        null=_null_distribution,
        needs=(),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance="mean over 1 to 5 permutations of the samples, for each pair of models; not 0 in high dimensions",
        meaning="What share of the higher-dimensional model's dimensions is in the other, linearly or not? 1 = all.",
        citation="Basile et al. 2025, arXiv:2406.15812",
    ),
)
