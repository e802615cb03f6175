"""Ranks of rows by their distance from sums of other rows, and means of these over quadruples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from ..base import InputError
from ..comparison import draw_jackknife_groups, jackknife_interval

Similarity = Literal["cosine", "euclidean"]
# Quadruples times rows that are ranked at once, and the jackknife groups of units for intervals.
ENTRIES, INTERVAL_GROUPS = 1 << 20, 20
# Scores that differ by less, relative to the largest, are equal.
TIED = 1e-11


class OffsetRanks:
    """Quadruples of rows, whose last is ranked among all rows but the first three.

    Args:
        x: [n, d].
        quadruples: int [q, 4].
        similarity: ``cosine`` or ``euclidean``.
    """

    def __init__(self, x: Any, quadruples: Any, similarity: Similarity) -> None:
        if similarity not in get_args(Similarity):
            raise InputError(f"unknown similarity {similarity!r}: use {' or '.join(get_args(Similarity))}")
        rows, four = np.asarray(x, np.float64), np.asarray(quadruples)
        if rows.ndim != 2 or len(rows) < 6:
            raise InputError(f"rows [n, d] with n of at least 6 are needed; got shape {rows.shape}")
        if not np.isfinite(rows).all():
            first = int(np.isfinite(rows).all(1).argmin())
            raise InputError(f"row {first} contains NaN or infinite numbers: remove it")
        if four.ndim != 2 or four.shape[1] != 4 or len(four) == 0 or four.dtype.kind not in "iu":
            raise InputError(f"quadruples are integers [q, 4], q at least 1; got shape {four.shape}, {four.dtype}")
        if four.min() < 0 or four.max() >= len(rows):
            raise InputError(f"quadruples are row numbers from 0 to {len(rows) - 1}; got {four.min()} to {four.max()}")
        if (np.diff(np.sort(four, 1), axis=1) == 0).any():
            raise InputError("the four rows of a quadruple must differ")
        rows = rows - rows.mean(0)
        self.four, self.similarity, self.n = four, similarity, len(rows)
        self.gram = rows @ rows.T
        square = np.einsum("ij,ij->i", rows, rows)
        self.square = square
        self.inverse = 1 / np.sqrt(np.where(square > 0, square, np.inf))

    def nearer(
        self, weights: Sequence[float] = (1.0, -1.0, 1.0), order: np.ndarray | None = None, strata: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Count the candidates that are nearer than D; half for those that are as near.

        Args:
            weights: of A, B and C in the sum whose distance counts.
            order: [n], the row that takes the place of each row; as they are by default.
            strata: int [n], only rows of D's own stratum count.

        Returns:
            nearer: [q].
            others: [q], the number of candidates besides D.
        """
        four = self.four if order is None else order[self.four]
        nearer, others = np.empty(len(four)), np.empty(len(four))
        step = max(1, ENTRIES // self.n)
        for start in range(0, len(four), step):
            part = four[start : start + step]
            number = np.arange(len(part))[:, None]
            score = sum(weight * self.gram[part[:, i]] for i, weight in enumerate(weights) if weight)
            score = score * self.inverse if self.similarity == "cosine" else 2 * score - self.square
            own = score[number, part[:, 3:]]
            counted = np.ones(score.shape, bool) if strata is None else strata == strata[part[:, 3:]]
            counted[number, part] = False
            # Equal rows have equal scores but for the rounding of a product.
            ahead, near = score - own, TIED * np.abs(score).max(1, keepdims=True)
            tied = 0.5 * ((np.abs(ahead) <= near) & counted).sum(1)
            nearer[start : start + step] = ((ahead > near) & counted).sum(1) + tied
            others[start : start + step] = counted.sum(1)
        return nearer, others

    def share(self, weights: Sequence[float] = (1.0, -1.0, 1.0), order: np.ndarray | None = None) -> np.ndarray:
        """Return the share [q] of the other candidates that are nearer than D."""
        nearer, others = self.nearer(weights, order)
        return nearer / others


def over_units(values: np.ndarray, units: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average values [q, c] over quadruples, with 95 % intervals by a jackknife that leaves out whole units.

    Args:
        values: of each quadruple.
        units: [q, 4], labels of the units of its rows: a quadruple is left out with any of them.
        seed: of the jackknife groups.

    Returns:
        Means, lower and upper ends, [c] each; the ends are NaN where some group of units is in all quadruples.

    Raises:
        ValueError: fewer than 5 units.
    """
    drawn, codes = np.unique(units, return_inverse=True)
    codes = codes.reshape(units.shape)
    if len(drawn) < 5:
        raise InputError(f"the quadruples have {len(drawn)} units, and at least 5 are needed for an interval")
    count = min(INTERVAL_GROUPS, len(drawn))
    parts = draw_jackknife_groups(len(drawn), count, groups=range(len(drawn)), seed=seed)
    without = np.full((len(parts), values.shape[1]), np.nan)
    for i, part in enumerate(parts):
        kept = ~np.isin(codes, part).any(1)
        if kept.any():
            without[i] = values[kept].mean(0)
    mean = values.mean(0)
    _, low, high = jackknife_interval(mean, without, sizes=[len(part) for part in parts])
    return mean, low, high


def permuted_within(strata: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw an order of the rows in which each place is taken by a row of the same stratum."""
    order = np.empty(len(strata), int)
    order[np.argsort(strata, kind="stable")] = np.lexsort((generator.random(len(strata)), strata))
    return order
