"""Rows whose neighbours the Gram product leaves uncertain, and their exact distances."""

from __future__ import annotations

import numpy as np

from ..gram import Prepared
from .bounds import Candidates, NeighbourMetric
from .search import Neighbours
from .search_numpy import exact_distances_numpy, nearest_of_all, select_k_nearest_numpy


def uncertain_rows(found: Candidates, metric: NeighbourMetric, *, ordered: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose result is uncertain, and those with neighbours that may be no candidates, bool [b] each.

    Args:
        found: candidates of b rows.
        metric: see `neighbours`.
        ordered: number of nearest Euclidean neighbours whose order must be exact.
    """
    incomplete = np.asarray(found.incomplete)
    if metric != "euclidean":
        return np.asarray(found.set_uncertain), incomplete
    if ordered:
        return np.asarray(found.imprecise) | np.asarray(found.order_uncertain), incomplete
    uncertain = np.asarray(found.imprecise)
    # Otherwise a row that is no candidate has the same distance as one that is, within the error.
    return uncertain, incomplete & uncertain


def table_of_candidates(
    prepared: Prepared,
    found: Candidates,
    query: np.ndarray,
    k: int,
    metric: NeighbourMetric,
    *,
    ordered: int = 0,
    measured: bool = False,
    where: np.ndarray | None = None,
) -> Neighbours:
    """Select the k nearest of the candidates, in NumPy, and compute exact distances of the uncertain rows.

    Args:
        prepared: of n rows, NumPy arrays.
        found: candidates of the query rows.
        query: int32 [b].
        k: 1 <= k <= n - 1.
        metric: see `neighbours`.
        ordered: number of nearest Euclidean neighbours whose order must be exact.
        measured: whether to compute all distances by subtraction, so that equal distances are exactly equal.
        where: which rows are excluded as neighbours, see `is_excluded`; default none.

    Returns:
        The table of the b query rows.
    """
    index = np.array(found.indices)
    uncertain, incomplete = uncertain_rows(found, metric, ordered=ordered)
    for row in np.flatnonzero(incomplete):
        index[row] = nearest_of_all(prepared, query[row], index.shape[1], metric, where)
    rows = np.flatnonzero(uncertain | incomplete | measured)
    far = np.array(found.approx_distance)
    far[rows] = exact_distances_numpy(prepared, query[rows], index[rows], metric)
    return select_k_nearest_numpy(prepared.norms, query, index, far, k, metric, where)
