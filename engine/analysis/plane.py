"""Two-dimensional projections of one representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError, MissingPackageError

Method = Literal["pca", "umap"]


@dataclass(frozen=True)
class Plane:
    """Positions of the samples in a two-dimensional projection of a representation.

    Args:
        place: [n, 2], each column divided by its standard deviation.
        shares: share of the variance along each of the two directions; NaN for a method that has none.
        method: ``pca`` or ``umap``.
    """

    place: np.ndarray
    shares: tuple[float, float]
    method: str


def plane(embedding: Any, /, *, method: Method = "pca", seed: int = 0) -> Plane:
    """Project the samples of a representation onto a plane.

    Args:
        embedding: [n, d], n at least 3.
        method: ``pca``, the two directions of largest variance, deterministic for the same rows; or ``umap``, which
            preserves neighbours but not distances.
        seed: of UMAP.

    Raises:
        ValueError: fewer than three samples, all samples identical, or no such method.
        ImportError: umap-learn is not installed.

    Source: McInnes, Healy & Melville (2018), arXiv 1802.03426, for UMAP.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 5)) * [10, 3, 1, 1, 1]
        >>> result = plane(x)
        >>> result.place.shape, result.shares[0] > 0.8
        ((100, 2), True)
    """
    if method not in get_args(Method):
        raise InputError(f"unknown method {method!r}: use pca or umap")
    x = np.asarray(embedding, np.float64)
    if x.ndim != 2 or len(x) < 3:
        raise InputError(f"an embedding [n, d] of at least three samples is needed; got shape {x.shape}")
    x = x - x.mean(0)
    if not x.any():
        raise InputError("all samples are identical: there is nothing to show")
    shares = (float("nan"),) * 2
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise MissingPackageError("umap needs umap-learn: pip install umap-learn") from error
        # With a seed UMAP runs on one thread only, and warns unless n_jobs=1 is passed.
        projected = UMAP(n_neighbors=min(15, len(x) - 1), random_state=seed, n_jobs=1).fit_transform(x)
        place = np.asarray(projected, np.float64)
        place -= place.mean(0)
    else:
        u, s, rows = np.linalg.svd(x, full_matrices=False)
        u, s, rows = u[:, :2], s, rows[:2]
        # The sign of a singular vector is arbitrary: its largest entry is made positive.
        signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])
        place = u * s[:2] * signs
        place = np.pad(place, ((0, 0), (0, 2 - place.shape[1])))
        share = np.pad(s[:2] ** 2 / (s**2).sum(), (0, max(0, 2 - len(s))))
        shares = (float(share[0]), float(share[1]))
    scale = place.std(0)
    return Plane(place / np.where(scale > 1e-12 * scale.max(), scale, 1), shares, method)
