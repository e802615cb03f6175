"""Intrinsic dimension correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import check_k, ldexp, pair, use_numpy
from ..context import NULL, VALUES, MetricContext
from ..dimension import Estimator, check_estimator, dimension, estimate
from ..gram import Prepared, prepare
from ..permutation import Permutations
from ._metric import Metric, Result
from .algorithms import joint_distances

# Permutations behind the chance level in a Comparison, which has no closed form: fewer for more samples, whose
# product with them is about the first number, within the bounds of the second.
CHANCE_SAMPLES, CHANCE_PERMUTATIONS = 2**12, (1, 5)
# Orders of the samples that are looked at together, for which products are shared and permuted rows are held.
TOGETHER = 2
# In a Comparison joint spaces get columns of zeros up to a multiple of this, which changes no distance: fewer shapes.
WIDTH = 128


def id_correlation(x: Any, y: Any, /, *, estimator: Estimator = "twonn", k: int = 50) -> jax.Array:
    """Share of intrinsic dimensions that two representations have in common, linearly or not.

    ``(d_x + d_y - d_xy) / max(d_x, d_y)``, d the intrinsic dimension of x, of y and of the two side by side, all with
    columns standardised (ddof = 1; a column that is constant becomes zero).

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch.
        y: [n, d2], row i being the same sample as row i of x. From each of the three spaces exact repetitions of an
            earlier row are left out; in the joint one a row repeats another if it does so in both.
        estimator: of the three dimensions, see `hyle.engine.intrinsic_dimension`.
        k: neighbours of the mle, 2 <= k <= n - 1, and for the order of gride; twonn looks at two whatever k is.

    Returns:
        Scalar: 1 where each is a function of the other, d_y / d_x where y alone is one of x, 0 where they are
        independent, as far as the estimates are right. These are too low in high dimensions, the joint one most, so
        that independent representations of many dimensions are far from 0 (two 24-d Gaussians, n = 300: 0.68): look at
        the chance level, or shuffle the rows of one. Errors of the estimates may carry it below 0 or beyond 1. NaN
        where an input is not finite or constant.

    Symmetric; invariant to scale and shift of each column and to a common permutation of rows, but not to rotation,
    since columns are standardised. Of the two the representation of more columns dominates the joint distances.
    Cost O(n^2 (d1 + d2)), memory O(b n + n (d1 + d2)) for blocks of b rows.
    Source: Basile et al. (2025), ICLR, arXiv 2406.15812.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4, k out of range, an unknown estimator.
        TypeError: complex numbers.

    Example:
        >>> import numpy as np
        >>> t = np.random.default_rng(0).uniform(0, 12, size=(500, 1))
        >>> spiral = np.concatenate([t * np.cos(t), t * np.sin(t)], axis=1)
        >>> bool(id_correlation(t, spiral) > 0.8)
        True
    """
    check_estimator(estimator)
    a, b = pair(x, y, least=4)
    k = k if estimator in ("mle", "mle_arithmetic", "gride") else 2
    check_k(k, len(a), least=2)
    u, v = _standardised(a), _standardised(b)
    joint = jnp.concatenate([u, v], axis=1)
    value = _shared(*(dimension(space, estimator, k).value for space in (u, v, joint)))
    return jnp.where(jnp.isfinite(a).all() & jnp.isfinite(b).all(), value, jnp.nan)


def _standardised(x: jax.Array) -> jax.Array:
    return jnp.asarray(_standardised_on_host(np.asarray(x))) if use_numpy(x) else _standardised_by_steps(x)


def _standardised_on_host(x: np.ndarray) -> np.ndarray:
    """Standardise in float64, so that rows are rounded once: where they lie close, each rounding moves neighbours."""
    with np.errstate(invalid="ignore"):
        rows = x - x.mean(0, dtype=np.float64)
        deviation = np.sqrt(np.einsum("ij,ij->j", rows, rows) / (len(x) - 1))
        dead = (x == x[0]).all(0) | (deviation == 0)  # not by the deviation alone: the mean of a constant is rounded
        return np.where(dead, 0, rows / np.where(dead, 1, deviation)).astype(x.dtype)


@jax.jit
def _standardised_by_steps(x: jax.Array) -> jax.Array:
    dead = (x == x[0]).all(0)  # not by the variance: the mean of a constant is rounded
    largest = jax.lax.stop_gradient(jnp.abs(x).max(0))
    _, exponent = jnp.frexp(jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1))
    x = ldexp(x, -exponent)  # squares of tiny or huge columns would leave the range of float32
    x = x - x.mean(0)
    x = x - x.mean(0)  # twice: the mean of data far from the origin is itself rounded
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
    """Return the dimension of each pair side by side, the rows of the second in another order."""
    # A row repeats another side by side only where it does so in both.
    whole = [bool(kept.all()) for kept in context.unique()]
    values = []
    for (a, b), distance in zip(pairs, distances, strict=True):
        if distance is None or not (whole[a] or whole[b]):
            values.append(float(_joint_dimension(spaces[a], spaces[b] if order is None else spaces[b][order])))
        else:
            values.append(float(estimate(distance, np.ones(context.n, bool), "twonn").value))
    return values


def _joint_dimension(u: jax.Array, v: jax.Array) -> jax.Array:
    padding = jnp.zeros((len(u), -(u.shape[1] + v.shape[1]) % WIDTH), u.dtype)
    return dimension(jnp.concatenate([u, v, padding], axis=1), "twonn", 2).value


def _own(context: MetricContext) -> tuple[list[jax.Array], list[Prepared], np.ndarray]:
    """Standardise each representation, and estimate its dimension."""

    def compute() -> tuple[list[jax.Array], list[Prepared], np.ndarray]:
        spaces = [_standardised(x) for x in context.arrays]
        return spaces, [prepare(x) for x in spaces], np.array([float(dimension(x, "twonn", 2).value) for x in spaces])

    return context.cached("id_correlation", compute)


def _tables(context: MetricContext, orders: Sequence[np.ndarray | None], stage: str) -> np.ndarray:
    """Give the values [len(orders), m, m], of each pair the rows of the second by name in another order."""
    spaces, representations, own = _own(context)
    in_order, say = context.in_order, context.stage_callback(stage)
    ends = [(a, b) for a in range(context.m) for b in range(a, context.m)]
    pairs = [(a, b) if in_order[a, b] else (b, a) for a, b in ends]
    values = np.empty((len(orders), context.m, context.m))
    for start in range(0, len(orders), TOGETHER):
        some = orders[start : start + TOGETHER]
        for at, (order, distances) in enumerate(
            zip(some, joint_distances(representations, pairs, some), strict=True), start
        ):
            for (a, b), joint in zip(pairs, _joint(context, spaces, pairs, order, distances), strict=True):
                joint = own[a] if a == b and order is None else joint
                values[at, a, b] = values[at, b, a] = _shared(own[a], own[b], joint)
        say(start + len(some), len(orders))
    return values


def _null_distribution(context: MetricContext, permutations: Permutations) -> np.ndarray:
    return _tables(context, list(permutations.orders), NULL)


def _evaluate(context: MetricContext) -> Result:
    permutations = int(np.clip(CHANCE_SAMPLES // context.n, *CHANCE_PERMUTATIONS))
    value, *drawn = _tables(context, [None, *map(np.asarray, context.permutations(permutations))], VALUES)
    chance = np.mean(drawn, 0)
    attributes = {
        "estimator": "TwoNN, fit through the origin, largest tenth of the ratios left out",
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
        chance="mean of 1 to 5 permutations of the samples, pair by pair; not 0 in high dimensions",
        meaning="How many of the dimensions of the richer model does the other share, linearly or not? 1 is all.",
        citation="Basile et al. 2025, arXiv:2406.15812",
    ),
)
