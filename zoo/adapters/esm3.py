"""ESM3, a language model of protein sequence, structure and function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ..base import outputs_of
from ._residues import unreadable

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

LETTERS = "ACDEFGHIKLMNPQRSTVWYXBUZO"
SIZES = {"d_model": 1536, "n_heads": 24, "v_heads": 256, "n_layers": 48}
ENCODER = {"d_model": 1024, "n_heads": 1, "v_heads": 128, "n_layers": 2, "d_out": 128, "n_codes": 4096}
ATOMS = 37  # atom slots of a residue, of which only N, CA and C are filled


class ESM3(OnePassAdapter):
    """Per-residue vectors [residues, d], without the start and end tokens.

    Layer ``transformer.blocks.N`` is the output of that block of the library's network; the last is what the library
    calls the embedding. The input is the sequence of a sample or, if the card's view is ``backbone``, N, CA and C: as
    coordinates, and as the structure tokens that the library computes from them. Proteins are run one at a time.

    Options:
        residues: maximum number of residues.
        sizes, encoder: sizes of the network and of the structure token encoder; by default those of ESM3-open.

    Files: ``weights``, and ``structure``, the structure token encoder.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch
        from esm.models import esm3
        from esm.models.vqvae import StructureTokenEncoder
        from esm.tokenization.sequence_tokenizer import EsmSequenceTokenizer
        from esm.tokenization.structure_tokenizer import StructureTokenizer

        def read(network: Any, name: str) -> Any:
            network.load_state_dict(torch.load(files[name], map_location="cpu", weights_only=True))
            return network.to(device).eval().requires_grad_(False)

        def encoder(_device: object) -> Any:
            return read(StructureTokenEncoder(**card.options.get("encoder", ENCODER)), "structure")

        # The library's tokenizer collection has two more, which download tables from the hub and are not needed.
        tokenizers = SimpleNamespace(sequence=EsmSequenceTokenizer(), structure=StructureTokenizer())
        self.model: Any = read(
            esm3.ESM3(
                **card.options.get("sizes", SIZES),
                structure_encoder_fn=encoder,
                structure_decoder_fn=encoder,
                function_decoder_fn=encoder,
                tokenizers=tokenizers,
            ),
            "weights",
        )

    def unsupported(self, sample: Sample) -> str | None:
        """Reject letters that the model does not know, and chains that are empty or too long."""
        view, room = sample.view(self.card.view), self.card.options["residues"]
        if len(view) > room:
            return f"{len(view)} residues; the model takes at most {room}"
        if self.card.view == "backbone":
            return None if len(view) else "no residues"
        return unreadable(view, LETTERS)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of the residues of all samples after each layer."""
        import torch
        from esm.sdk.api import LogitsConfig

        views = [sample.view(self.card.view) for sample in samples]
        with torch.no_grad(), outputs_of(self.model, layers, lambda out: out[0, 1:-1].float().clone()) as taken:
            for view in views:
                self.model.logits(self.model.encode(self._protein(view)), LogitsConfig())
        return [Output(torch.cat(taken[layer]), [len(view) for view in views]) for layer in layers]

    def _protein(self, view: Any) -> Any:
        import torch
        from esm.sdk.api import ESMProtein

        if self.card.view == "sequence":
            return ESMProtein(sequence=view)
        coordinates = torch.full((len(view), ATOMS, 3), float("nan"))
        coordinates[:, :3] = torch.as_tensor(view[:, :3]) - torch.as_tensor(view[:, 1]).mean(0)
        return ESMProtein(coordinates=coordinates)
