"""Centred kernel alignment."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..base import InputError, pair
from ..context import MetricContext, hsic_algorithm
from ..gram import Kernel, check_kernel, median_distance
from ._metric import Metric, Result
from .algorithms import chance, chance_description, null, ratio, ratios


def cka(
    x: Any,
    y: Any,
    /,
    *,
    kernel: Kernel = "linear",
    debiased: bool = True,
    sigma: float | jax.Array | None = None,
) -> jax.Array:
    """Compute the centred kernel alignment of two representations of the same samples.

    ``CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))``, K and L the kernel matrices of x and y.

    Args:
        x: [n, d1], any floating dtype, from NumPy, JAX or torch; 16-bit is computed in float32.
        y: [n, d2], row i being the same sample as row i of x; n >= 4 (2 if biased).
        kernel: ``linear``, or ``rbf``: exp(-d^2 / 2 sigma^2).
        debiased: estimate HSIC by the unbiased U-statistic, so that independent data give 0 on average; values may be
            negative and are not clamped. Otherwise use the biased V-statistic, which tends to 1 for d >> n: unrelated
            linear kernels give sqrt(r1 r2) / (n - 1) on average, with r1 and r2 their effective ranks.
        sigma: RBF bandwidth for both; default for each the median of its non-zero pairwise distances.

    Returns:
        Scalar, at most 1. NaN if a representation is constant, and if debiased also where all distances between its
        rows are equal, or all rows but one; with ``rbf`` also where all entries of its kernel are 1 up to rounding
        errors. Centring then leaves nothing but these.

    Symmetric; invariant to rotation, translation, isotropic scaling (RBF: with the default sigma) and a common
    permutation of rows. Cost O(n^2 (d1 + d2)), memory O(b n) for blocks of b rows.
    With ``kernel="rbf"`` and the default sigma the derivative holds sigma fixed. For a bandwidth that moves with the
    rows it differs from that of the value, by 5 to 25 % on a dozen normal rows.
    `hyle.engine.losses.cka_loss` differentiates the median too.
    Source: Kornblith et al. (2019), arXiv 1905.00414; unbiased HSIC: Song et al. (2012), JMLR 13, eq. 5.

    Raises:
        ValueError: x and y have different numbers of rows or fewer than 4 (2 if biased), the kernel is unknown, or
            sigma is given without the RBF kernel.
        TypeError: an input is complex.

    Warns:
        UserWarning: an input is constant or not finite, or nothing is left of its kernel; not inside `jax.jit`.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8))
        >>> round(float(cka(x, 3 * x[:, ::-1])), 5)
        1.0
    """
    check_kernel(kernel)
    a, b = pair(x, y, least=4 if debiased else 2, warn=True)
    sigmas = None
    if kernel == "rbf":
        sigmas = [median_distance(jax.lax.stop_gradient(v)) if sigma is None else jnp.asarray(sigma) for v in (a, b)]
    elif sigma is not None:
        raise InputError("sigma is the bandwidth of the RBF kernel: use it with kernel='rbf'")
    return ratio(a, b, kernel, sigmas, debiased=debiased)


def _evaluate(context: MetricContext, kernel: Kernel, *, debiased: bool) -> Result:
    attributes = {
        "estimator": "debiased (U-statistic)" if debiased else "biased (V-statistic)",
        "kernel": kernel,
        "centring": "columns",
        "form": hsic_algorithm(context, kernel),
    }
    if kernel == "rbf":
        attributes["sigma"] = "median of the non-zero pairwise distances of each model"
    value = ratios(context, kernel, debiased=debiased)
    return Result(value, chance(context, kernel, debiased=debiased), attributes)


def _facts(name: str, kernel: Kernel, meaning: str, *, debiased: bool = True) -> Metric:
    return Metric(
        name=name,
        long_name=f"{'RBF' if kernel == 'rbf' else kernel} CKA, {'debiased' if debiased else 'biased'}",
        kind="pair",
        evaluate=lambda context: _evaluate(context, kernel, debiased=debiased),
        null=lambda context, permutations: null(context, permutations, kernel, debiased=debiased),
        needs=(kernel,),
        symmetric=True,
        bounds=(0.0, 1.0),
        higher_is_better=True,
        chance=chance_description(debiased=debiased),
        meaning=meaning,
        citation="Kornblith et al. 2019, arXiv:1905.00414" + ("; Song et al. 2012, JMLR 13" if debiased else ""),
        queries="exact" if kernel == "linear" else "refused",
    )


_LINEAR = "Do the two models agree on the large-scale similarities between samples?"
_RBF = "As linear CKA, but with Gaussian similarities of the width of each model's median distance."
METRICS = (
    _facts("cka", "linear", _LINEAR),
    _facts("cka_biased", "linear", _LINEAR, debiased=False),
    _facts("cka_rbf", "rbf", _RBF),
    _facts("cka_rbf_biased", "rbf", _RBF, debiased=False),
)
