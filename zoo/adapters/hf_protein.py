"""Protein language models of the transformers library: ESM2, ESM-C, ProstT5, SaProt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ._layers import layer_number
from ._residues import encode, unreadable
from ._transformers import from_pretrained

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXYZ"  # J is not an amino acid
SHORTEST = 3  # residues needed for 3Di letters


class HFProtein(OnePassAdapter):
    """Per-residue hidden states [residues, d] of an encoder, without padding, start and end tokens.

    Layer ``hidden_states.N`` is the output of block N, counted from 1; the last one is normalised as in the model.
    ``hidden_states.0`` is the embedding.

    Options:
        model_class: name of the class in transformers.
        load: further arguments of its ``from_pretrained``.
        token: format of the token of a residue, with ``{}`` for its letter.
        structure: read the backbone as lower-case 3Di letters, which encode the local structure around each residue.
        begin: token before the residues.
        end: token after the residues.
        replace: letter -> letter that the model reads instead.
        residues: maximum number of residues.

    Files: ``config``, in a folder with the weights and the tokenizer.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from transformers import AutoTokenizer

        options, folder = card.options, files["config"].parent
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        vocab = tokenizer.get_vocab()
        self.begin, self.end = vocab[options["begin"]], vocab[options["end"]]
        self.pad = int(tokenizer.pad_token_id)
        replace = options.get("replace", {})
        letters = LETTERS.lower() if options.get("structure") else LETTERS
        tokens = {letter: options["token"].format(replace.get(letter, letter)) for letter in letters}
        if options.get("structure"):
            # Letters that were added to a vocabulary later have no word-start mark in it.
            tokens = {letter: token if token in vocab else letter for letter, token in tokens.items()}
        # Each residue is looked up as one token; without text tokenisation, no residues can be lost or merged.
        self.index = {letter: vocab[token] for letter, token in tokens.items() if token in vocab}
        self.model = from_pretrained(options["model_class"], folder, **options.get("load", {})).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject letters that have no token, and chains that are too long or too short."""
        view, room = sample.view(self.card.view), self.card.options["residues"]
        if len(view) > room:
            return f"{len(view)} residues; the model takes at most {room}"
        if self.card.options.get("structure"):
            return None if len(view) >= SHORTEST else f"{len(view)} residues; 3Di letters need at least {SHORTEST}"
        return unreadable(view, self.index)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the hidden states of the residues of all samples after each layer."""
        import torch

        views = [sample.view(self.card.view) for sample in samples]
        numbers, lengths = encode([*map(structure, views)] if self.card.options.get("structure") else views, self.index)
        position = torch.arange(numbers.shape[1] + 2)
        ids = torch.full((len(numbers), len(position)), self.pad)
        ids[:, 0] = self.begin
        inside = (position >= 1) & (position <= lengths[:, None])
        ids[inside] = numbers[inside[:, 1:-1]]
        ids[torch.arange(len(ids)), lengths + 1] = self.end
        mask = (position <= lengths[:, None] + 1).long()
        with torch.no_grad():
            out = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device), output_hidden_states=True
            )
        inside = inside.to(self.device)
        return [Output(out.hidden_states[layer_number(layer)][inside], lengths.tolist()) for layer in layers]


def structure(backbone: Any) -> str:
    """Return the lower-case 3Di letters of a backbone [residues, 4, 3], with CB at its ideal position."""
    import mini3di
    import numpy as np

    n, ca, c = (np.asarray(backbone[:, i], np.float32) for i in range(3))
    encoder = mini3di.Encoder()
    return encoder.build_sequence(encoder.encode_atoms(ca, np.full_like(ca, np.nan), n, c)).lower()
