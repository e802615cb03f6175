"""Protein language models of the transformers library: ESM2, ESM-C, ProstT5, SaProt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._adapter import Adapter, Output
from ._residues import encode, unreadable
from ._transformers import from_pretrained

if TYPE_CHECKING:
    from .._cards import ModelCard
    from .._samples import Sample

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXYZ"  # J is no amino acid


class HFProtein(Adapter):
    """Per-residue hidden states [residues, d] of an encoder, without padding and the tokens around the residues.

    A layer ``hidden_states.N`` is what block N returns, counted from 1; the last is normalised as the model does.
    ``hidden_states.0`` is the embedding.

    Options:
        model_class: name of the class in transformers.
        load: further arguments of its ``from_pretrained``.
        token: how the token of a residue is written, with ``{}`` for its letter.
        begin: token before the residues.
        end: token after the residues.
        replace: letter -> the one that the model reads in its place.
        residues: how many a sequence may have.

    Files: ``config`` in a folder with the weights and the tokenizer.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from transformers import AutoTokenizer

        options, folder = card.options, files["config"].parent
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        known = tokenizer.get_vocab()
        self.begin, self.end = known[options["begin"]], known[options["end"]]
        self.pad = int(tokenizer.pad_token_id)
        replace = options.get("replace", {})
        tokens = {letter: options["token"].format(replace.get(letter, letter)) for letter in LETTERS}
        # One token a residue, looked up: no text is cut into tokens, so none can be lost or merged.
        self.index = {letter: known[token] for letter, token in tokens.items() if token in known}
        self.model = from_pretrained(options["model_class"], folder, **options.get("load", {})).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse letters that have no token, and what is too long."""
        sequence, room = sample.view(self.card.view), self.card.options["residues"]
        if len(sequence) > room:
            return f"{len(sequence)} residues; the model takes {room}"
        return unreadable(sequence, self.index)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return hidden states of the residues of each sample."""
        import torch

        numbers, lengths = encode([sample.view(self.card.view) for sample in samples], self.index)
        place = torch.arange(numbers.shape[1] + 2)
        ids = torch.full((len(numbers), len(place)), self.pad)
        ids[:, 0] = self.begin
        inside = (place >= 1) & (place <= lengths[:, None])
        ids[inside] = numbers[inside[:, 1:-1]]
        ids[torch.arange(len(ids)), lengths + 1] = self.end
        mask = (place <= lengths[:, None] + 1).long()
        with torch.no_grad():
            out = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device), output_hidden_states=True
            )
        hidden = out.hidden_states[int(layer.rpartition(".")[2])]
        return Output(hidden[inside.to(self.device)], lengths.tolist())
