"""The ratio of HSICs that CKA and the distance correlation are: of a pair, of a panel, and by chance."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ...context import MetricContext
from ...gram import Kernel
from ...permutation import Permutations


def ratio(values: jax.Array) -> jax.Array:
    """Normalise the HSIC [2, 2] of one pair; NaN where one of them has none with itself."""
    own = jnp.diag(values)
    good = (own > 0).all()
    # Two roots: the product of two small numbers would leave the range of float32.
    return jnp.where(good, values[0, 1] / jnp.sqrt(jnp.where(good, own, 1)).prod(), jnp.nan)


def ratios(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Ratios of all pairs, [m, m] in float64."""
    values = context.hsic(kernel, debiased=debiased)
    return _normalised(values, np.diag(values))


def null(context: MetricContext, permutations: Permutations, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Ratios [K, m, m] under permutations."""
    own = np.diag(context.hsic(kernel, debiased=debiased))
    return _normalised(context.null_hsic(kernel, permutations, debiased=debiased), own)


def chance(context: MetricContext, kernel: Kernel, *, debiased: bool) -> np.ndarray:
    """Ratios [m, m], on average over all orders of the samples of one of each pair."""
    if debiased:
        return np.zeros((context.m, context.m))
    return _normalised(context.hsic_by_chance(kernel), np.diag(context.hsic(kernel, debiased=False)))


def chance_told(*, debiased: bool) -> str:
    """Say what that average is."""
    if debiased:
        return "0, exactly, on average over permutations"
    return "in closed form: tr(HKH) tr(HLH) / ((n - 1) sqrt(tr(HKHK) tr(HLHL)))"


def _normalised(values: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Divide the HSIC [..., m, m] of all pairs by the root of that of each with itself, [m]."""
    own = np.where(own > 0, own, np.nan)
    return values / np.sqrt(np.outer(own, own))
