"""The linear HSIC of all pairs through products of features, d x d numbers, where they cost less than n x n ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, use_numpy
from .prepared import Prepared


def by_features(n: int, widths: Sequence[int]) -> bool:
    """Count which form of the linear HSIC of all pairs multiplies less: feature by feature, or row by row."""
    m, total = len(widths), sum(widths)
    return total * (total + 1) / 2 < n * (total + m * (m + 1) / 2)


def feature_products(representations: Sequence[Prepared]) -> Any:
    """Sum the squares of X' Y for every pair of views of n points.

    Returns:
        [m, m], symmetric: on a CPU and outside of `jax.jit` float64 of NumPy, else of JAX in the dtype of the points.

    Cost n d_a d_b for each pair and half of it for each model, memory O(d_a d_b).
    """
    host = all(use_numpy(prepared.points) for prepared in representations)
    points: list[Any] = [np.asarray(prepared.points) if host else prepared.points for prepared in representations]
    one: Callable[..., Any] = _squares_on_host if host else _squares
    m = len(representations)
    found = {(a, b): one(points[a], points[b]) for a, b in combinations_with_replacement(range(m), 2)}
    whole = [[found[min(a, b), max(a, b)] for b in range(m)] for a in range(m)]
    return np.array(whole) if host else jnp.stack([jnp.stack(row) for row in whole])


def feature_hsic(products: Any, squares: Any, *, debiased: bool) -> Any:
    """HSIC of the linear kernels of every pair [m, m], in JAX or NumPy.

    Args:
        products: [m, m], see `feature_products`.
        squares: [m, n], squared lengths of the points.
        debiased: the unbiased U-statistic, else the biased V-statistic.

    The kernels are of centred rows, whose sums over a row are 0: with q and p the squared lengths of the rows,
    n^2 HSIC_v = |X'Y|^2 and n (n - 3) HSIC_u = |X'Y|^2 - n / (n - 2) q.p + sum(q) sum(p) / ((n - 1) (n - 2)).
    """
    n = squares.shape[1]
    if not debiased:
        return products / n**2
    mean = squares.mean(1, keepdims=True)
    apart = squares - mean  # q.p less its mean part, which cancels the last term but for 1 / n of it
    both = mean * mean.T
    query = apart @ apart.T if isinstance(apart, np.ndarray) else jnp.matmul(apart, apart.T, precision=HIGHEST)
    return (products - n / (n - 2) * (query + n * both) + n * n * both / ((n - 1) * (n - 2))) / (n * (n - 3))


def _squares_on_host(x: np.ndarray, y: np.ndarray) -> float:
    product = x.T @ y  # of one array with itself NumPy multiplies one half only
    return float(np.einsum("ij,ij->i", product, product).sum(dtype=np.float64))


@jax.jit
def _squares(x: jax.Array, y: jax.Array) -> jax.Array:
    product = jnp.matmul(x.T, y, precision=HIGHEST)
    return (product * product).sum()
