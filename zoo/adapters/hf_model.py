"""Any encoder or decoder of the transformers library, with its own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import InputError
from ._layers import layer_number

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


# Prompts before the sample, as plain text: chat templates differ between models, and some include the date.
PROMPTS = {
    "long": (
        "You read matter and describe it to yourself before you answer. The next lines hold one molecule, crystal or "
        "protein. Take in which elements or residues it has, how they are bonded and arranged in space, which groups "
        "and symmetries stand out, and what follows for its stability, its energy and how it reacts. Use only what is "
        "written, whatever the notation, and keep all of it in mind until the end.\n"
    ),
    "short": "You read matter and describe it to yourself before you answer.\n",
}


class HFModel(OnePassAdapter):
    """Per-token hidden states [tokens, d], without padding and without the tokens that the tokenizer adds.

    Layer ``hidden_states.N`` is the output of block N, counted from 1; ``hidden_states.0`` is the embedding. For
    encoder-decoder models, the encoder is used.

    Options:
        max_tokens: maximum input length, including special tokens.
        encoding: ``selfies`` for models that read SELFIES, converted from the SMILES; ``coordinates`` writes atoms as
            text: numbers, positions, cell and periodicity.
        prompt: ``long`` or ``short``, a text that precedes the sample; its tokens are not returned.
        model_class: name of the class in transformers; by default the choice of AutoModel.

    Files: ``folder``, with config, safetensors and tokenizer; or ``gguf``, a single file with all of them, which is
    dequantised to float32.

    Attributes:
        unknown_tokens: number of tokens outside the vocabulary so far.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        import transformers

        from ._transformers import quiet

        folder, gguf = files.get("folder"), files.get("gguf")
        source: dict[str, Any] = {"local_files_only": True}
        if gguf is not None:
            folder, source["gguf_file"] = gguf.parent, gguf.name
        self.max_tokens = int(card.options["max_tokens"])
        self.unknown_tokens = 0
        loader = getattr(transformers, card.options.get("model_class", "AutoModel"))
        with quiet(transformers.utils.logging):
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **source)
            model, info = loader.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **source)
        # Pooling layers and heads after the last block may be newly initialised; they are not used.
        missing = sorted(key for key in info["missing_keys"] if not key.startswith(("pooler.", "contact_head.")))
        if missing:
            raise InputError(f"{folder} has no weights for {missing[:3]}; they would be random")
        depth = getattr(model.config.get_text_config(), "num_hidden_layers", None)
        if depth and card.layers[0] != f"hidden_states.{depth}":
            raise InputError(
                f"{folder} has {depth} layers, but the card of {card.name} expects another number: correct the card"
            )
        self.model = (model.get_encoder() if model.config.is_encoder_decoder else model).eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject samples that are empty or would have to be truncated."""
        try:
            ids, special = self._tokens(sample)
        except ValueError as error:
            return str(error)
        if all(special):
            return "no tokens except special tokens"
        if len(ids) > self.max_tokens:
            return f"{len(ids)} tokens; the model takes at most {self.max_tokens}"
        return None

    @classmethod
    def places_nodes(cls, card: ModelCard, per: str) -> bool:
        """Tokens can be placed in a SMILES string that is read as it is."""
        return per == "atom" and card.view == "smiles" and not _rewritten(card)

    def node_numbers(self, sample: Sample) -> None:
        """Return None: rows are those of tokens."""

    def token_spans(self, sample: Sample) -> Sequence[tuple[int, int]] | None:
        """Return the characters of each token; None for a text that is not the view itself."""
        if not self.tokenizer.is_fast or _rewritten(self.card):
            return None
        encoded = self.tokenizer(
            sample.view(self.card.view), return_special_tokens_mask=True, return_offsets_mapping=True, truncation=False
        )
        pairs = zip(encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True)
        return [span for span, special in pairs if not special]

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the hidden states of the tokens of all samples after each layer."""
        import torch

        rows = [self._tokens(sample) for sample in samples]
        longest = max(len(ids) for ids, _ in rows)
        ids, mask, content = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
        for i, (tokens, special) in enumerate(rows):
            ids[i, : len(tokens)] = torch.tensor(tokens)
            mask[i, : len(tokens)] = 1
            content[i, : len(tokens)] = 1 - torch.tensor(special)
            self.unknown_tokens += tokens.count(self.tokenizer.unk_token_id)
        # Pad on the right, whatever the tokenizer would do: the states of a decoder do not depend on later tokens.
        ids = torch.where(mask.bool(), ids, torch.tensor(self.tokenizer.pad_token_id or 0))
        with torch.no_grad():
            out = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device), output_hidden_states=True
            )
        counts, inside = content.sum(1).tolist(), content.bool().to(self.device)
        return [Output(out.hidden_states[layer_number(layer)][inside], counts) for layer in layers]

    def _tokens(self, sample: Sample) -> tuple[list[int], list[int]]:
        """Return the tokens of a sample, and for each token 1 if it is not part of the sample, else 0."""
        text = sample.view(self.card.view)
        encode = {"selfies": _selfies, "coordinates": coordinates_text}.get(self.card.options.get("encoding", ""))
        text = encode(text) if encode else text
        prompt = PROMPTS[self.card.options["prompt"]] if "prompt" in self.card.options else ""
        tokenizer: Any = self.tokenizer
        encoded = tokenizer(
            prompt + text,
            return_special_tokens_mask=True,
            return_offsets_mapping=bool(prompt),
            truncation=False,
            verbose=False,
        )
        ids, special = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
        if prompt:
            # A token that contains any character of the sample is part of the sample.
            special = [
                int(s or end <= len(prompt)) for s, (_, end) in zip(special, encoded["offset_mapping"], strict=True)
            ]
        return ids, special


def _rewritten(card: ModelCard) -> bool:
    """Return whether the text that is read is not the view itself."""
    return bool({"encoding", "prompt"} & set(card.options))


def coordinates_text(atoms: Any) -> str:
    """Return atomic numbers, positions and cell as text for a language model."""
    positions = "; ".join(" ".join(f"{x:.3f}" for x in row) for row in atoms.positions)
    text = f"Atomic numbers: {' '.join(map(str, atoms.numbers))}\nPositions in Angstrom: {positions}"
    if atoms.pbc.any():
        text += f"\nCell in Angstrom: {'; '.join(' '.join(f'{x:.3f}' for x in row) for row in atoms.cell.array)}"
    return f"{text}\nPeriodic: {' '.join('yes' if periodic else 'no' for periodic in atoms.pbc)}"


def _selfies(smiles: str) -> str:
    import selfies

    try:
        return selfies.encoder(smiles)
    except selfies.EncoderError as error:
        raise InputError("SELFIES cannot represent this molecule") from error
