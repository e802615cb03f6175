"""The state of a model: whether it can run here."""

from __future__ import annotations

from typing import Literal

from ..cards import ModelCard, Weights
from ..environments import Environment
from ..weights import cached_files, cached_urls

State = Literal["runs", "needs-environment", "needs-weights", "no-loader"]


def state_of(card: ModelCard) -> State:
    """Return whether a model can run here, or the first thing that it needs."""
    if card.reason:
        return "no-loader"
    if card.missing() and not Environment.of(card).complete:
        return "needs-environment"
    return "runs" if card.weights is None or not card.weights.remote or _cached(card.weights) else "needs-weights"


def _cached(weights: Weights) -> bool:
    return (cached_files if weights.hub else cached_urls)(weights) is not None
