"""Linear kernels under permutations of the samples, from the d x d products of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..base import HIGHEST, namespace, use_numpy
from ..gram import Prepared
from .draw import Permutations


def features_permute_cheaper(n: int, widths: Sequence[int], count: int, cycles: int) -> bool:
    """Return whether permuting features takes fewer multiplications than shifting n x n kernels along cycles.

    Without cycles always, since kernels that are permuted one by one would have to be kept in memory.

    Args:
        n: rows.
        widths: columns of each representation.
        count: number of permutations.
        cycles: number of cycles along which they shift; 0 if they do not.
    """
    m, total = len(widths), sum(widths)
    return not cycles or count * total**2 < cycles * n * (total + m * (m + 1) / 2)


def permuted_feature_products(
    representations: Sequence[Prepared],
    permutations: Permutations,
    in_order: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute `permuted_products` of linear kernels less the means of their off-diagonal entries, from features.

    Args:
        representations: m, of the same n samples.
        permutations: K permutations.
        in_order: bool [m, m], for each pair True where the second is to be permuted; see `MetricContext.in_order`.
        progress: called with (permutations done, total).

    Returns:
        [K, m, m] in float64, entry (p, a, b) with the rows of b permuted where that is in order, else those of a.

    The rows are centred: the entries of a kernel sum to 0, those beside the diagonal to minus its trace t. With q and p
    the squared norms of the rows, the sum over i != j of (K_ij - mean)(L_ij - mean) is
    |X'Y|^2 - q.p - t_K t_L / (n (n - 1)).
    Cost K n D^2 for D columns of all models together, whose products are computed at once; memory O(n D + D^2).
    """
    n, m = len(representations[0].points), len(representations)
    squares = np.stack([np.asarray(each.norms.squares, np.float64) for each in representations])
    mean = squares.mean(1)
    residual = squares - mean[:, None]
    # q.p is split, so that its largest part is combined with the product of the traces.
    constant = np.outer(mean, mean) * n * (1 + 1 / (n - 1))
    numpy = all(use_numpy(each.points) for each in representations)
    points = [np.asarray(each.points) if numpy else each.points for each in representations]
    first = np.cumsum([0, *(rows.shape[1] for rows in points[:-1])])
    together = namespace(*points).concatenate(points, 1)
    values = np.empty((len(permutations), m, m))
    # One after the other: the products have threads of their own.
    for done, order in enumerate(permutations.orders):
        product = np.asarray(together.T @ together[order] if numpy else _product(together, order))
        squared = np.add.reduceat(np.add.reduceat(np.square(product, dtype=np.float64), first, 0), first, 1)
        found = squared - residual @ residual[:, order].T - constant
        values[done] = np.where(in_order, found, found.T)
        if progress is not None:
            progress(done + 1, len(permutations))
    return values


@jax.jit
def _product(points: jax.Array, order: jax.Array) -> jax.Array:
    return jnp.matmul(points.T, points[order], precision=HIGHEST)
