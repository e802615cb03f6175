"""The columns of a table of pairs: which scores, with how many digits, and where their chance level is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .numbers import estimate, number
from .scores import PairScores

Pair = tuple[int, int]
# Both directions of a metric are shown as one column if they differ by less, everywhere.
SAME = 1e-3
# Scores whose standard error is smaller have a third digit.
PRECISE = 0.01


@dataclass(frozen=True)
class Column:
    """The scores of a metric, or of one of its directions.

    Args:
        score: the metric.
        arrow: of the direction; empty if there is one column for both.
        digits: number of decimals.
        level: the chance level, if it is the same for all pairs to this precision; NaN otherwise.
    """

    score: PairScores
    arrow: str
    digits: int
    level: float

    @property
    def name(self) -> str:
        """The metric and the direction."""
        return f"{self.score.name} {self.arrow}".rstrip()

    @property
    def heading(self) -> str:
        """The name, and the chance level or, in brackets, that it follows each score."""
        if np.isfinite(self.level):
            return f"{self.name} (chance {number(self.level, self.digits)})"
        return f"{self.name} (chance)" if np.isfinite(self.score.level) else self.name

    def cell(self, pair: Pair) -> str:
        """Format the score of a pair: standard error, chance level, raw score, and a mark if not above chance."""
        score, pair = self.score, pair[::-1] if self.arrow == "←" else pair
        shown = estimate(score.values[pair], score.se[pair], self.digits)
        if np.isfinite(score.chance[pair]) and not np.isfinite(self.level):
            shown += f" ({number(score.chance[pair], self.digits)})"
        if np.isfinite(score.raw[pair]):
            shown += f" [{number(score.raw[pair], self.digits)}]"
        return f"{shown} {score.mark(pair)}".rstrip()


def score_columns(scores: Sequence[PairScores]) -> list[Column]:
    """Return the columns of a table of pairs: two for a directed metric whose directions differ."""
    columns = []
    for score in scores:
        digits = digits_of(score)
        level = score.level if score.chance_range <= 0.5 * 10**-digits else float("nan")
        arrows = ("→", "←") if has_directions(score) else ("",)
        columns += [Column(score, arrow, digits, level) for arrow in arrows]
    return columns


def has_directions(score: PairScores) -> bool:
    """Return whether the two directions of a metric differ, in a score or in its mark."""
    if not score.directed:
        return False
    pairs = [(i, j) for i, j in score.pairs() if i < j]
    marks = any(score.mark((i, j)) != score.mark((j, i)) for i, j in pairs)
    return marks or bool(np.nanmax(np.abs(score.values - score.values.T), initial=0) >= SAME)


def digits_of(score: PairScores) -> int:
    """Return 3 decimals for scores with a standard error below `PRECISE`, else 2.

    Without standard errors they are taken as those of correlations r of n independent samples, (1 - r^2) / sqrt(n),
    where r is the score on a scale from 0 at chance to 1 at the best score.
    """
    errors = score.se
    if not np.isfinite(errors).any():
        errors = (1 - np.clip(score.strength, 0, 1) ** 2) / (score.n or 1) ** 0.5
    errors = errors[~np.eye(len(errors), dtype=bool) & np.isfinite(errors)]
    return 3 if errors.size and float(np.median(errors)) < PRECISE else 2


def pairs_in_order(scores: Sequence[PairScores], m: int) -> list[Pair]:
    """Return the pairs of m models, the most aligned by the first metric first; undefined scores last."""
    pairs = [(i, j) for i in range(m) for j in range(i + 1, m)]
    if not scores:
        return pairs
    first = scores[0].mutual * (-1 if scores[0].higher_is_better else 1)
    return sorted(pairs, key=lambda pair: (np.isnan(first[pair]), first[pair]))
