"""Generalised canonical correlation analysis (MAXVAR) with ridge: what several sets of columns have in common.

Each model m has a ridge projection of the samples, P = X (X'X + c I)^-1 X', whose eigenvalues are between 0 and 1. The
shared coordinates are the eigenvectors of the mean of the projections over families of models, a family being the mean
of its members. An eigenvalue is 1 if all families contain this coordinate, and 1 / F at most if only one does.

Source: Kettenring (1971), Biometrika 58, 433 (MAXVAR); Carroll (1968), Proc. 76th APA Convention, 227; with ridge:
Takane, Hwang & Abdi (2008), Psychometrika 73, 753.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Directions with less variance than this share of the largest are rounding errors.
SMALLEST_VARIANCE = 1e-10


class Space(NamedTuple):
    """The rows of one model in the coordinates of their principal directions.

    Args:
        mean: [d], column means.
        left: [n, q], orthonormal columns.
        values: [q], singular values, descending.
        right: [d, q], principal directions, orthonormal columns.
    """

    mean: np.ndarray
    left: np.ndarray
    values: np.ndarray
    right: np.ndarray

    @property
    def variance(self) -> float:
        """The sum of squares of the centred rows."""
        return float((self.values**2).sum())

    def in_own_coordinates(self) -> Space:
        """Return the space of the same rows when they are written as their coordinates [n, q]."""
        q = len(self.values)
        return self._replace(mean=np.zeros(q), right=np.eye(q))


class Fit(NamedTuple):
    """Shared coordinates of the rows that were fitted.

    Args:
        eigenvalues: [k], descending, 0 to 1.
        coordinates: [n, k], columns of mean 0 and variance 1, uncorrelated.
        weights: for each model [d, k]: centred rows times these are the model's own estimate of the coordinates.
    """

    eigenvalues: np.ndarray
    coordinates: np.ndarray
    weights: list[np.ndarray]


def space(rows: np.ndarray) -> Space:
    """Decompose rows [n, d]; q is their numerical rank after centring. Cost O(n d min(n, d))."""
    mean = rows.mean(0)
    points = rows - mean
    wide = points.shape[1] > len(points)
    eigenvalues, vectors = np.linalg.eigh(points @ points.T if wide else points.T @ points)
    kept = np.flatnonzero(eigenvalues > SMALLEST_VARIANCE * max(float(eigenvalues[-1]), 0.0))[::-1]
    values, vectors = np.sqrt(eigenvalues[kept]), vectors[:, kept]
    if wide:
        return Space(mean, vectors, values, (points.T @ vectors) / values)
    return Space(mean, (points @ vectors) / values, values, vectors)


def votes_of(codes: np.ndarray) -> np.ndarray:
    """Return the weight of each model in the mean over families [m]; codes [m] are families, negative ones no vote."""
    voting = codes >= 0
    members = np.array([np.count_nonzero(codes == code) for code in codes])
    return np.asarray(np.where(voting, 1 / (np.maximum(members, 1) * max(len(set(codes[voting])), 1)), 0.0))


def shrinkage(values: np.ndarray, penalty: float) -> np.ndarray:
    """Return the eigenvalues of a ridge projection, s^2 / (s^2 + penalty), from singular values s."""
    return np.asarray(values**2 / (values**2 + penalty))


def maxvar(spaces: Sequence[Space], votes: np.ndarray, ridge: float, k: int) -> Fit:
    """Fit the first k shared coordinates.

    Args:
        spaces: of m models, of the same n rows.
        votes: [m], weights that sum to 1; a model of weight 0 has its own estimate of what the others share.
        ridge: penalty as a share of the total variance of each model, so that it has no unit; more than 0.
        k: number of coordinates, at most n - 1; fewer are returned if the models have fewer directions in all.

    Cost O(n Q min(n, Q)) for Q directions in all.
    """
    from scipy.linalg import eigh

    n = len(spaces[0].left)
    halves = np.hstack(
        [
            one.left * np.sqrt(vote * shrinkage(one.values, ridge * one.variance))
            for one, vote in zip(spaces, votes, strict=True)
            if vote > 0
        ]
    )
    tall = halves.shape[1] <= n
    product = halves.T @ halves if tall else halves @ halves.T
    k = min(k, n - 1, len(product))
    eigenvalues, vectors = eigh(product, subset_by_index=[len(product) - k, len(product) - 1])
    eigenvalues, vectors = np.clip(eigenvalues[::-1], 0, 1), vectors[:, ::-1]
    if tall:
        vectors = halves @ (vectors / np.sqrt(np.maximum(eigenvalues, np.finfo(np.float64).tiny)))
    coordinates = vectors * np.sqrt(n)
    weights = [
        one.right @ ((one.left.T @ coordinates) * (one.values / (one.values**2 + ridge * one.variance))[:, None])
        for one in spaces
    ]
    return Fit(eigenvalues, coordinates, weights)


def rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix [k, k] that brings source [n, k] closest to target [n, k].

    Source: Schönemann (1966), Psychometrika 31, 1.
    """
    left, _, right = np.linalg.svd(source.T @ target)
    return np.asarray(left @ right)
