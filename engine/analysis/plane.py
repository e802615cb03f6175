"""A picture of one representation in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError, MissingPackageError

Method = Literal["pca", "umap"]


@dataclass(frozen=True)
class Plane:
    """Where samples lie in a picture of a representation.

    Args:
        place: [n, 2], each column divided by its standard deviation.
        shares: of the variance along both directions; NaN for a method that keeps none.
        method: how it was made.
    """

    place: np.ndarray
    shares: tuple[float, float]
    method: str


def plane(embedding: Any, /, *, method: Method = "pca", seed: int = 0) -> Plane:
    """Lay the samples of a representation out in a plane.

    Args:
        embedding: [n, d], n at least 3.
        method: ``pca``, the two directions of most variance, the same for the same rows; or ``umap``, which keeps
            neighbours and no distances.
        seed: of umap.

    Raises:
        ValueError: fewer than three samples, all alike, or no such method. ImportError without umap-learn.

    Source: McInnes, Healy & Melville (2018), arXiv 1802.03426, for umap.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 5)) * [10, 3, 1, 1, 1]
        >>> found = plane(x)
        >>> found.place.shape, found.shares[0] > 0.8
        ((100, 2), True)
    """
    if method not in get_args(Method):
        raise InputError(f"unknown method {method!r}: use pca or umap")
    x = np.asarray(embedding, np.float64)
    if x.ndim != 2 or len(x) < 3:
        raise InputError(f"an embedding [n, d] of at least three samples is needed; got shape {x.shape}")
    x = x - x.mean(0)
    if not x.any():
        raise InputError("all samples are alike: there is nothing to show")
    shares = (float("nan"),) * 2
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise MissingPackageError("umap needs umap-learn: pip install 'hyle[map]'") from error
        # A seed allows one thread only, and UMAP warns where it was not told so.
        found = UMAP(n_neighbors=min(15, len(x) - 1), random_state=seed, n_jobs=1).fit_transform(x)
        place = np.asarray(found, np.float64)
        place -= place.mean(0)
    else:
        u, s, rows = np.linalg.svd(x, full_matrices=False)
        u, s, rows = u[:, :2], s, rows[:2]
        # A direction has no sign of its own: the largest entry points up.
        signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])
        place = u * s[:2] * signs
        place = np.pad(place, ((0, 0), (0, 2 - place.shape[1])))
        share = np.pad(s[:2] ** 2 / (s**2).sum(), (0, max(0, 2 - len(s))))
        shares = (float(share[0]), float(share[1]))
    wide = place.std(0)
    return Plane(place / np.where(wide > 1e-12 * wide.max(), wide, 1), shares, method)
