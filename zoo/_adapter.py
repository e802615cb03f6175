"""What turns a batch of samples into features: the one class to write for a new model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._samples import Sample
    from .cards import ModelCard


@dataclass(frozen=True)
class Output:
    """What an adapter hands back for one batch of n samples.

    Args:
        features: floating tensor or array, [sum(counts), d] over atoms / tokens / residues with padding and special
            tokens already left out, or [n, d] where the model itself gives one vector a sample. A fresh
            buffer: it may be shared with the engine without a copy, so it is never written again.
        counts: n node counts in sample order, or None where features are one row a sample.
        energies: n total energies in eV, or None.
    """

    features: Any
    counts: Sequence[int] | None = None
    energies: Sequence[float] | None = None


class Adapter(ABC):
    """Load published weights with the library's own loader, then run batches.

    A subclass sets up the model in ``__init__`` (evaluation mode, no gradients) and answers ``forward``.

    Args:
        card: the facts of the model, its options among them.
        files: the verified weights files of the card, by the name that the card gives them.
        device: where to run, as torch names devices.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        self.card, self.files, self.device = card, files, device

    def unsupported(self, sample: Sample) -> str | None:
        """Say why this sample cannot be embedded, or None where it can."""
        return None

    @abstractmethod
    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the features of one of the card's layers for a batch of supported samples."""
