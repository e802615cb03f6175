"""Stages of a comparison, by the names that a progress bar shows."""

from __future__ import annotations

from collections.abc import Callable

# Progress callback, called with (done, total).
Progress = Callable[[int, int], None] | None


# Stages shared by several metrics.
MEDIANS, PASS = "median distances", "all pairs of samples"


# Stages of a single metric: its values, and its values under permutations.
VALUES, NULL = "values", "permutations"
