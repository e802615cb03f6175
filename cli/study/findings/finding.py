"""The type of a finding, and helpers that the findings share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...analyses import is_number
from ...comparison import number
from ..plan import StudyResult, StudyResults
from ..statistics import families, real
from ..verdict import Estimate


@dataclass(frozen=True)
class Finding:
    """What is found on one claim.

    Args:
        name: of the claim in the registered rules.
        estimates: name of each of its tests -> the estimate of its statistic.
        found: the result, in sentences with numbers.
        data: the sets, with their numbers of samples, models and families.
        numbers: further numbers of the sentences by name.
    """

    name: str
    estimates: Mapping[str, Estimate]
    found: str
    data: str
    numbers: dict[str, Any] = field(default_factory=dict)


def mean_of(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of different models of two groups, bool [m] each; NaN where there is none."""
    pairs = rows[:, None] & columns[None, :] & ~np.eye(len(values), dtype=bool)
    return float(values[pairs].mean()) if pairs.any() else float("nan")


def behind(panels: StudyResults, *names: str) -> str:
    """Return the sets behind a finding, with their numbers of samples, models and families."""
    present = [(name, panels[name]) for name in names if name in panels]
    return "; ".join(f"{name}: {_counts(panel)}" for name, panel in present)


def _counts(panel: StudyResult) -> str:
    rows = real(panel.comparison)
    owners = families(panel.comparison)
    return f"{panel.comparison.attrs['n']} samples, {len(rows)} models of {len({owners[i] for i in rows})} families"


def shown(estimate: Estimate, digits: int = 2, *, units: str = "families") -> str:
    """Return "0.35 (95 % 0.20 to 0.50, p = 0.002, 8 families)"."""
    facts = []
    if is_number(estimate.low):
        facts.append(f"95 % {num(estimate.low, digits)} to {num(estimate.high, digits)}")
    if is_number(estimate.p):
        facts.append(f"p = {estimate.p:.2g}")
    if not facts:
        facts.append("no interval")
    return f"{num(estimate.value, digits)} ({', '.join(facts)}, {estimate.units} {units})"


def num(value: Any, digits: int = 2) -> str:
    """Return a number as text."""
    return number(float(value), digits)
