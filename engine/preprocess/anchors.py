"""Choice of anchors: the samples to which relative representations measure similarity."""

from __future__ import annotations

import warnings
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError, MissingPackageError, first_occurrence_numpy, matrix
from .joint import principal_components

Method = Literal["direct", "kmeans", "farthest", "random"]
# DIRECT: the radius of BIRCH's subclusters at first, and the largest factor by which it shrinks at a time.
THRESHOLD, SHRINK = 0.5, 0.8
# Relative to the spread of the points, a radius at which only equal points are still in one subcluster.
SMALLEST_THRESHOLD = 1e-9


def select_anchors(x: Any, count: int, /, *, method: Method = "direct", seed: int = 0) -> np.ndarray:
    """Choose the rows of a reference representation that serve as anchors, see `relative_representation`.

    ==========  ========================================================================================
    direct      DIRECT sampling: the columns are standardised; the principal components with a variance
                above 1 (Kaiser's rule) are kept, each multiplied by the share of the variance that it
                explains; BIRCH divides the rows into ``count`` clusters, its threshold falling from 0.5
                until there are as many subclusters; of each cluster the row nearest to its centroid,
                the mean of its rows (maml takes the centre of one of its subclusters)
    kmeans      of each of ``count`` clusters by k-means the row nearest to its centroid
    farthest    farthest-point traversal: the row nearest to the mean, then in turn the row that is
                farthest from all before it. Outliers come first.
    random      drawn at random
    ==========  ========================================================================================

    Args:
        x: [n, d], any floating dtype, from NumPy, JAX or torch. `joint_reference` makes one of several models.
        count: number of anchors K, from 1 to the number of distinct rows: an anchor that equals another would count
            twice.
        method: see above. ``kmeans`` and ``farthest`` use Euclidean distances of the rows as they are.
        seed: of ``kmeans`` and ``random``; the others are deterministic.

    Returns:
        int [K], row numbers, ascending. Clusters that lose all their rows to neighbouring ones are replaced by the rows
            that are farthest from the anchors.

    Cost O(n d min(n, d)) for ``direct``, with O(s^2) for s subclusters; O(n d K) for ``kmeans`` and ``farthest``.
    Source: Qi, Ko, Wood, Pham & Ong (2024), npj Comput. Mater., arXiv 2307.13710 (DIRECT); Arthur &
    Vassilvitskii (2007), SODA (k-means++); Gonzalez (1985), Theor. Comput. Sci. 38, 293 (farthest-point traversal).

    Raises:
        ValueError: unknown method, too many anchors or fewer than one, or rows that are not finite or all equal.
        ImportError: ``direct``, and scikit-learn is not installed.

    Example:
        >>> x = np.repeat(np.eye(3), 10, 0) + 1e-3 * np.random.default_rng(0).normal(size=(30, 3))
        >>> (select_anchors(x, 3, method="farthest") // 10).tolist()
        [0, 1, 2]
    """
    if method not in get_args(Method):
        raise InputError(f"unknown method {method!r} of choosing anchors: use {', '.join(get_args(Method))}")
    rows = np.asarray(matrix(x))
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        raise InputError(f"row {int(finite.argmin())} of the reference contains NaN or infinite numbers: remove it")
    distinct = np.flatnonzero(first_occurrence_numpy(rows)) if len(rows) else np.arange(0)
    if not 1 <= count <= len(distinct):
        repeated = "" if len(distinct) == len(rows) else f", {len(distinct)} of them distinct"
        raise InputError(f"{count} anchors cannot be chosen from {len(rows)} rows{repeated}: use 1 to {len(distinct)}")
    points = rows[distinct]
    if method == "random":
        chosen = np.random.default_rng(seed).choice(len(points), count, replace=False)
    elif method == "direct":
        chosen = _direct(points, count)
    else:
        centred = points - points.mean(0, dtype=np.float64).astype(points.dtype)
        first = _norms(centred)[None].argmin(1)
        chosen = _farthest(centred, first, count) if method == "farthest" else _k_means(centred, count, seed)
    return np.sort(distinct[chosen])


def _direct(rows: np.ndarray, count: int) -> np.ndarray:
    if count == len(rows):
        return np.arange(count)
    scores, shares = principal_components(rows)
    points = scores * shares
    return _nearest_to_centroids(points, _birch(points, count), count)


def _birch(points: np.ndarray, count: int) -> np.ndarray:
    """Return the cluster of each of the points [n, m], by BIRCH with an agglomeration of its subclusters."""
    try:
        from sklearn.cluster import Birch
    except ImportError as error:
        raise MissingPackageError(
            "DIRECT sampling needs scikit-learn: pip install scikit-learn; or choose anchors by another method"
        ) from error
    if count == 1:
        return np.zeros(len(points), int)
    threshold, smallest = THRESHOLD, SMALLEST_THRESHOLD * float(np.abs(points).max())
    model = Birch(n_clusters=None, threshold=threshold).fit(points)
    while (found := len(model.subcluster_centers_)) < count and threshold > smallest:
        threshold *= min(found / count, SHRINK)
        model = Birch(n_clusters=None, threshold=threshold).fit(points)
    if found > count:
        # Without new points, only the subclusters are divided into clusters.
        model.set_params(n_clusters=count).partial_fit()
    return np.asarray(model.predict(points))


def _k_means(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # clusters without rows, which are replaced
        _, labels = kmeans2(points, count, iter=50, minit="++", rng=np.random.default_rng(seed))
    return _nearest_to_centroids(points, labels, count)


def _nearest_to_centroids(points: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return the row nearest to the centroid of each cluster, and more rows where there are fewer clusters."""
    _, labels = np.unique(labels, return_inverse=True)
    sizes = np.bincount(labels)
    centroids = np.zeros((len(sizes), points.shape[1]))
    np.add.at(centroids, labels, points)
    distances = _norms(points - (centroids / sizes[:, None])[labels])
    order = np.lexsort((distances, labels))
    first = order[np.concatenate([[0], np.cumsum(sizes)[:-1]])]
    return _farthest(points, first, count)


def _farthest(points: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    """Add to the chosen rows, one by one, the row farthest from all of them; ties to the lowest index."""
    found = [int(row) for row in chosen[:count]]
    if len(found) == count:
        return np.array(found)
    nearest = np.min([_norms(points - points[row]) for row in found], 0)
    nearest[found] = -1  # equal points are taken before one is taken twice
    while len(found) < count:
        row = int(nearest.argmax())
        found.append(row)
        nearest = np.minimum(nearest, _norms(points - points[row]))
        nearest[row] = -1
    return np.array(found)


def _norms(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((rows.astype(np.float64) ** 2).sum(1)))
