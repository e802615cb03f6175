"""Linear kernels under permutations of the samples, from the d x d products of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from ..base import use_numpy
from ..gram import Prepared, feature_product
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
    products = count * sum(a * b for a, b in combinations_with_replacement(widths, 2))
    return not cycles or products < cycles * n * (total + m * (m + 1) / 2)


def permuted_feature_products(
    representations: Sequence[Prepared],
    permutations: Permutations,
    in_order: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute what `permuted_products` does for linear kernels, with the means of their off-diagonal entries.

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
    Cost K n d_a d_b for each pair; memory O(n d) for each thread.
    """
    n, m = len(representations[0].points), len(representations)
    squares = np.stack([np.asarray(each.norms.squares, np.float64) for each in representations])
    mean = squares.mean(1)
    residual = squares - mean[:, None]
    # q.p is split, so that its largest part is combined with the product of the traces.
    constant = np.outer(mean, mean) * n * (1 + 1 / (n - 1))

    points = [np.asarray(each.points) if use_numpy(each.points) else each.points for each in representations]
    pairs = np.argwhere(in_order)

    def permuted(orders: Any) -> np.ndarray:
        return np.stack([one(order) for order in np.asarray(orders)])

    def one(order: np.ndarray) -> np.ndarray:
        moved, crossed = [rows[order] for rows in points], residual @ residual[:, order].T
        values = np.empty((m, m))
        for a, b in pairs:
            product = float(feature_product(points[a], moved[b]))
            values[a, b] = values[b, a] = product - crossed[a, b] - constant[a, b]
        return values

    return permutations.map(permuted, progress)
