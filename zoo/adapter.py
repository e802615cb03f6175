"""The adapter interface: the one class to write for a new model, which turns batches of samples into features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Sample
    from .cards import ModelCard


@dataclass(frozen=True)
class Output:
    """The result of an adapter for one batch of n samples.

    Args:
        features: floating tensor or array, [sum(counts), d] over atoms / tokens / residues with padding and special
            tokens already removed, or [n, d] where the model itself returns one vector per sample. A new buffer that
            is not written to again, because it may be shared with the engine without a copy.
        counts: n node counts in sample order, or None where features have one row per sample.
        energies: n total energies in eV, or None.
    """

    features: Any
    counts: Sequence[int] | None = None
    energies: Sequence[float] | None = None


class Adapter(ABC):
    """Base class of adapters, which load published weights with the library of the model and run batches.

    A subclass sets up the model in ``__init__`` (evaluation mode, no gradients) and implements ``forward``.

    Args:
        card: the card of the model, including its options.
        files: the verified weights files of the card, by the names that the card gives them.
        device: the torch device to run on.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        self.card, self.files, self.device = card, files, device

    def unsupported(self, sample: Sample) -> str | None:
        """Return why this sample cannot be embedded, or None if it can."""
        return None

    @classmethod
    def places_nodes(cls, card: ModelCard, per: str) -> bool:
        """Return whether rows can be those of single atoms or residues, as far as the card tells without the model.

        By default a model of strings has to say what its rows stand for, by `node_numbers` or `token_spans`.

        Args:
            card: the card of the model.
            per: ``atom`` or ``residue``.
        """
        says = cls.node_numbers is not Adapter.node_numbers or cls.token_spans is not Adapter.token_spans
        return says or card.view not in ("smiles", "selfies")

    def node_numbers(self, sample: Sample) -> Sequence[int] | None:
        """Return which atom or residue each row of a supported sample stands for, where ``forward`` returns counts.

        By default rows are those of the atoms, or of the residues, of the view in their order.

        Returns:
            Numbers from 0: of the atoms of the structure, or of those that RDKit reads from the SMILES string, or of
            the residues of the view; -1 for a row of something else, such as a hydrogen that is not in the string. None
            if rows stand for something else, or for tokens of a string.
        """
        view = self.card.view
        if view == "protein_atoms":
            first, end = sample.view(view).segment
            return range(end - first)
        return range(len(sample.view(view))) if view in ("atoms", "sequence", "backbone") else None

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]] | None:
        """Return the first and last + 1 character of the view that each row of a supported sample stands for.

        Returns:
            None if rows are not those of tokens of the view, or if it is not known.
        """
        return None

    @abstractmethod
    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the features of one of the layers of the card for a batch of supported samples."""


class OnePassAdapter(Adapter):
    """Base class of adapters that take all layers from one pass of the model.

    A subclass implements ``forward_layers`` instead of ``forward``. Where a subclass has its own ``forward``, that is
    called once for each layer.
    """

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the features of one layer; see `forward_layers`."""
        return self.forward_layers(samples, [layer])[0]

    @abstractmethod
    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> Sequence[Output]:
        """Return the features of some of the layers of the card for a batch of supported samples, in their order.

        The features of a layer do not depend on which others are asked for.
        """
