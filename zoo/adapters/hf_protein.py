"""Protein language models of the transformers library: ESM2, ESM-C, ProstT5, SaProt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from ._residues import encode, unreadable
from ._transformers import from_pretrained

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard

LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXYZ"  # J is no amino acid
SHORTEST = 3  # residues of which 3Di letters can be told


class HFProtein(Adapter):
    """Per-residue hidden states [residues, d] of an encoder, without padding and the tokens around the residues.

    A layer ``hidden_states.N`` is what block N returns, counted from 1; the last is normalised as the model does.
    ``hidden_states.0`` is the embedding.

    Options:
        model_class: name of the class in transformers.
        load: further arguments of its ``from_pretrained``.
        token: how the token of a residue is written, with ``{}`` for its letter.
        structure: read the backbone as 3Di letters in lower case, one a residue for the shape of what is around it.
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
        letters = LETTERS.lower() if options.get("structure") else LETTERS
        tokens = {letter: options["token"].format(replace.get(letter, letter)) for letter in letters}
        if options.get("structure"):
            # Letters that were added to a vocabulary stand in it without the mark of the words of old.
            tokens = {letter: token if token in known else letter for letter, token in tokens.items()}
        # One token a residue, looked up: no text is cut into tokens, so none can be lost or merged.
        self.index = {letter: known[token] for letter, token in tokens.items() if token in known}
        self.model = from_pretrained(options["model_class"], folder, **options.get("load", {})).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse letters that have no token, and what is too long."""
        view, room = sample.view(self.card.view), self.card.options["residues"]
        if len(view) > room:
            return f"{len(view)} residues; the model takes {room}"
        if self.card.options.get("structure"):
            return None if len(view) >= SHORTEST else f"{len(view)} residues; 3Di letters need {SHORTEST}"
        return unreadable(view, self.index)

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return hidden states of the residues of each sample."""
        import torch

        views = [sample.view(self.card.view) for sample in samples]
        numbers, lengths = encode([*map(structure, views)] if self.card.options.get("structure") else views, self.index)
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


def structure(backbone: Any) -> str:
    """Return the 3Di letters of a backbone [residues, 4, 3], in lower case; CB is placed where it ideally is."""
    import mini3di
    import numpy as np

    n, ca, c = (np.asarray(backbone[:, i], np.float32) for i in range(3))
    encoder = mini3di.Encoder()
    return encoder.build_sequence(encoder.encode_atoms(ca, np.full_like(ca, np.nan), n, c)).lower()
