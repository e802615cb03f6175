"""Approximate neighbour tables by a graph (HNSW) of faiss, with the share of the neighbours that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import MIN_BLOCK, InputError, MissingPackageError, block_size
from ..gram import Prepared, in_numpy
from .bounds import NeighbourMetric
from .search import EXTRA_CANDIDATES, Neighbours
from .search_numpy import exact_distances_numpy, nearest_of_all, select_k_nearest_numpy
from .tables import block_table

# Links of each row in the graph, and rows that are examined when one is added.
LINKS, CONSTRUCTION = 16, 80
# Rows that are examined in a search; more of them until `MIN_RECALL` is reached.
EFFORTS = (64, 128, 256, 512)
# Smallest share of the neighbours that is accepted. Scores fall about twice as fast as the share.
MIN_RECALL = 0.99
# Number of rows, drawn at random, on which the share is measured against an exact search.
RECALL_ROWS = 1000


def check_faiss() -> None:
    """Raise `MissingPackageError` unless faiss is installed."""
    try:
        import faiss  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("search='hnsw' needs faiss: pip install faiss-cpu") from error


def hnsw_tables(
    prepared: Prepared, wanted: Sequence[tuple[NeighbourMetric, int]], *, seed: int = 0
) -> tuple[list[Neighbours], float]:
    """Find neighbour tables of one representation approximately, on one core.

    Args:
        prepared: of n rows.
        wanted: pairs (metric, k).
        seed: of the rows on which the share of the neighbours found is measured.

    Returns:
        One table per entry of ``wanted``, with exact distances; and the smallest share of the k nearest neighbours that
        they contain, measured on `RECALL_ROWS` rows.

    Raises:
        ValueError: the share is below `MIN_RECALL`.
        MissingPackageError: faiss is not installed.

    The graph is built by one thread, so that it is always the same. Cost about n log(n) d; memory O(n d).

    Source: Malkov & Yashunin (2020), IEEE TPAMI 42, 824.
    """
    check_faiss()
    prepared = in_numpy(prepared)
    n = len(prepared.rows)
    query = np.random.default_rng(seed).choice(n, min(n, RECALL_ROWS), replace=False).astype(np.int32)
    tables, recalls = [], []
    for metric, k in wanted:
        table, recall = _table(prepared, metric, k, query)
        tables.append(table)
        recalls.append(recall)
    return tables, min(recalls)


def _table(prepared: Prepared, metric: NeighbourMetric, k: int, query: np.ndarray) -> tuple[Neighbours, float]:
    import faiss

    n = len(prepared.rows)
    faiss.omp_set_num_threads(1)  # of this thread only
    vectors = _vectors(prepared, metric)
    product = faiss.METRIC_INNER_PRODUCT if metric == "inner_product" else faiss.METRIC_L2
    graph = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, product)
    graph.hnsw.efConstruction = CONSTRUCTION
    graph.add(vectors)
    count, exact, recall = min(n, k + EXTRA_CANDIDATES), _exact(prepared, metric, k, query), 0.0
    for effort in EFFORTS:
        graph.hnsw.efSearch = max(effort, count)
        found = _nearest(prepared, metric, k, graph.search(vectors[query], count)[1], query)
        # Of rows that are equally near, any is as good.
        # If all are, there is no distance.
        missed = found.value > exact if metric == "euclidean" else found.value < exact
        recall = 1 - float(np.mean(missed))
        if recall >= MIN_RECALL:
            break
    else:
        raise InputError(
            f"search='hnsw' finds only {recall:.3f} of the {k} nearest neighbours ({metric}) of {len(query):,} "
            f"samples, and {MIN_RECALL} are required: use search='exact', or queries"
        )
    rows = np.arange(n, dtype=np.int32)
    return _nearest(prepared, metric, k, graph.search(vectors, count)[1], rows), recall


def _vectors(prepared: Prepared, metric: NeighbourMetric) -> np.ndarray:
    """Return vectors [n, d] whose Euclidean distances, or inner products, have the order of the metric."""
    norms = prepared.norms
    if metric == "euclidean":
        return np.ascontiguousarray(prepared.points)
    scaled = prepared.rows * (1 / norms.scale)
    if metric == "inner_product":
        return np.ascontiguousarray(scaled)
    scaled *= norms.inverse[:, None]
    scaled -= scaled.mean(0, dtype=np.float64).astype(scaled.dtype)  # more precise where all are nearly parallel
    return np.ascontiguousarray(scaled)


def _nearest(prepared: Prepared, metric: NeighbourMetric, k: int, index: Any, query: np.ndarray) -> Neighbours:
    """Return the table of the k nearest of some candidates [b, c]; -1 is none."""
    index = index.astype(np.int32)
    # The row itself is one of them, and is excluded when the nearest are selected.
    few = np.flatnonzero((index >= 0).sum(1) <= k)
    index = np.where(index < 0, query[:, None], index)
    for row in few:
        index[row, :-1] = nearest_of_all(prepared, query[row], index.shape[1] - 1, metric)
    far = exact_distances_numpy(prepared, query, index, metric)
    return select_k_nearest_numpy(prepared.norms, query, index, far, k, metric)


def _exact(prepared: Prepared, metric: NeighbourMetric, k: int, query: np.ndarray) -> np.ndarray:
    """Return the exact distance or similarity [b, 1] of the k-th neighbours of some rows."""
    n, tables = len(prepared.rows), []
    size = max(MIN_BLOCK, block_size(n, n))
    for start in range(0, len(query), size):
        rows = query[start : start + size]
        tables.append(block_table(prepared, prepared.gram(rows), rows, k, metric, measured=True).value[:, -1:])
    return np.concatenate(tables)
