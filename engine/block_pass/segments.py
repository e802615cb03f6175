"""Rows that a pass has finished, saved in segments, with which an interrupted pass begins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ..base import Checkpoint

# Seconds after which a pass saves what it has found.
SECONDS = 5.0


class Found(Protocol):
    """What a pass has found so far; see `hyle.engine.block_pass.collected.Collected`."""

    def counts(self) -> Any:
        """Return how many sums were added so far."""

    def part(self, start: int, end: int, counts: Any, /) -> Mapping[str, np.ndarray]:
        """Return what was added for these rows, and the sums since there were as many as ``counts``."""

    def add_part(self, start: int, part: Mapping[str, np.ndarray], /) -> None:
        """Add what `part` returned for the rows from ``start`` on."""

    def state(self) -> Mapping[str, np.ndarray]:
        """Return sums over all rows so far, of which only the last are needed; empty if there are none."""

    def set_state(self, state: Mapping[str, np.ndarray], /) -> None:
        """Continue with what `state` returned."""


class Segments:
    """Saves what a pass has found every few seconds, and begins with what an interrupted one has saved.

    Args:
        found: to which saved results are added.
        checkpoint: of this pass; None to save nothing.
    """

    def __init__(self, found: Found, checkpoint: Checkpoint | None) -> None:
        self._found, self._checkpoint, self.rows = found, checkpoint, 0
        parts = []
        while checkpoint and (part := checkpoint.load(f"rows {self.rows}")):
            parts.append((self.rows, part))
            self.rows = int(part["end"][0])
        if checkpoint and parts and found.state():
            state = checkpoint.load(f"sums to {self.rows}")
            if state is None:  # without it the segments are of no use, and would stand in the way of others
                for start, _ in reversed(parts):
                    checkpoint.drop(f"rows {start}")
                parts, self.rows = [], 0
            else:
                found.set_state(state)
        for start, part in parts:
            found.add_part(start, part)
        self._sums, self._time = found.counts(), time.monotonic()

    def done(self, end: int, *, last: bool = False) -> None:
        """Save the rows up to ``end``, if it is time, or if they are the last ones of a pass that others follow."""
        if self._checkpoint is None or (time.monotonic() - self._time < SECONDS and not last):
            return
        part, state = self._found.part(self.rows, end, self._sums), self._found.state()
        if state:
            self._checkpoint.save(f"sums to {end}", state)
        self._checkpoint.save(f"rows {self.rows}", {**part, "end": np.array([end])})
        self._checkpoint.drop(f"sums to {self.rows}")
        self.rows = end
        self._sums, self._time = self._found.counts(), time.monotonic()
