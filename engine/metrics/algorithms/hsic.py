"""The normalised HSIC behind CKA and distance correlation: of one pair, of all pairs, and its chance level."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ...base import scalar, use_numpy
from ...context import MetricContext, hsic_by_chance, hsic_of_pairs, null_hsic
from ...gram import Kernel
from ...permutation import Permutations


def ratio(values: jax.Array) -> jax.Array:
    """Normalise the HSIC [2, 2] of one pair; NaN if the HSIC of either with itself is not positive."""
    if use_numpy(values):  # outside of `jax.jit`, nothing is compiled
        return scalar(_normalised(np.asarray(values), np.diag(np.asarray(values)))[0, 1], values.dtype)
    self_hsic = jnp.diag(values)
    good = (self_hsic > 0).all()
    # Two roots: the product of two small numbers would leave the range of float32.
    return jnp.where(good, values[0, 1] / jnp.sqrt(jnp.where(good, self_hsic, 1)).prod(), jnp.nan)


def ratios(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the ratios of all pairs, [m, m] in float64."""
    values = hsic_of_pairs(context, kernel, debiased=debiased)
    return _normalised(values, np.diag(values))


def null(context: MetricContext, permutations: Permutations, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the ratios of all pairs under K permutations, [K, m, m]."""
    self_hsic = np.diag(hsic_of_pairs(context, kernel, debiased=debiased))
    return _normalised(null_hsic(context, kernel, permutations, debiased=debiased), self_hsic)


def chance(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Compute the mean ratios of all pairs over all permutations of the samples of one of the two, [m, m]."""
    if debiased:
        return np.zeros((context.m, context.m))
    return _normalised(hsic_by_chance(context, kernel), np.diag(hsic_of_pairs(context, kernel, debiased=False)))


def chance_description(*, debiased: bool) -> str:
    """Return the formula of `chance` as text."""
    if debiased:
        return "exactly 0 on average over permutations"
    return "closed form: tr(HKH) tr(HLH) / ((n - 1) sqrt(tr(HKHK) tr(HLHL)))"


def _normalised(values: np.ndarray, self_hsic: np.ndarray) -> np.ndarray:
    """Divide the HSIC [..., m, m] of all pairs by the geometric mean of the self-HSIC [m] of the two."""
    self_hsic = np.where(self_hsic > 0, self_hsic, np.nan)
    return values / np.sqrt(np.outer(self_hsic, self_hsic))
