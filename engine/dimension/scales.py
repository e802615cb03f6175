"""Intrinsic dimension as a function of scale."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from ..base import InputError, check_k, distinct_rows, matrix
from ..neighbours import neighbours
from .estimators import DimensionEstimate, estimate, largest_order


class DimensionScales(NamedTuple):
    """Intrinsic dimension at s scales, finest first.

    Args:
        order: int32 [s], 1, 2, 4, ...: n1 of gride, or the number of subsets; the nearest neighbour in a subset is
            about the order-th nearest in all data.
        distance: [s], the mean distance to the neighbours used.
        dimension: [s], the estimate; for subsets, their mean.
        error: [s], one standard error.
        n_used: int32 [s], number of rows used, over all subsets.
    """

    order: jax.Array
    distance: jax.Array
    dimension: jax.Array
    error: jax.Array
    n_used: jax.Array


def dimension_scales(
    x: Any,
    /,
    *,
    estimator: Literal["gride", "twonn", "twonn_ml"] = "gride",
    k: int | None = None,
    smallest: int = 32,
    seed: int = 0,
) -> DimensionScales:
    """Estimate the intrinsic dimension at increasing scales.

    A plateau is a well-defined dimension; a slope means that the estimate depends on the scale. Noise raises the
    dimension at the finest scales; curvature and the boundary of the data distort it at the coarsest.

    - ``gride`` uses more and more distant neighbours: the ratio r_{2 n1} / r_{n1} of neighbour distances for n1 = 1, 2,
      4, ...
    - ``twonn``, ``twonn_ml`` subsample the data (decimation): the two nearest neighbours in each of 1, 2, 4, ...
      disjoint random subsets of n, n / 2, n / 4, ... rows, nested from scale to scale.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch. Rows that repeat an earlier row, exactly or up to
            floating-point noise, are excluded; see `hyle.engine.intrinsic_dimension`.
        estimator: ``gride``, ``twonn`` or ``twonn_ml``; see `hyle.engine.intrinsic_dimension`.
        k: for ``gride``, the largest number of neighbours to use, 2 <= k <= n - 1; the last n1 is the largest power of
            two with 2 n1 <= k. Default 64, or n - 1 if this is less.
        smallest: for the decimation, the minimum number of rows of a subset, 4 <= smallest <= n.
        seed: for the decimation.

    Returns:
        `DimensionScales`. NaN if an input is not finite or a scale has too few distinct rows. Dimensions above about 15
        are lower bounds.

        The error of ``gride`` is computed from the observed Fisher information with rows treated as independent.
        Neighbourhoods overlap, more so for larger n1, so that it is too small (uniformly filled squares and 5-d cubes,
        n = 64: by a factor of 1.2 to 1.3 for n1 = 1, of 1.3 to 1.7 for n1 = 8). The error of the decimation is the
        standard error of the mean over the subsets; for the one subset of all data it is dimension / sqrt(n_used), the
        error of the maximum-likelihood estimate.

    Raises:
        ValueError: fewer than 4 samples, an unknown estimator, ``k`` or ``smallest`` out of range.
        TypeError: not real numbers.

    Cost O(n^2 d) for gride, twice that for the decimation; memory O(b n + n k) for blocks of b rows.
    Source: Denti et al. (2022), Sci. Rep. 12, 20005; Facco et al. (2017), Sci. Rep. 7, 12140.

    Example:
        >>> import numpy as np
        >>> line = np.random.default_rng(0).uniform(size=(500, 1)) @ np.ones((1, 9))
        >>> dimension_scales(line, k=8).dimension.round()
        Array([1., 1., 1.], dtype=float32)
    """
    if estimator not in ("gride", "twonn", "twonn_ml"):
        raise InputError(f"unknown estimator {estimator!r} of a scale: use 'gride', 'twonn' or 'twonn_ml'")
    a = matrix(x)
    n = len(a)
    if n < 4:
        raise InputError(f"at least 4 samples are needed; got {n}")
    if estimator == "gride":
        k = min(64, n - 1) if k is None else k
        check_k(k, n, least=2)
        return _gride_scales(a, distinct_rows(a), largest_order(k))
    if not 4 <= smallest <= n:
        raise InputError(f"smallest={smallest} rows are not possible with {n} samples: use smallest from 4 to {n}")
    return _decimation(a, distinct_rows(a), seed, n // smallest, estimator)


def _scales(x: jax.Array, order: jax.Array, estimates: DimensionEstimate) -> DimensionScales:
    finite = jnp.isfinite(x).all()
    columns = (estimates.distance, estimates.value, estimates.error)
    distance, value, error = (jnp.where(finite, column, jnp.nan) for column in columns)
    return DimensionScales(order, distance, value, error, estimates.n_used.astype(jnp.int32))


def _powers_of_two(largest: int) -> list[int]:
    return [2**power for power in range(largest.bit_length())]


@partial(jax.jit, static_argnames="largest")
def _gride_scales(x: jax.Array, kept: jax.Array, largest: int) -> DimensionScales:
    distance = neighbours(x, 2 * largest, "euclidean", kept).value
    order = jnp.asarray(_powers_of_two(largest), jnp.int32)
    return _scales(x, order, jax.vmap(lambda n1: estimate(distance, kept, "gride", n1))(order))


@partial(jax.jit, static_argnames=("most", "estimator"))
def _decimation(
    x: jax.Array, kept: jax.Array, seed: int, most: int, estimator: Literal["twonn", "twonn_ml"]
) -> DimensionScales:
    n = len(x)
    shuffled = jax.random.permutation(jax.random.key(seed), n)
    # Distinct rows first, so that each subset gets an equal number of them.
    shuffled = shuffled[jnp.argsort(~kept[shuffled], stable=True)]

    def of_subset(rows: jax.Array) -> DimensionEstimate:
        return estimate(neighbours(x[rows], 2, "euclidean", kept[rows]).value, kept[rows], estimator)

    def mean(subsets: int) -> DimensionEstimate:
        estimates = jax.lax.map(of_subset, shuffled[: n // subsets * subsets].reshape(-1, subsets).T)
        value, n_used = estimates.value.mean(), estimates.n_used.sum()
        likelihood_error = value / jnp.sqrt(n_used.astype(value.dtype))
        error = estimates.value.std(ddof=1) / subsets**0.5 if subsets > 1 else likelihood_error
        return DimensionEstimate(value, error, n_used, estimates.distance.mean())

    orders = _powers_of_two(most)
    estimates = DimensionEstimate(*(jnp.stack(column) for column in zip(*map(mean, orders), strict=True)))
    return _scales(x, jnp.asarray(orders, jnp.int32), estimates)
