"""Linear HSIC of all pairs from the d x d products of features, where these cost less than the n x n kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ..base import HIGHEST, Centred, namespace, of_all, own_share, several_processes, use_numpy
from .features_on_mesh import feature_products_on_mesh
from .prepared import Prepared, in_numpy
from .sums import sum_error

# Entries of the rows of a model that are multiplied at once, where they are centred for it.
CHUNK = 2**20


def by_features(n: int, widths: Sequence[int], *, gram: bool = False, half: bool = False) -> bool:
    """Return whether the linear HSIC of all pairs needs fewer multiplications from features than from rows.

    Args:
        n: rows.
        widths: columns of each representation.
        gram: whether the inner products of all rows are computed anyway.
        half: whether only one half of each symmetric matrix of rows is computed, as in a pass for kernels alone.
    """
    m, total = len(widths), sum(widths)
    rows = n * (total * (not gram) + m * (m + 1) / 2)
    return total * (total + 1) / 2 < (rows / 2 if half else rows)


def feature_products(representations: Sequence[Prepared], *, mesh: Mesh | None = None) -> Any:
    """Compute the squared Frobenius norm of X' Y for every pair of m representations of n points.

    Args:
        representations: m, of the same n samples.
        mesh: devices among which the rows are divided, with those of other processes, which all call this and have the
            result; None for one device. Processes on a CPU divide the pairs.

    Returns:
        [m, m], symmetric: a NumPy array in float64 on a CPU outside of `jax.jit` or on a mesh, else a JAX array in the
            dtype of the points.

    Cost n d_a d_b for each pair, half of it for a model with itself; memory O(d_a d_b).
    """
    numpy = all(use_numpy(prepared.points) for prepared in representations)
    points: list[Any] = [in_numpy(prepared).points if numpy else prepared.points for prepared in representations]
    if mesh is not None and not numpy:
        return feature_products_on_mesh(points, mesh)
    m, shared = len(representations), several_processes(mesh)
    pairs = list(combinations_with_replacement(range(m), 2))
    if numpy:
        values = np.zeros((m, m))
        for a, b in own_share(pairs) if shared else pairs:
            values[a, b] = values[b, a] = _squared_norm_numpy(points[a], points[b])
        return of_all(values).sum(0) if shared else values
    found = {(a, b): _squared_norm(points[a], points[b]) for a, b in pairs}
    return jnp.stack([jnp.stack([found[min(a, b), max(a, b)] for b in range(m)]) for a in range(m)])


def feature_hsic(products: Any, squares: Any, *, debiased: bool) -> Any:
    """Compute the HSIC of the linear kernels of every pair, in JAX or NumPy.

    Args:
        products: [m, m], see `feature_products`.
        squares: [m, n], squared norms of the points.
        debiased: the unbiased U-statistic, else the biased V-statistic.

    Returns:
        [m, m].

    The rows are centred, so that each row of a kernel sums to 0. With q and p the squared norms of the rows,
    n^2 HSIC_v = |X'Y|^2 and n (n - 3) HSIC_u = |X'Y|^2 - n / (n - 2) q.p + sum(q) sum(p) / ((n - 1) (n - 2)).
    """
    n = float(squares.shape[1])  # its square is no 32-bit integer from 46,341 rows on
    if not debiased:
        return products / n**2
    mean = squares.mean(1, keepdims=True)
    # q.p is split into a centred part and n times the product of the means, which is combined with the last term.
    residual = squares - mean
    means = mean * mean.T
    numpy = isinstance(residual, np.ndarray)
    inner = residual @ residual.T if numpy else jnp.matmul(residual, residual.T, precision=HIGHEST)
    return (products - n / (n - 2) * (inner + n * means) + n * n * means / ((n - 1) * (n - 2))) / (n * (n - 3))


def feature_noise(representations: Sequence[Prepared], own: Any) -> Any:
    """Bound what rounding errors may add to the unbiased HSIC of linear kernels with themselves.

    Args:
        representations: m, of the same n > 3 samples.
        own: [m], the biased HSIC of each with itself, from products of features.

    Returns:
        [m], infinite where the unbiased HSIC is 0 in exact arithmetic. It is a difference of sums over rows, the
        largest of which is that of the biased one; see `sum_error`.
    """
    xp, squares = namespace(own), representations[0].norms.squares
    n = float(len(squares))
    one_apart = xp.stack([xp.asarray(prepared.norms.one_apart) for prepared in representations])
    return xp.where(one_apart, xp.inf, sum_error(n, squares.dtype) * own * n / (n - 3))


def _squared_norm_numpy(x: np.ndarray | Centred, y: np.ndarray | Centred) -> float:
    if isinstance(x, Centred) or isinstance(y, Centred):
        return _squared_norm_by_chunks(x, y)
    product = x.T @ y  # NumPy computes only one half of the product of an array with itself
    return float(np.einsum("ij,ij->i", product, product).sum(dtype=np.float64))


def _squared_norm_by_chunks(x: np.ndarray | Centred, y: np.ndarray | Centred) -> float:
    size, total = max(1, CHUNK // max(x.shape[1], y.shape[1])), np.zeros((x.shape[1], y.shape[1]))
    for start in range(0, len(x), size):
        chunk = slice(start, start + size)
        part = x[chunk]
        total += part.T @ (part if y is x else y[chunk])
    return float(np.einsum("ij,ij->i", total, total).sum())


@jax.jit
def _squared_norm(x: jax.Array, y: jax.Array) -> jax.Array:
    product = jnp.matmul(x.T, y, precision=HIGHEST)
    return (product * product).sum()
