"""The type of a finding, and helpers that the findings share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...comparison import CONTROL, modalities, number, per_model
from ..plan import StudyResult, StudyResults

SUPPORTED, PARTLY_SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "holds", "holds in part", "does not hold", "inconclusive"
LEVEL = 0.05
# A rank correlation that would matter: while the interval includes it, a few families do not refute a claim.
WORTH = 0.5


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


def verdict(supported: Sequence[bool | None]) -> str:
    """Return the joint verdict of tests: holds if all support a claim, in part if some do, else it does not hold.

    Args:
        supported: of each test; None for one that is inconclusive, such as one over fewer than six families.

    Inconclusive if no test supports the claim and one is inconclusive, or if there are none.
    """
    if not supported or (None in supported and not any(supported)):
        return INCONCLUSIVE
    return SUPPORTED if all(supported) else PARTLY_SUPPORTED if any(supported) else NOT_SUPPORTED


def supports(p: float, effect: bool, *, refuted: bool = True) -> bool | None:
    """Return whether a test over families supports a claim: p at most 0.05 and the effect as claimed.

    Args:
        p: of the test; NaN where it is inconclusive.
        effect: whether the effect is as claimed.
        refuted: whether the interval excludes an effect that would matter, where that is defined.

    Returns:
        None where there is no p, or where a test that is not significant does not refute the claim.
    """
    if math.isnan(p):
        return None
    return True if p <= LEVEL and effect else False if p <= LEVEL or refuted else None


def real(panel: StudyResult) -> np.ndarray:
    """Return the rows of the models that are not controls."""
    return np.flatnonzero(np.array(modalities(panel.comparison)) != CONTROL)


def mean_of(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of different models of two groups, bool [m] each; NaN where there is none."""
    pairs = rows[:, None] & columns[None, :] & ~np.eye(len(values), dtype=bool)
    return float(values[pairs].mean()) if pairs.any() else float("nan")


def families(panel: StudyResult) -> list[str]:
    """Return the family of each model of the Comparison, empty where it is unknown."""
    return [str(value or "") for value in per_model(panel.comparison, "family")]


def behind(panels: StudyResults, *names: str) -> str:
    """Return the sets behind a finding, with their numbers of samples and models."""
    present = [(name, panels[name]) for name in names if name in panels]
    return "; ".join(f"{name}: {p.comparison.attrs['n']} samples, {len(real(p))} models" for name, p in present)


def num(value: Any, digits: int = 2) -> str:
    """Return a number as text."""
    return number(float(value), digits)
