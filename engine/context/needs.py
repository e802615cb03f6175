"""Intermediate results that a metric can require from the context."""

from __future__ import annotations

from typing import Literal

Need = Literal["linear", "rbf", "distance", "neighbours", "dimension", "two_nearest", "ranks"]
