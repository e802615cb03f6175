"""What a stage receives and what it reports."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Job:
    """What a stage receives.

    Args:
        quick: whether to use the small sizes, for a trial on a CPU.
        deadline: when the stage is stopped, in seconds since the epoch.
        earlier: the rows of the stages before, by stage.
    """

    quick: bool
    deadline: float
    earlier: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds until the stage is stopped."""
        return self.deadline - time.time()

    def find(self, stage: str, what: str) -> dict[str, Any] | None:
        """Return a row of an earlier stage, or None if it is not there or was skipped."""
        rows = [row for row in self.earlier.get(stage, ()) if row["what"] == what and not row["skipped"]]
        return rows[-1] if rows else None


@dataclass(frozen=True)
class Row:
    """One figure.

    Args:
        what: what was measured.
        figure: a number, or the text that the table shows.
        unit: ``s``, ``bytes``, ``FLOP/s``, ``B/s``, ``samples/s``, ``share``, ``difference`` or none.
        ratio: the figure divided by that of something else.
        to: what the ratio relates to.
        bound: the value that the figure cannot fall below (``least``), or should not exceed (``most``).
        side: which of the two the bound is.
        skipped: why there is no figure.
        facts: further entries of the results file.
    """

    what: str
    figure: float | str | None = None
    unit: str = ""
    ratio: float | None = None
    to: str = ""
    bound: float | None = None
    side: Literal["least", "most"] = "least"
    skipped: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
