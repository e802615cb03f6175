"""Stages of a comparison, by the names that a progress bar shows."""

from __future__ import annotations

from collections.abc import Callable

# What is told how much is done: (done, in all).
Progress = Callable[[int, int], None] | None


# Stages of the work, by the names that a progress bar shows.
MEDIANS, PASS = "median distances", "all pairs of samples"


# Those of a metric by itself: its values, and its values under permutations.
VALUES, NULL = "values", "permutations"
