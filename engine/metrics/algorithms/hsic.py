"""The normalised HSIC behind CKA and distance correlation: of one pair, of all pairs, and its chance level."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ...base import scalar, use_numpy, warn_of_nothing_left
from ...context import MetricContext, hsic_by_chance, hsic_of_pairs, null_hsic
from ...gram import Kernel, feature_noise, hsic
from ...permutation import Permutations


def ratio(
    x: jax.Array, y: jax.Array, kernel: Kernel, sigmas: Sequence[jax.Array] | None = None, *, debiased: bool
) -> jax.Array:
    """Compute the normalised HSIC of one pair; NaN if the HSIC of either with itself is not positive.

    Args:
        x: floating [n, d1].
        y: [n, d2].
        kernel: of both.
        sigmas: bandwidths of both, for ``rbf``.
        debiased: as in `hsic`.

    Warns:
        UserWarning: nothing is left of a kernel after centring; not inside `jax.jit`.
    """
    values = hsic([x, y], sigmas, kernel=kernel, debiased=debiased)
    if not isinstance(values, jax.core.Tracer):
        left = np.diag(np.asarray(values)) != 0
        warn_of_nothing_left(**{name: rows for name, rows, some in zip("xy", (x, y), left, strict=True) if not some})
    if use_numpy(values):  # outside of `jax.jit`, nothing is compiled
        return scalar(_normalised(np.asarray(values), np.diag(np.asarray(values)))[0, 1], values.dtype)
    self_hsic = jnp.diag(values)
    good = (self_hsic > 0).all()
    # Two roots: the product of two small numbers would leave the range of float32.
    return jnp.where(good, values[0, 1] / jnp.sqrt(jnp.where(good, self_hsic, 1)).prod(), jnp.nan)


def ratios(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the ratios of all pairs, [m, m] in float64."""
    return _normalised(
        hsic_of_pairs(context, kernel, debiased=debiased), _self_hsic(context, kernel, debiased=debiased)
    )


def null(context: MetricContext, permutations: Permutations, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the ratios of all pairs under K permutations, [K, m, m]."""
    self_hsic = _self_hsic(context, kernel, debiased=debiased)
    return _normalised(null_hsic(context, kernel, permutations, debiased=debiased), self_hsic)


def chance(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the mean ratios of all pairs over all permutations of the samples of one of the two, [m, m]."""
    if debiased:
        return np.zeros((context.m, context.m))
    return _normalised(hsic_by_chance(context, kernel), _self_hsic(context, kernel, debiased=False))


def chance_description(*, debiased: bool) -> str:
    """Return the formula of `chance` as text."""
    if debiased:
        return "exactly 0 on average over permutations"
    return "closed form: tr(HKH) tr(HLH) / ((n - 1) sqrt(tr(HKHK) tr(HLHL)))"


def _self_hsic(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the HSIC of each model with itself, [m]; 0 where it may be due to rounding errors alone."""
    own = np.diag(hsic_of_pairs(context, kernel, debiased=debiased))
    if not (debiased and kernel == "linear" and context.by_features):
        return own
    biased = np.diag(hsic_of_pairs(context, kernel, debiased=False))
    return np.where(own <= feature_noise(context.prepared(), biased), 0, own)


def _normalised(values: np.ndarray, self_hsic: np.ndarray) -> np.ndarray:
    """Divide the HSIC [..., m, m] of all pairs by the geometric mean of the self-HSIC [m] of the two."""
    self_hsic = np.where(self_hsic > 0, self_hsic, np.nan)
    return values / np.sqrt(np.outer(self_hsic, self_hsic))
