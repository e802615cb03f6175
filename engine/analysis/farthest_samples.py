"""Choose samples that are different from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import InputError
from .families import family_codes


def farthest_samples(
    representations: Sequence[Any], count: int, /, *, candidates: Any = None, families: Sequence[str] | None = None
) -> np.ndarray:
    """Choose samples one by one, each as far as possible from those chosen before, in the joint space of all models.

    The squared distance of two samples in the joint space is the mean over families of that in each model, divided by
    the mean squared distance of the samples from their mean, so that no model counts more by its scale or its width.

    Args:
        representations: m matrices [n, d_m] of the same samples.
        count: number of samples to choose, at least 1.
        candidates: int [c], the rows to choose from, the first of which is chosen first; default all rows.
        families: [m] names, as in `sample_agreement`.

    Returns:
        Rows in the order in which they were chosen, int [count]; fewer where the candidates have fewer distinct rows.

    Cost O(count c d), with d the number of all columns. The smallest distance between the chosen samples is at least
    half of the largest that ``count`` candidates can have.
    Source: Gonzalez (1985), Theoretical Computer Science 38, 293.

    Raises:
        ValueError: count is below 1, or there are no candidates.

    Example:
        >>> farthest_samples([np.array([[0.0], [1.0], [10.0], [6.0]])], 3).tolist()
        [0, 2, 3]
    """
    rows = np.arange(len(representations[0])) if candidates is None else np.asarray(candidates, np.int64)
    if count < 1 or not len(rows):
        raise InputError(f"cannot choose {count} of {len(rows)} samples: both numbers must be at least 1")
    codes = family_codes(families, len(representations))
    weights = 1 / np.bincount(codes)[codes]
    spaces = []
    for x, weight in zip(representations, weights, strict=True):
        matrix = np.asarray(x, np.float64)
        matrix = matrix - matrix.mean(0)
        spread = np.square(matrix).sum(1).mean()
        spaces.append(matrix[rows] * np.sqrt(weight / spread if spread > 0 else 0))
    joint = np.concatenate(spaces, 1)
    chosen, nearest = [0], np.square(joint - joint[0]).sum(1)
    tolerance = 1e-12 * max(1.0, float(nearest.max()))
    while len(chosen) < min(count, len(rows)):
        at = int(nearest.argmax())
        if nearest[at] <= tolerance:
            break
        chosen.append(at)
        nearest = np.minimum(nearest, np.square(joint - joint[at]).sum(1))
    return np.asarray(rows[chosen])
