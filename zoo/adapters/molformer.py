"""MoLFormer, a transformer on SMILES with linear attention, in torch alone.

Its own code lies beside the weights on the hub, from where hyle runs none, and imports what transformers has no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from .._errors import InputError

if TYPE_CHECKING:
    import torch

    from .._samples import Sample
    from ..cards import ModelCard

BASE = 10000.0  # of the wavelengths of rotary positions


class MoLFormer(Adapter):
    """Per-token vectors [tokens, d], without padding and the tokens around the SMILES.

    Ross et al. (2022), doi 10.1038/s42256-022-00580-7. With q, k and v of a head, q and k turned by their positions,
    and a matrix W of random directions that stands in the file:

        p = relu(q W), r = relu(k W);  out_i = sum_j (p_i . r_j) v_j / max(sum_j p_i . r_j, eps)

    A layer ``hidden_states.N`` is what block N returns, counted from 1; ``last_hidden_state`` is the last, normalised.
    ``hidden_states.0`` is the embedding.

    Options:
        max_tokens: the longest input, the tokens around the SMILES included.

    Files: ``config``, ``weights`` (safetensors) and ``tokenizer`` (tokenizer.json).
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.config = json.loads(files["config"].read_text("utf-8"))
        known = (self.config["hidden_act"], self.config["feature_map_kernel"])
        if known != ("gelu", "relu"):
            raise InputError(f"{files['config']} asks for the functions {known}; MoLFormer has gelu and relu")
        prefix = "molformer."
        state = {key.removeprefix(prefix): value for key, value in load_file(files["weights"]).items()}
        self.state = {key: value.float().to(device) for key, value in state.items() if not key.startswith("lm_head.")}
        self.tokenizer = Tokenizer.from_file(str(files["tokenizer"]))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse what is empty or would have to be truncated."""
        found, room = self.tokenizer.encode(sample.view(self.card.view)), self.card.options["max_tokens"]
        if all(found.special_tokens_mask):
            return "nothing is left but special tokens"
        return f"{len(found.ids)} tokens; the model takes {room}" if len(found.ids) > room else None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return the vectors of the tokens of each sample."""
        import torch

        rows = [self.tokenizer.encode(sample.view(self.card.view)) for sample in samples]
        ids, mask, kept = (
            torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.long) for _ in range(3)
        )
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = torch.tensor(row.ids)
            mask[i, : len(row.ids)] = 1
            kept[i, : len(row.ids)] = 1 - torch.tensor(row.special_tokens_mask)
        with torch.no_grad():
            hidden = self._run(ids.to(self.device), mask.to(self.device), layer)
        return Output(hidden[kept.bool().to(self.device)], kept.sum(1).tolist())

    def _run(self, ids: torch.Tensor, mask: torch.Tensor, layer: str) -> torch.Tensor:
        """Map ids and mask [n, tokens] to a layer [n, tokens, d]."""
        import torch

        depth = self.config["num_hidden_layers"]
        wanted = depth if layer == "last_hidden_state" else int(layer.rpartition(".")[2])
        x = self.state["embeddings.word_embeddings.weight"][ids]
        for i in range(wanted):
            block = f"encoder.layer.{i}"
            x = self._norm(x + self._attention(x, mask, f"{block}.attention"), f"{block}.attention.output.LayerNorm")
            inner = torch.nn.functional.gelu(self._linear(x, f"{block}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{block}.output.dense"), f"{block}.output.LayerNorm")
        return self._norm(x, "LayerNorm") if layer == "last_hidden_state" else x

    def _attention(self, x: torch.Tensor, mask: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        heads = self.config["num_attention_heads"]
        query, key, value = (
            self._linear(x, f"{name}.self.{one}").unflatten(2, (heads, -1)).transpose(1, 2)
            for one in ("query", "key", "value")
        )
        directions = self.state[f"{name}.self.feature_map.weight"]
        query, key = (torch.relu(_turned(one) @ directions) for one in (query, key))
        key = key * mask[:, None, :, None]
        scale = (query @ key.sum(2)[..., None]).clamp(min=self.config["linear_attention_eps"])
        mixed = query @ (key.transpose(2, 3) @ value) / scale
        return self._linear(mixed.transpose(1, 2).flatten(2), f"{name}.output.dense")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        return torch.nn.functional.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        import torch

        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, self.config["layer_norm_eps"])


def _turned(x: Any) -> Any:
    """Turn each pair of columns (j, j + width / 2) of [n, heads, tokens, width] by the position times its frequency."""
    import torch

    half = x.shape[-1] // 2
    frequency = BASE ** (-torch.arange(half, device=x.device) / half)
    angle = torch.arange(x.shape[2], device=x.device)[:, None] * frequency
    first, second = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
