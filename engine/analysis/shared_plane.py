"""A two-dimensional projection of what several representations have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import InputError
from .maxvar import maxvar, space
from .plane import Method, Plane, plane

# Penalty as a share of the total variance of each model: directions with less variance than that count little.
RIDGE = 0.01
# Shared coordinates that UMAP takes, and permutations for the level of chance.
COORDINATES, PERMUTATIONS = 16, 5


@dataclass(frozen=True)
class SharedPlane(Plane):
    """Positions of the samples in the plane that several representations share most.

    Args:
        chance: mean of ``shares`` after the samples of each model have been permuted; NaN with ``umap``.
    """

    chance: tuple[float, float]


def shared_plane(embeddings: Sequence[Any], /, *, method: Method = "pca", seed: int = 0) -> SharedPlane:
    """Project samples onto the plane that several representations of them share most.

    The two coordinates are those of generalised canonical correlation analysis (MAXVAR) with ridge: the directions
    that all models contain, whatever their widths and scales, and not those that vary most in one of them. With
    ``umap``, the first 16 shared coordinates are laid out by UMAP.

    Args:
        embeddings: of m >= 2 models, each [n, d] of the same n >= 3 samples, finite.
        method: ``pca`` for the two coordinates themselves, deterministic, or ``umap``.
        seed: of the permutations and of UMAP.

    Returns:
        `SharedPlane` whose ``shares`` are the eigenvalues of both coordinates: the mean over models of the share of a
        coordinate that the model contains, 1 / m if only one model does, 1 if all do; the ridge shrinks shares of
        directions with little variance. Chance depends on the widths of the models. NaN with ``umap``.

    Raises:
        ValueError: fewer than two models or three samples, or a model whose samples are all identical.
        ImportError: umap-learn is not installed.

    Cost: O(n D min(n, D)) for D columns in all, times 1 + `PERMUTATIONS`.

    Source: Kettenring (1971), Biometrika 58, 433.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> common = rng.normal(size=(200, 2))
        >>> a, b = (np.hstack([common, rng.normal(size=(200, 3))]) for _ in range(2))
        >>> min(shared_plane([a, b]).shares) > 0.8
        True
    """
    if len(embeddings) < 2:
        raise InputError("a shared space needs two models or more")
    rows = [np.asarray(each, np.float64) for each in embeddings]
    if len({len(each) for each in rows}) > 1 or len(rows[0]) < 3:
        raise InputError("a shared space needs embeddings of the same samples, three or more")
    if not all((np.ptp(each, axis=0) > 0).any() for each in rows):
        raise InputError("all samples of a model are identical: there is nothing to share")
    votes, spaces = np.full(len(rows), 1 / len(rows)), [space(each) for each in rows]
    fit = maxvar(spaces, votes, RIDGE, 2 if method == "pca" else COORDINATES)
    if method != "pca":
        laid = plane(fit.coordinates * np.sqrt(fit.eigenvalues), method=method, seed=seed)
        return SharedPlane(laid.place, laid.shares, method, laid.shares)
    place = np.pad(fit.coordinates, ((0, 0), (0, 2 - fit.coordinates.shape[1])))
    # The sign of a coordinate is arbitrary: the sample furthest out is on the positive side.
    signs = np.sign(place[np.abs(place).argmax(0), [0, 1]])
    rng = np.random.default_rng(seed)
    permuted = [
        _two(maxvar([one._replace(left=rng.permutation(one.left)) for one in spaces], votes, RIDGE, 2).eigenvalues)
        for _ in range(PERMUTATIONS)
    ]
    chance = np.mean(permuted, 0)
    return SharedPlane(
        place * np.where(signs == 0, 1, signs), _two(fit.eigenvalues), method, (float(chance[0]), float(chance[1]))
    )


def _two(eigenvalues: np.ndarray) -> tuple[float, float]:
    padded = np.pad(eigenvalues, (0, 2))
    return float(padded[0]), float(padded[1])
