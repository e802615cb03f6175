"""What a finding is, and what the findings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...comparison import CONTROL, modalities, number
from ..plan import StudyResult, StudyResults

SUPPORTED, PARTLY_SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "holds", "holds in part", "does not hold", "cannot be told"
LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """One claim and what became of it.

    Args:
        claim: in our words.
        found: sentences of numbers.
        verdict: ``holds``, ``holds in part``, ``does not hold`` or ``cannot be told``.
        data: the sets, samples and models behind it.
        numbers: every number of the sentences by name.
        of_study: whether the study claims it; else it is what a reader of the study must know.
    """

    claim: str
    found: str
    verdict: str
    data: str
    numbers: dict[str, Any] = field(default_factory=dict)
    of_study: bool = True


def verdict(held: Sequence[bool]) -> str:
    """Return what several tests say together: holds where all do, in part where some do, open where there are none."""
    if not held:
        return INCONCLUSIVE
    return SUPPORTED if all(held) else PARTLY_SUPPORTED if any(held) else NOT_SUPPORTED


def real(panel: StudyResult) -> np.ndarray:
    """Return the rows of models that are no controls."""
    return np.flatnonzero(np.array(modalities(panel.comparison)) != CONTROL)


def mean_of(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of different models of two groups, bool [m] each; NaN where there is none."""
    apart = rows[:, None] & columns[None, :] & ~np.eye(len(values), dtype=bool)
    return float(values[apart].mean()) if apart.any() else float("nan")


def behind(panels: StudyResults, *names: str) -> str:
    """Say what data a finding rests on."""
    there = [(name, panels[name]) for name in names if name in panels]
    return "; ".join(f"{name}: {p.comparison.attrs['n']} samples, {len(real(p))} models" for name, p in there)


def num(value: Any, digits: int = 2) -> str:
    """Return a number as text."""
    return number(float(value), digits)
