"""Intrinsic dimension of one representation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, check_k, matrix, on_host, scalar, warn_of_undefined
from ..context import MetricContext, Queries
from ..dimension import (
    Estimator,
    check_estimator,
    dimension,
    estimate,
    estimate_from_rows,
    largest_order,
    likelihood_error,
    neighbours_needed,
    row_ratios,
)
from ._metric import Metric, Result


def intrinsic_dimension(x: Any, /, *, estimator: Estimator = "mle", k: int = 50) -> jax.Array:
    """Estimate the intrinsic dimension: the number of coordinates that the rows need locally.

    The estimators use how fast the number of neighbours grows with distance. With r_j the Euclidean distance of a row
    to its j-th neighbour, they are

    - ``mle``: Levina & Bickel's maximum likelihood, rows combined by the harmonic mean,
      ``1 / d = mean_i mean_{j < k} ln(r_k / r_j)``;
    - ``mle_arithmetic``: the same, combined by the arithmetic mean over rows; larger by (k - 1) / (k - 2) or more;
    - ``twonn``: the slope of -ln(1 - F) over ln mu in a fit through the origin, where mu = r_2 / r_1 and the largest
      tenth of the ratios is excluded;
    - ``twonn_ml``: the unbiased maximum likelihood estimate from the same ratios, ``d = (n - 1) / sum_i ln mu_i``;
    - ``gride``: maximum likelihood for mu = r_{2 n1} / r_{n1}, whose density is proportional to
      ``d (mu^d - 1)^(n1 - 1) / mu^(d (2 n1 - 1) + 1)``, with n - 1 in place of n as in ``twonn_ml``, to which it is
      equal for n1 = 1.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch. Rows that repeat an earlier row are excluded:
            equal rows, and rows whose distance is that of the floating-point noise of a model, 2^-18 = 3.8e-6 of the
            norm of the centred row, if these pairs stand out from the other distances (the rule and its reasons:
            `hyle.engine.base.repeated_rows`). ``mle_arithmetic`` also excludes rows whose k neighbours are all equally
            far. ``n_used`` of a Comparison is the number of rows used, ``duplicates`` that of repetitions.
        estimator: ``mle``, ``mle_arithmetic``, ``twonn``, ``twonn_ml`` or ``gride``.
        k: number of neighbours of mle, 2 <= k <= n - 1; for gride, n1 is the largest power of two with 2 n1 <= k; twonn
            uses two for every k.

    Returns:
        Scalar > 0, invariant to scale and rotation. Every estimator assumes a uniform density within the neighbours
        that it uses. Beyond about 15 dimensions all estimates are too low (20-d Gaussian, n = 2000: twonn 16.8) and are
        lower bounds. NaN if the input is not finite or has no more distinct rows than the number of neighbours used;
        inf if no two neighbour distances differ.

    Cost O(n^2 d), memory O(b n + n k) for blocks of b rows. Differentiable where no two neighbours are equally far.
    `hyle.engine.dimension_scales` shows how the value depends on the scale, with errors.
    Source: Levina & Bickel (2004) with MacKay & Ghahramani (2005); Facco et al. (2017), Sci. Rep. 7, 12140;
    Denti et al. (2022), Sci. Rep. 12, 20005.

    Raises:
        ValueError: x has fewer than 4 rows, k is out of range, or the estimator is unknown.
        TypeError: the input is complex.

    Warns:
        UserWarning: x is constant or not finite; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> plane = np.random.default_rng(0).normal(size=(500, 2)) @ np.ones((2, 9))
        >>> round(float(intrinsic_dimension(plane, k=20)))
        1
    """
    check_estimator(estimator)
    a = matrix(x)
    k = k if estimator in ("mle", "mle_arithmetic", "gride") else 2
    if len(a) < 4:
        raise InputError(f"at least 4 samples are needed; got {len(a)}")
    check_k(k, len(a), least=2)
    warn_of_undefined(x=a)
    (rows,) = on_host(a)
    if not isinstance(rows, np.ndarray):
        return jnp.where(jnp.isfinite(a).all(), dimension(a, estimator, k).value, jnp.nan)
    return scalar(np.asarray(dimension(rows, estimator, k).value) if np.isfinite(rows).all() else np.nan, a.dtype)


def _evaluate(context: MetricContext, estimator: Estimator) -> Result:
    k = neighbours_needed(estimator, context.dimension_k)
    if context.queries is None:
        tables = context.tables(k, "euclidean", unique=True)
        found = [estimate(table.value, kept, estimator) for table, kept in zip(tables, context.unique(), strict=True)]
        values = {
            name: np.array([float(getattr(each, name)) for each in found]) for name in ("value", "error", "n_used")
        }
        without = None
    else:
        values, without = _estimate_from_queries(context, context.queries, estimator, k)
    descriptions = {
        "mle": "Levina-Bickel maximum likelihood, harmonic mean",
        "mle_arithmetic": "Levina-Bickel maximum likelihood, arithmetic mean",
        "twonn": "TwoNN, fit through the origin, largest tenth of the ratios excluded",
        "twonn_ml": "TwoNN, maximum likelihood, unbiased",
        "gride": "GRIDE, maximum likelihood, n2 = 2 n1",
    }
    attributes: dict[str, Any] = {
        "estimator": descriptions[estimator],
        "k": k,
        "neighbour_metric": "euclidean",
    }
    extra = {"n_used": values["n_used"].astype(int)}
    if estimator == "gride":
        attributes["n1"] = largest_order(context.dimension_k)
    if estimator in ("gride", "twonn_ml"):
        extra["error"] = values["error"]
    return Result(values["value"], None, attributes, extra, without=without)


def _estimate_from_queries(
    context: MetricContext, queries: Queries, estimator: Estimator, k: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return values, errors and rows used, [m] each, from the distances of the queries; and values without groups."""
    columns: dict[str, list[Any]] = {"value": [], "error": [], "n_used": []}
    members = [np.ones(len(queries.rows), bool), *(queries.group != group for group in range(len(queries.sizes)))]
    without = []
    for table, kept in zip(context.query_result().distinct, context.unique(), strict=True):
        ratios = row_ratios(table.value[:, :k], kept[queries.rows], int(kept.sum()), estimator)
        value, *others = (
            estimate_from_rows(ratios, estimator, member, factor)
            for member, factor in zip(members, queries.single, strict=True)
        )
        for name, number in zip(columns, (value, likelihood_error(value, ratios), ratios.used.sum()), strict=True):
            columns[name].append(number)
        without.append(others)
    return {name: np.array(column) for name, column in columns.items()}, np.array(without).T


def _facts(name: str, estimator: Estimator, long_name: str, citation: str) -> Metric:
    return Metric(
        name=name,
        long_name=long_name,
        kind="single",
        evaluate=lambda context: _evaluate(context, estimator),
        needs=("two_nearest",) if estimator.startswith("twonn") else ("dimension",),
        symmetric=True,
        bounds=(0.0, float("inf")),
        higher_is_better=None,
        chance="none; compare with the random control",
        meaning="How many independent directions does the representation use locally? A lower bound above about 15.",
        citation=citation,
        queries="sampled",
    )


_LEVINA = "Levina & Bickel 2004"
_FACCO = "Facco et al. 2017, doi:10.1038/s41598-017-11873-y"
METRICS = (
    _facts("intrinsic_dimension", "mle", "intrinsic dimension (MLE)", f"{_LEVINA}; MacKay & Ghahramani 2005"),
    _facts("intrinsic_dimension_mle_arithmetic", "mle_arithmetic", "intrinsic dimension (MLE, arithmetic)", _LEVINA),
    _facts("intrinsic_dimension_twonn", "twonn", "intrinsic dimension (TwoNN)", _FACCO),
    _facts("intrinsic_dimension_twonn_ml", "twonn_ml", "intrinsic dimension (TwoNN, likelihood)", _FACCO),
    _facts(
        "intrinsic_dimension_gride",
        "gride",
        "intrinsic dimension (GRIDE)",
        "Denti et al. 2022, doi:10.1038/s41598-022-20991-1",
    ),
)
