"""The type of a finding, and helpers that the findings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...comparison import CONTROL, modalities, number
from ..plan import StudyResult, StudyResults

SUPPORTED, PARTLY_SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "holds", "holds in part", "does not hold", "inconclusive"
LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """One claim and its verdict.

    Args:
        claim: the claim, in our words.
        found: the result, in sentences with numbers.
        verdict: ``holds``, ``holds in part``, ``does not hold`` or ``inconclusive``.
        data: the sets, with their numbers of samples and models.
        numbers: every number of the sentences by name.
        of_study: whether the study makes the claim; else it is something a reader of the study must know.
    """

    claim: str
    found: str
    verdict: str
    data: str
    numbers: dict[str, Any] = field(default_factory=dict)
    of_study: bool = True


def verdict(supported: Sequence[bool]) -> str:
    """Return the joint verdict of tests: holds if all support a claim, in part if some do, inconclusive if empty."""
    if not supported:
        return INCONCLUSIVE
    return SUPPORTED if all(supported) else PARTLY_SUPPORTED if any(supported) else NOT_SUPPORTED


def real(panel: StudyResult) -> np.ndarray:
    """Return the rows of the models that are not controls."""
    return np.flatnonzero(np.array(modalities(panel.comparison)) != CONTROL)


def mean_of(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of different models of two groups, bool [m] each; NaN where there is none."""
    pairs = rows[:, None] & columns[None, :] & ~np.eye(len(values), dtype=bool)
    return float(values[pairs].mean()) if pairs.any() else float("nan")


def behind(panels: StudyResults, *names: str) -> str:
    """Return the sets behind a finding, with their numbers of samples and models."""
    present = [(name, panels[name]) for name in names if name in panels]
    return "; ".join(f"{name}: {p.comparison.attrs['n']} samples, {len(real(p))} models" for name, p in present)


def num(value: Any, digits: int = 2) -> str:
    """Return a number as text."""
    return number(float(value), digits)
