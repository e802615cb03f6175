"""Encoders of the transformers library: RXNMapper, RXNFP, AntiBERTy, sentence encoders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapter import OnePassAdapter, Output
from ._layers import layer_number
from ._transformers import from_pretrained

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

# Schwaller et al. (2019), doi 10.1021/acscentsci.9b00576. The last branch matches characters that the published pattern
# would skip silently, so that they become unknown tokens and are counted.
SMILES_TOKEN = re.compile(
    r"\[[^\]]+\]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\||\(|\)|\.|=|#|-|\+|\\|/|:|~|@|\?|>>?|\*|\$"
    r"|%\([0-9]{3}\)|%[0-9]{2}|[0-9]|(?s:.)"
)
LETTER = re.compile(r"\[[A-Z]+\]|(?s:.)")


class HFEncoder(OnePassAdapter):
    """Per-token hidden states [tokens, d] of an encoder, without padding, [CLS] and [SEP].

    Layer ``hidden_states.N`` is the output of block N, counted from 1; ``hidden_states.0`` is the embedding.

    Options:
        model_class: name of the class in transformers.
        max_tokens: maximum input length, including [CLS] and [SEP].
        tokens: with ``vocab``, ``smiles`` (the default) or ``letters``.
        spaced: with ``tokenizer``, put spaces between letters, so that each one is a word.

    Files: ``config`` and ``weights`` in one folder, and ``tokenizer`` (tokenizer.json) or ``vocab`` (one token per
    line).

    Attributes:
        unknown_tokens: number of tokens outside the vocabulary so far; they are embedded as [UNK].
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        self.max_tokens = int(card.options["max_tokens"])
        self.unknown_tokens = 0
        self.words = "tokenizer" in files
        pattern = LETTER if card.options.get("tokens") == "letters" else SMILES_TOKEN
        self.pattern = None if self.words else pattern
        self.tokenize = _wordpieces(files["tokenizer"]) if self.words else _tokens(files["vocab"], pattern)
        self.cls, self.sep, self.pad, self.unk = self.tokenize("[CLS][SEP][PAD][UNK]")
        if card.options.get("spaced"):
            tokenize_words = self.tokenize
            self.tokenize = lambda text: tokenize_words(" ".join(text))
        name, folder = card.options["model_class"], files["config"].parent
        self.model = from_pretrained(name, folder, add_pooling_layer=False).to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject strings that would have to be truncated, and words that a word-piece model maps to one [UNK]."""
        tokens = self.tokenize(sample.view(self.card.view))
        n = len(tokens)
        if n == 0:
            return "empty string"
        if n > self.max_tokens - 2:
            return f"{n} tokens; the model takes at most {self.max_tokens - 2}"
        # Here one [UNK] replaces a whole word, such as one of more than 100 letters, so that different strings would
        # become identical.
        if self.words and self.unk in tokens:
            return "a word that is unknown to the tokenizer, or too long for it"
        return None

    @classmethod
    def places_nodes(cls, card: ModelCard, per: str) -> bool:
        """Word pieces are no atoms; of a sequence with spaces between its letters they are the residues."""
        words = card.weights is not None and "tokenizer" in card.weights.files
        return not words or (per == "residue" and bool(card.options.get("spaced")))

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]] | None:
        """Return the characters of each token; None for those of a word-piece model."""
        if self.pattern is None:
            return None
        return [match.span() for match in self.pattern.finditer(sample.view(self.card.view))]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the hidden states of the tokens of all samples after each layer."""
        import torch

        rows = [self.tokenize(sample.view(self.card.view)) for sample in samples]
        self.unknown_tokens += sum(row.count(self.unk) for row in rows)
        counts = [len(row) for row in rows]
        ids = torch.full((len(rows), max(counts) + 2), self.pad)
        for i, row in enumerate(rows):
            ids[i, : len(row) + 2] = torch.tensor([self.cls, *row, self.sep])
        ids = ids.to(self.device)
        position = torch.arange(ids.shape[1], device=self.device)
        length = torch.tensor(counts, device=self.device)[:, None]
        with torch.no_grad():
            out = self.model(input_ids=ids, attention_mask=(position < length + 2).long(), output_hidden_states=True)
        inside = (position >= 1) & (position <= length)
        return [Output(out.hidden_states[layer_number(layer)][inside], counts) for layer in layers]


def _tokens(path: Path, pattern: re.Pattern[str]) -> Callable[[str], list[int]]:
    vocab = {token: i for i, token in enumerate(path.read_text("utf-8").splitlines())}
    unknown = vocab["[UNK]"]
    return lambda text: [vocab.get(token, unknown) for token in pattern.findall(text)]


def _wordpieces(path: Path) -> Callable[[str], list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    # The published tokenizer files enable truncation and padding.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)
