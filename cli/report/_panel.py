"""The models, the controls, and the main score of a Comparison, and the words for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..comparison import CONTROL, PairScores, modalities, model_names

if TYPE_CHECKING:
    import xarray as xr

Pair = tuple[int, int]
# Controls whose names say little, and which are plural.
WORDS = {"composition": "element counts", "morgan": "Morgan fingerprints", "random": "random numbers"}


class Panel:
    """The models, the controls, and the main score of a Comparison."""

    def __init__(self, comparison: xr.Dataset, score: PairScores) -> None:
        self.comparison, self.score = comparison, score
        self.names, self.kinds = model_names(comparison), modalities(comparison)
        self._directed = score.strength
        self.strength = (self._directed + self._directed.T) / 2
        self.real = [p for p in score.pairs() if CONTROL not in (self.kinds[p[0]], self.kinds[p[1]])]
        self.across = [p for p in self.real if self.kinds[p[0]] != self.kinds[p[1]]]
        mixed = [p for p in score.pairs() if (self.kinds[p[0]] == CONTROL) != (self.kinds[p[1]] == CONTROL)]
        self.best = self._strongest(self.across or self.real)
        self.control = self._strongest(mixed)

    def _strongest(self, pairs: Sequence[Pair]) -> Pair | None:
        defined = [pair for pair in pairs if np.isfinite(self.score.values[pair])]
        return max(defined, key=lambda pair: self._directed[pair], default=None)


def plain_label(score: PairScores) -> str:
    """Return the name of a metric without its variant: "linear CKA" for "linear CKA, debiased"."""
    return score.label.partition(",")[0]


def control_name(name: str) -> str:
    return f"{WORDS[name]} ({name})" if name in WORDS else f"the control {name}"


def capital(line: str) -> str:
    """Return a line with a capital first letter."""
    return line[:1].upper() + line[1:]
