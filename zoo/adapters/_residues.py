"""Checks and encoding of amino-acid sequences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def unreadable(sequence: str, known: Collection[str] = AMINO_ACIDS) -> str | None:
    """Return why a model does not support a sequence: unknown letters or an empty string; return None if it does."""
    if not sequence:
        return "no residues"
    unknown = sorted(set(sequence) - set(known))
    return f"the model does not know the residue {', '.join(unknown)}" if unknown else None


def encode(sequences: Sequence[str], index: Mapping[str, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return residue indices [n, longest], padded with 0, and the lengths [n], both int64."""
    import torch

    lengths = torch.tensor([len(sequence) for sequence in sequences])
    numbers = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in zip(numbers, sequences, strict=True):
        row[: len(sequence)] = torch.tensor([index[letter] for letter in sequence])
    return numbers, lengths
