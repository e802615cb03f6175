"""Principal components by Kaiser's rule, of one representation and of several together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError, matrix

# Numbers of a block of rows in float64: 32 MiB.
BLOCK = 1 << 22


def joint_reference(representations: Sequence[Any], /) -> np.ndarray:
    """Concatenate the principal components of several representations of the same samples, with equal weights.

    Of each representation, the columns are standardised and the components with a variance above 1 are kept (Kaiser's
    rule). They are divided by one number, so that their total variance is 1 whatever the width of the model.

    Args:
        representations: [n, d_m] each, any floating dtype; row i is the same sample in all.

    Returns:
        float32 [n, sum of the numbers of components]. A representation whose rows are all equal has none.

    Invariant to shifts and to scaling of the columns of a representation. Cost O(n d min(n, d)) for each.

    Raises:
        ValueError: different numbers of rows, rows that are not finite, or all rows of all representations are equal.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> joint_reference([x[:, :1], x[:, :1] * 5]).std(0).round(3).tolist()
        [1.0, 1.0]
    """
    arrays = [np.asarray(matrix(x, f"representation {i}")) for i, x in enumerate(representations)]
    if len({len(rows) for rows in arrays}) != 1:
        raise InputError(f"representations have {', '.join(str(len(rows)) for rows in arrays)} rows: join them by id")
    parts = []
    for i, rows in enumerate(arrays):
        if not np.isfinite(rows).all():
            raise InputError(f"representation {i} contains NaN or infinite numbers: remove these rows")
        if (rows != rows[:1]).any():
            scores, _ = principal_components(rows)
            parts.append((scores / np.sqrt(scores.var(0).sum())).astype(np.float32))
    if not parts:
        raise InputError("all rows are equal in every representation: there is nothing to choose anchors by")
    return np.concatenate(parts, 1)


def principal_components(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the principal components of standardised columns that Kaiser's rule keeps.

    Args:
        x: floating [n, d], finite.

    Returns:
        scores: float64 [n, m], of the components whose variance (with n - 1) is above 1, the largest first.
        shares: [m], the share of the total variance that each explains.

    The sign of a component is arbitrary. Columns that are constant up to rounding are ignored.
    Source: Kaiser (1960), Educ. Psychol. Meas. 20, 141.

    Raises:
        ValueError: every column is constant.
    """
    n = len(x)
    mean = x.mean(0, dtype=np.float64)
    deviation = np.sqrt(sum(((x[rows] - mean) ** 2).sum(0) for rows in _blocks(x)) / n)
    varying = deviation > 16 * np.finfo(x.dtype).eps * np.abs(mean)
    if not varying.any():
        raise InputError("all rows are equal, up to rounding: they have no principal components")
    mean, deviation = mean[varying], deviation[varying]

    def standardised(rows: slice) -> np.ndarray:
        return np.asarray((x[rows][:, varying] - mean) / deviation)

    if len(mean) <= n:
        values, vectors = np.linalg.eigh(sum(block.T @ block for block in map(standardised, _blocks(x))))
        order = [i for i in range(len(values) - 1, -1, -1) if values[i] > n - 1]
        scores = np.concatenate([standardised(rows) @ vectors[:, order] for rows in _blocks(x)])
    else:
        points = standardised(slice(None))
        values, vectors = np.linalg.eigh(points @ points.T)
        order = [i for i in range(len(values) - 1, -1, -1) if values[i] > n - 1]
        scores = vectors[:, order] * np.sqrt(values[order])
    return scores, values[order] / (n * len(mean))


def _blocks(x: np.ndarray) -> list[slice]:
    step = max(1, BLOCK // max(1, x.shape[1]))
    return [slice(start, start + step) for start in range(0, len(x), step)]
