"""Distance correlation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..base import pair
from ..context import MetricContext
from ._metric import Metric, Result
from .algorithms import chance, chance_description, null, ratio, ratios


def distance_correlation(x: Any, y: Any, /, *, debiased: bool = True, squared: bool = True) -> jax.Array:
    """Compute the correlation of the doubly centred Euclidean distances within two representations of the same samples.

    ``dCor^2 = dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y))``: CKA with distances in place of similarities.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 4 (2 if not debiased).
        debiased: estimate dCov^2 by the U-statistic of Székely & Rizzo (2014), so that independent data give 0 on
            average; values may be negative and are not clamped. Otherwise use the V-statistic of Székely et al. (2007),
            which tends to 1 for d >> n.
        squared: return dCor^2, as in the study; otherwise its square root, with the sign of dCor^2 if that is negative.

    Returns:
        Scalar, at most 1: 1 if x and y are equal up to rotation, translation and isotropic scaling. NaN if a
        representation is constant, and if debiased also where all distances between its rows are equal, or all rows
        but one: U-centring then leaves nothing but rounding errors.

    Symmetric; invariant to rotation, translation, isotropic scaling and a common permutation of rows.
    Cost O(n^2 (d1 + d2)), memory O(b n) for blocks of b rows.
    Source: Székely, Rizzo & Bakirov (2007), Ann. Stat. 35, 2769; Székely & Rizzo (2014), Ann. Stat. 42, 2382.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4 (2 if biased).
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite, or nothing is left of its distances; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(distance_correlation(x, 3 * x[:, ::-1] + 1)), 5)
        1.0
    """
    a, b = pair(x, y, least=4 if debiased else 2, warn=True)
    value = ratio(a, b, "distance", debiased=debiased)
    if squared:
        return value
    non_zero = value != 0  # the derivative of the root is infinite at 0
    return jnp.where(non_zero, jnp.sign(value) * jnp.sqrt(jnp.abs(jnp.where(non_zero, value, 1))), value)


def _evaluate(context: MetricContext, *, debiased: bool) -> Result:
    value = ratios(context, "distance", debiased=debiased)
    estimator = "debiased (U-statistic)" if debiased else "biased (V-statistic)"
    level = chance(context, "distance", debiased=debiased)
    return Result(value, level, {"estimator": estimator, "form": "squared", "distance": "euclidean"})


def _facts(name: str, *, debiased: bool) -> Metric:
    return Metric(
        name=name,
        long_name="squared distance correlation" + (", debiased" if debiased else ", biased"),
        kind="pair",
        evaluate=lambda context: _evaluate(context, debiased=debiased),
        null=lambda context, permutations: null(context, permutations, "distance", debiased=debiased),
        needs=("distance",),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance=chance_description(debiased=debiased),
        meaning="Are samples that are far apart in one model also far apart in the other?",
        citation="Székely & Rizzo 2014, doi:10.1214/14-AOS1255" if debiased else "Székely et al. 2007, Ann. Stat. 35",
    )


METRICS = (
    _facts("distance_correlation", debiased=True),
    _facts("distance_correlation_biased", debiased=False),
)
