"""MoLFormer, a transformer on SMILES with linear attention, in plain torch.

Its code is stored with the weights on the hub, from which hyle runs no code, and it imports names that transformers has
removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import InputError
from ._layers import layer_number

if TYPE_CHECKING:
    import torch

    from ..base import Sample
    from ..cards import ModelCard

BASE = 10000.0  # base of the wavelengths of the rotary positions


class MoLFormer(OnePassAdapter):
    """Per-token vectors [tokens, d], without padding, start and end tokens.

    Ross et al. (2022), doi 10.1038/s42256-022-00580-7. With q, k and v of a head, q and k rotated by their positions,
    and a matrix W of random directions, stored in the file:

        p = relu(q W), r = relu(k W);  out_i = sum_j (p_i . r_j) v_j / max(sum_j p_i . r_j, eps)

    Layer ``hidden_states.N`` is the output of block N, counted from 1; ``last_hidden_state`` is the last one,
    normalised. ``hidden_states.0`` is the embedding.

    Options:
        max_tokens: maximum input length, including the start and end tokens.

    Files: ``config``, ``weights`` (safetensors) and ``tokenizer`` (tokenizer.json).
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.config = json.loads(files["config"].read_text("utf-8"))
        functions = (self.config["hidden_act"], self.config["feature_map_kernel"])
        if functions != ("gelu", "relu"):
            raise InputError(f"{files['config']} needs the functions {functions}; MoLFormer has gelu and relu")
        prefix = "molformer."
        state = {key.removeprefix(prefix): value for key, value in load_file(files["weights"]).items()}
        self.state = {key: value.float().to(device) for key, value in state.items() if not key.startswith("lm_head.")}
        self.tokenizer = Tokenizer.from_file(str(files["tokenizer"]))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def unsupported(self, sample: Sample) -> str | None:
        """Reject strings that are empty or would have to be truncated."""
        encoded, room = self.tokenizer.encode(sample.view(self.card.view)), self.card.options["max_tokens"]
        if all(encoded.special_tokens_mask):
            return "no tokens except special tokens"
        return f"{len(encoded.ids)} tokens; the model takes at most {room}" if len(encoded.ids) > room else None

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]]:
        """Return the characters of each token."""
        encoded = self.tokenizer.encode(sample.view(self.card.view))
        pairs = zip(encoded.offsets, encoded.special_tokens_mask, strict=True)
        return [span for span, special in pairs if not special]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of the tokens of all samples after each layer."""
        import torch

        rows = [self.tokenizer.encode(sample.view(self.card.view)) for sample in samples]
        ids, mask, content = (
            torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.long) for _ in range(3)
        )
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = torch.tensor(row.ids)
            mask[i, : len(row.ids)] = 1
            content[i, : len(row.ids)] = 1 - torch.tensor(row.special_tokens_mask)
        with torch.no_grad():
            hidden = self._run(ids.to(self.device), mask.to(self.device), layers)
        inside, counts = content.bool().to(self.device), content.sum(1).tolist()
        return [Output(hidden[layer][inside], counts) for layer in layers]

    def _run(self, ids: torch.Tensor, mask: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Map ids and mask [n, tokens] to some layers, each [n, tokens, d]."""
        import torch

        last = "last_hidden_state"
        depth = max(self.config["num_hidden_layers"] if layer == last else layer_number(layer) for layer in layers)
        x = self.state["embeddings.word_embeddings.weight"][ids]
        found = {"hidden_states.0": x}
        for i in range(depth):
            block = f"encoder.layer.{i}"
            x = self._norm(x + self._attention(x, mask, f"{block}.attention"), f"{block}.attention.output.LayerNorm")
            inner = torch.nn.functional.gelu(self._linear(x, f"{block}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{block}.output.dense"), f"{block}.output.LayerNorm")
            found[f"hidden_states.{i + 1}"] = x
        return found | ({last: self._norm(x, "LayerNorm")} if last in layers else {})

    def _attention(self, x: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        heads = self.config["num_attention_heads"]
        query, key, value = (
            self._linear(x, f"{name}.self.{part}").unflatten(2, (heads, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        directions = self.state[f"{name}.self.feature_map.weight"]
        query, key = (torch.relu(_rotate(part) @ directions) for part in (query, key))
        key = key * mask[:, None, :, None]
        norm = (query @ key.sum(2)[..., None]).clamp(min=self.config["linear_attention_eps"])
        mixed = query @ (key.transpose(2, 3) @ value) / norm
        return self._linear(mixed.transpose(1, 2).flatten(2), f"{name}.output.dense")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        return torch.nn.functional.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, self.config["layer_norm_eps"])


def _rotate(x: Any) -> Any:
    """Rotate column pairs (j, j + width / 2) of [n, heads, tokens, width] by the position times their frequency."""
    import torch

    half = x.shape[-1] // 2
    frequency = BASE ** (-torch.arange(half, device=x.device) / half)
    angle = torch.arange(x.shape[2], device=x.device)[:, None] * frequency
    first, second = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
