"""Any encoder or decoder of the transformers library, with the tokenizer that comes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._adapter import Adapter, Output
from .._errors import InputError

if TYPE_CHECKING:
    from .._samples import Sample
    from ..cards import ModelCard


# Said before the sample, as plain text: the chat formats of models differ, and some hold the date.
PROMPTS = {
    "long": (
        "You read matter and describe it to yourself before you answer. The next lines hold one molecule, crystal or "
        "protein. Take in which elements or residues it has, how they are bonded and arranged in space, which groups "
        "and symmetries stand out, and what follows for its stability, its energy and how it reacts. Use only what is "
        "written, whatever the notation, and keep all of it in mind until the end.\n"
    ),
    "short": "You read matter and describe it to yourself before you answer.\n",
}


class HFModel(Adapter):
    """Per-token hidden states [tokens, d], without padding and without the tokens that the tokenizer adds.

    A layer ``hidden_states.N`` is what block N returns, counted from 1; ``hidden_states.0`` is the embedding. Of a
    model with an encoder and a decoder the encoder is taken.

    Options:
        max_tokens: the longest input, special tokens included.
        encoding: ``selfies`` for models that read SELFIES, which are made of the SMILES; ``coordinates`` writes out
            atoms: numbers, positions, cell and periodicity.
        prompt: ``long`` or ``short``, a text that stands before the sample; its tokens are not taken.
        model_class: name of the class in transformers; default AutoModel's choice.

    Files: ``folder``, with config, safetensors and tokenizer; or ``gguf``, one file with all of it, which is unpacked
    to float32.

    Attributes:
        unknown_tokens: tokens outside the vocabulary met so far.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        import transformers

        from ._transformers import quiet

        folder, packed = files.get("folder"), files.get("gguf")
        source: dict[str, Any] = {"local_files_only": True}
        if packed is not None:
            folder, source["gguf_file"] = packed.parent, packed.name
        self.max_tokens = int(card.options["max_tokens"])
        self.unknown_tokens = 0
        loader = getattr(transformers, card.options.get("model_class", "AutoModel"))
        with quiet(transformers.utils.logging):
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **source)
            model, info = loader.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **source)
        # What pools or speaks after the last block may be fresh; nothing that is taken comes from there.
        missing = sorted(key for key in info["missing_keys"] if not key.startswith(("pooler.", "contact_head.")))
        if missing:
            raise InputError(f"{folder} has no weights for {missing[:3]}; they would be random")
        depth = getattr(model.config.get_text_config(), "num_hidden_layers", None)
        if depth and card.layers[0] != f"hidden_states.{depth}":
            raise InputError(
                f"{folder} has {depth} layers, and the card of {card.name} says otherwise: correct the card"
            )
        self.model = (model.get_encoder() if model.config.is_encoder_decoder else model).eval().to(device)

    def unsupported(self, sample: Sample) -> str | None:
        """Refuse what is empty or would have to be truncated."""
        try:
            ids, special = self._tokens(sample)
        except ValueError as error:
            return str(error)
        if all(special):
            return "nothing is left but special tokens"
        if len(ids) > self.max_tokens:
            return f"{len(ids)} tokens; the model takes {self.max_tokens}"
        return None

    def forward(self, samples: Sequence[Sample], layer: str) -> Output:
        """Return hidden states of the tokens of each sample."""
        import torch

        rows = [self._tokens(sample) for sample in samples]
        longest = max(len(ids) for ids, _ in rows)
        ids, mask, kept = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
        for i, (tokens, special) in enumerate(rows):
            ids[i, : len(tokens)] = torch.tensor(tokens)
            mask[i, : len(tokens)] = 1
            kept[i, : len(tokens)] = 1 - torch.tensor(special)
            self.unknown_tokens += tokens.count(self.tokenizer.unk_token_id)
        # On the right, whatever the tokenizer would do: a decoder's states do not see what comes later.
        ids = torch.where(mask.bool(), ids, torch.tensor(self.tokenizer.pad_token_id or 0))
        with torch.no_grad():
            out = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device), output_hidden_states=True
            )
        hidden = out.hidden_states[int(layer.rpartition(".")[2])]
        counts = kept.sum(1).tolist()
        return Output(hidden[kept.bool().to(self.device)], counts)

    def _tokens(self, sample: Sample) -> tuple[list[int], list[int]]:
        """Return the tokens of a sample, and for each 1 where it stands for no part of it."""
        text = sample.view(self.card.view)
        encode = {"selfies": _selfies, "coordinates": coordinates_text}.get(self.card.options.get("encoding", ""))
        text = encode(text) if encode else text
        before = PROMPTS[self.card.options["prompt"]] if "prompt" in self.card.options else ""
        own: Any = self.tokenizer
        known = own(
            before + text,
            return_special_tokens_mask=True,
            return_offsets_mapping=bool(before),
            truncation=False,
            verbose=False,
        )
        ids, special = list(known["input_ids"]), list(known["special_tokens_mask"])
        if before:
            # A token that stands for any letter of the sample is one of it.
            special = [
                int(s or end <= len(before)) for s, (_, end) in zip(special, known["offset_mapping"], strict=True)
            ]
        return ids, special


def coordinates_text(atoms: Any) -> str:
    """Return atomic numbers, positions and cell as text for a language model."""
    positions = "; ".join(" ".join(f"{x:.3f}" for x in row) for row in atoms.positions)
    text = f"Atomic numbers: {' '.join(map(str, atoms.numbers))}\nPositions in Angstrom: {positions}"
    if atoms.pbc.any():
        text += f"\nCell in Angstrom: {'; '.join(' '.join(f'{x:.3f}' for x in row) for row in atoms.cell.array)}"
    return f"{text}\nPeriodic: {' '.join('yes' if one else 'no' for one in atoms.pbc)}"


def _selfies(smiles: str) -> str:
    import selfies

    try:
        return selfies.encoder(smiles)
    except selfies.EncoderError as error:
        raise InputError("SELFIES cannot say this molecule") from error
