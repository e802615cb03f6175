"""The nearest samples of single samples, and how far models disagree about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import InputError, check_k
from ..gram import prepare
from ..neighbours import NeighbourMetric, check_metric, find_table


class NearestSamples(NamedTuple):
    """The nearest samples of one sample.

    Args:
        indices: int [k], nearest first; of equally near ones the lowest index first.
        distances: float64 [k]: Euclidean distance, 1 minus the cosine similarity, or the negative inner product.
        tied: whether another sample is as near as the last of these.
    """

    indices: np.ndarray
    distances: np.ndarray
    tied: bool


def nearest_samples(
    embedding: Any, row: int, /, *, k: int, neighbour_metric: NeighbourMetric = "cosine"
) -> NearestSamples:
    """Find the k samples that are nearest to one sample in a representation.

    Distances are computed by subtraction in float64; cosine distances are halves of squared distances of unit rows, and
    a row of zeros is at distance 1 from all others.

    Args:
        embedding: [n, d], finite.
        row: the sample, 0 to n - 1.
        k: 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.

    Raises:
        ValueError: k or the row is out of range, or a value is not finite.

    Cost: O(n d).

    Example:
        >>> nearest_samples([[0.0], [3.0], [1.0], [9.0]], 0, k=2, neighbour_metric="euclidean").indices.tolist()
        [2, 1]
    """
    check_metric(neighbour_metric)
    x = np.asarray(embedding, np.float64)
    n = len(x)
    check_k(k, n)
    if not 0 <= row < n:
        raise InputError(f"the sample must be 0 to {n - 1}; got {row}")
    if not np.isfinite(x).all():
        raise InputError("the embedding has values that are not finite")
    if neighbour_metric == "inner_product":
        distances = -(x @ x[row])
    elif neighbour_metric == "euclidean":
        distances = np.sqrt(((x - x[row]) ** 2).sum(1))
    else:
        lengths = np.linalg.norm(x, axis=1, keepdims=True)
        units = np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0)
        distances = ((units - units[row]) ** 2).sum(1) / 2
        distances[(lengths[:, 0] == 0) | (lengths[row, 0] == 0)] = 1.0
    others = np.delete(np.arange(n), row)
    order = others[np.argsort(distances[others], kind="stable")]
    tied = len(order) > k and bool(distances[order[k]] == distances[order[k - 1]])
    return NearestSamples(order[:k], distances[order[:k]], tied)


def neighbour_disagreement(
    embeddings: Sequence[Any], /, *, k: int = 10, neighbour_metric: NeighbourMetric = "cosine"
) -> np.ndarray:
    """Return for each sample the share of its k nearest samples that two models do not share, a mean over all pairs.

    Args:
        embeddings: of m >= 2 models, each [n, d] of the same samples.
        k: 1 <= k <= n - 1.
        neighbour_metric: ``cosine``, ``euclidean`` or ``inner_product``.

    Returns:
        float64 [n], 0 (all models have the same neighbours) to 1; 1 - k / (n - 1) is expected by chance. Rows of a
        model that are all equal have no neighbours: its pairs are NaN and are left out; NaN where none is left.

    Raises:
        ValueError: fewer than two models, or k is out of range.

    Cost: one neighbour table per model, O(n^2 d), and O(m^2 n k^2).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(30, 4))
        >>> bool((neighbour_disagreement([x, 2 * x], k=5) == 0).all())
        True
    """
    check_metric(neighbour_metric)
    if len(embeddings) < 2:
        raise InputError("disagreement needs two models or more")
    rows = [np.asarray(each, np.float32) for each in embeddings]
    check_k(k, len(rows[0]))
    tables = []
    for each in rows:
        found = find_table(prepare(each), k, neighbour_metric)
        undefined = np.isnan(np.asarray(found.value)).all(1)
        tables.append(np.where(undefined[:, None], -1, np.asarray(found.indices)))
    total, count = np.zeros(len(rows[0])), np.zeros(len(rows[0]))
    for i, first in enumerate(tables):
        for second in tables[:i]:
            defined = (first[:, 0] >= 0) & (second[:, 0] >= 0)
            shared = (first[:, :, None] == second[:, None, :]).any(2).mean(1)
            total += np.where(defined, 1 - shared, 0)
            count += defined
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
