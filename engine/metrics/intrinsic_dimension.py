"""Intrinsic dimension of one representation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import InputError, check_k, matrix
from ..context import MetricContext
from ..dimension import Estimator, check_estimator, dimension, estimate, largest_order, neighbours_needed
from ._metric import Metric, Result


def intrinsic_dimension(x: Any, /, *, estimator: Estimator = "mle", k: int = 50) -> jax.Array:
    """Estimate how many coordinates the rows locally need, from how fast Euclidean balls fill up.

    With r_j the distance of a row to its j-th neighbour, the estimators are

    - ``mle``: Levina & Bickel's maximum likelihood, rows combined by the harmonic mean,
      ``1 / d = mean_i mean_{j < k} ln(r_k / r_j)``;
    - ``mle_arithmetic``: the arithmetic mean over the rows of the same, larger by (k - 1) / (k - 2) or more;
    - ``twonn``: the slope through the origin of -ln(1 - F) over ln mu, mu = r_2 / r_1, the largest tenth left out;
    - ``twonn_ml``: maximum likelihood of the same, unbiased, ``d = (n - 1) / sum_i ln mu_i``;
    - ``gride``: maximum likelihood for mu = r_{2 n1} / r_{n1}, whose density is proportional to
      ``d (mu^d - 1)^(n1 - 1) / mu^(d (2 n1 - 1) + 1)``, with n - 1 for n as in ``twonn_ml``, which it is for n1 = 1.

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch. Exact repetitions of an earlier row are left out, which
            ``n_used`` of a Comparison counts, and so are, for ``mle_arithmetic``, rows whose k neighbours are all
            equally far.
        estimator: ``mle``, ``mle_arithmetic``, ``twonn``, ``twonn_ml`` or ``gride``.
        k: neighbours of the mle, 2 <= k <= n - 1; for gride n1 is the largest power of two with 2 n1 <= k; twonn looks
            at two whatever k is.

    Returns:
        Scalar > 0. Scale and rotation do not matter. Every estimator takes the density to be even as far as it looks;
        beyond about 15 dimensions all are too low (20-d Gaussian, n = 2000: twonn 16.8), and what they say is a lower
        bound. NaN where an input is not finite or fewer distinct rows are left than the neighbours looked at and one
        more; inf where no two neighbour distances differ.

    Cost O(n^2 d), memory O(b n + n k) for blocks of b rows. Differentiable where no two neighbours are equally far.
    `hyle.engine.dimension_scales` shows how the value depends on the scale, with errors.
    Source: Levina & Bickel (2004) with MacKay & Ghahramani (2005); Facco et al. (2017), Sci. Rep. 7, 12140;
    Denti et al. (2022), Sci. Rep. 12, 20005.

    Raises:
        ValueError: fewer than 4 rows, k out of range, an unknown estimator.
        TypeError: complex numbers.

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
    return jnp.where(jnp.isfinite(a).all(), dimension(a, estimator, k).value, jnp.nan)


def _evaluate(context: MetricContext, estimator: Estimator) -> Result:
    k = neighbours_needed(estimator, context.dimension_k)
    tables = context.tables(k, "euclidean", unique=True)
    found = [estimate(table.value, kept, estimator) for table, kept in zip(tables, context.unique(), strict=True)]
    words = {
        "mle": "Levina-Bickel maximum likelihood, harmonic mean",
        "mle_arithmetic": "Levina-Bickel maximum likelihood, arithmetic mean",
        "twonn": "TwoNN, fit through the origin, largest tenth of the ratios left out",
        "twonn_ml": "TwoNN, maximum likelihood, unbiased",
        "gride": "GRIDE, maximum likelihood, n2 = 2 n1",
    }
    attributes: dict[str, Any] = {
        "estimator": words[estimator],
        "k": k,
        "neighbour_metric": "euclidean",
    }
    extra = {"n_used": np.array([int(one.n_used) for one in found])}
    if estimator == "gride":
        attributes["n1"] = largest_order(context.dimension_k)
    if estimator in ("gride", "twonn_ml"):
        extra["error"] = np.array([float(one.error) for one in found])
    return Result(np.array([float(one.value) for one in found]), None, attributes, extra)


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
        meaning="How many independent directions does the representation use around a sample? Above 15: at least.",
        citation=citation,
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
