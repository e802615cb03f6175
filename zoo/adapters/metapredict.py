"""The bidirectional LSTMs of metapredict, which predict disorder and AlphaFold's confidence from sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ._residues import AMINO_ACIDS, encode, unreadable

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

INDEX = {letter: column for column, letter in enumerate(AMINO_ACIDS)}


class Metapredict(OnePassAdapter):
    """Per-residue vectors [residues, 2 * hidden], both directions concatenated.

    Emenecker et al. (2021), doi 10.1016/j.bpj.2021.08.039. Layers: ``lstm.N``, the states of LSTM N; ``layer_norm``,
    the normalised states of the last one, for networks with a layer norm before the linear readout.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        width = state["lstm.weight_hh_l0"].shape[1]
        depth = sum(key.startswith("lstm.weight_hh") for key in state) // 2
        # One module per layer, because a stacked LSTM does not return the states of its lower layers.
        lstms = [
            nn.LSTM(2 * width if i else len(INDEX), width, batch_first=True, bidirectional=True) for i in range(depth)
        ]
        for i, lstm in enumerate(lstms):
            lstm.load_state_dict({name: state[f"lstm.{name.replace('_l0', f'_l{i}')}"] for name in lstm.state_dict()})
        self.model: Any = nn.ModuleDict({"lstm": nn.ModuleList(lstms)})
        if "layer_norm.weight" in state:
            self.model["layer_norm"] = nn.LayerNorm(2 * width)
            self.model["layer_norm"].load_state_dict(_part(state, "layer_norm."))
        self.model["readout"] = nn.Linear(2 * width, 1)
        self.model["readout"].load_state_dict(_part(state, "fc.") or _part(state, "linear_layers.0."))
        self.model.eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject letters other than the twenty amino acids."""
        return unreadable(sample.view(self.card.view))

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the states of all residues after each layer."""
        import torch
        from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

        numbers, lengths = encode([sample.view(self.card.view) for sample in samples], INDEX)
        one_hot = torch.nn.functional.one_hot(numbers, len(INDEX)).float().to(self.device)
        # Packed, so that the backward direction starts at the last residue and not in the padding.
        x: PackedSequence = pack_padded_sequence(one_hot, lengths, batch_first=True, enforce_sorted=False)
        inside = (torch.arange(numbers.shape[1]) < lengths[:, None]).to(self.device)
        found: dict[str, Any] = {}
        with torch.no_grad():
            for number, lstm in enumerate(self.model["lstm"]):
                x, _ = lstm(x)
                found[f"lstm.{number}"] = pad_packed_sequence(x, batch_first=True)[0][inside]
            for layer in layers:
                if layer not in found:
                    found[layer] = self.model[layer](found[f"lstm.{len(self.model['lstm']) - 1}"])
        return [Output(found[layer], lengths.tolist()) for layer in layers]


def _part(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
