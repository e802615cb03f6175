"""ANNalog, the encoder of a transformer that proposes analogues of a molecule, in plain torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..weights import plain_data
from ._layers import layer_number

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

TOKEN = re.compile(r"\[[^\]]*\]|%\d{2}|Br|Cl|(?s:.)")
HEADS = 8


class ANNalog(OnePassAdapter):
    """Per-token vectors [tokens, 256] of a SMILES string, without the start and end tokens.

    Vaswani et al. (2017), arXiv 1706.03762, with learned positions and post-layer normalisation. Layer ``layers.N`` is
    the output of block N, counted from 0.

    Attributes:
        unknown_tokens: number of tokens outside the vocabulary so far; they are embedded as ``<unk>``.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from torch import nn

        state = torch.load(files["weights"], map_location="cpu", weights_only=True)
        state = {key.removeprefix("encoder."): value for key, value in state.items() if key.startswith("encoder.")}
        words, places = state["tok_embedding.weight"], state["pos_embedding.weight"]
        depth = len({key.split(".")[1] for key in state if key.startswith("layers.")})
        self.model = nn.ModuleDict(
            {
                "tok_embedding": nn.Embedding(*words.shape),
                "pos_embedding": nn.Embedding(*places.shape),
                "layers": nn.ModuleList(_block(state, f"layers.{i}.") for i in range(depth)),
            }
        )
        self.model["tok_embedding"].load_state_dict({"weight": words})
        self.model["pos_embedding"].load_state_dict({"weight": places})
        # In float64: for some molecules the blocks amplify rounding errors of float32 a thousandfold.
        self.model.double().eval().requires_grad_(False).to(device)
        self.vocabulary: Mapping[str, int] = plain_data(files["vocabulary"])["stoi"]
        self.room = len(places) - 2
        self.unknown_tokens = 0

    def unsupported(self, sample: Sample) -> str | None:
        """Reject empty strings, and strings that would have to be truncated."""
        n = len(TOKEN.findall(sample.view(self.card.view)))
        if n == 0:
            return "empty string"
        return f"{n} tokens; the model takes at most {self.room}" if n > self.room else None

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]]:
        """Return the characters of each token."""
        return [match.span() for match in TOKEN.finditer(sample.view(self.card.view))]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the outputs of some blocks for the tokens of each sample."""
        import torch

        index = self.vocabulary
        rows = [
            [index.get(token, index["<unk>"]) for token in TOKEN.findall(sample.view(self.card.view))]
            for sample in samples
        ]
        self.unknown_tokens += sum(row.count(index["<unk>"]) for row in rows)
        counts = [len(row) for row in rows]
        ids = torch.full((len(rows), max(counts) + 2), index["<pad>"])
        for i, row in enumerate(rows):
            ids[i, : len(row) + 2] = torch.tensor([index["<sos>"], *row, index["<eos>"]])
        ids = ids.to(self.device)
        position = torch.arange(ids.shape[1], device=self.device)
        length = torch.tensor(counts, device=self.device)[:, None]
        with torch.no_grad():
            states = self._run(ids, position, position >= length + 2, max(map(layer_number, layers)))
        inside = (position >= 1) & (position <= length)
        return [Output(states[layer_number(layer)][inside].float(), counts) for layer in layers]

    def _run(self, ids: torch.Tensor, position: torch.Tensor, padding: torch.Tensor, last: int) -> list[torch.Tensor]:
        """Return the outputs of all blocks up to the last."""
        model: Any = self.model
        x = model.tok_embedding(ids) * model.tok_embedding.embedding_dim**0.5 + model.pos_embedding(position)
        states = []
        for block in model.layers[: last + 1]:
            x = block(x, src_key_padding_mask=padding)
            states.append(x)
        return states


def _block(state: Mapping[str, torch.Tensor], prefix: str) -> torch.nn.TransformerEncoderLayer:
    import torch
    from torch import nn

    def read(name: str, *others: str) -> torch.Tensor:
        return torch.cat([state[prefix + key] for key in (name, *others)])

    inner, width = state[f"{prefix}positionwise_feedforward.fc_1.weight"].shape
    block = nn.TransformerEncoderLayer(width, HEADS, inner, dropout=0.0, batch_first=True)
    attention, dense = "self_attention.fc_", "positionwise_feedforward.fc_"
    names = {"norm1": "self_attn_layer_norm", "norm2": "ff_layer_norm", "linear1": f"{dense}1", "linear2": f"{dense}2"}
    names["self_attn.out_proj"] = f"{attention}o"
    params = {f"{key}.{kind}": read(f"{name}.{kind}") for key, name in names.items() for kind in ("weight", "bias")}
    for kind in ("weight", "bias"):
        params[f"self_attn.in_proj_{kind}"] = read(*(f"{attention}{letter}.{kind}" for letter in "qkv"))
    block.load_state_dict(params)
    return block
