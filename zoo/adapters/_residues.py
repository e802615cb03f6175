"""Amino acids as letters and as numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def unreadable(sequence: str, known: Collection[str] = AMINO_ACIDS) -> str | None:
    """Say which letters a model does not know, or that there are none at all; None where it can read the sequence."""
    if not sequence:
        return "no residues"
    unknown = sorted(set(sequence) - set(known))
    return f"the model does not know the residue {', '.join(unknown)}" if unknown else None


def encode(sequences: Sequence[str], index: Mapping[str, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the residues' numbers [n, longest], 0 beyond the end, and the lengths [n], both int64."""
    import torch

    lengths = torch.tensor([len(sequence) for sequence in sequences])
    numbers = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in zip(numbers, sequences, strict=True):
        row[: len(sequence)] = torch.tensor([index[letter] for letter in sequence])
    return numbers, lengths
