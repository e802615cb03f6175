"""ESM-IF1, an inverse-folding model, which predicts sequences that fold into a given backbone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from ._layers import layer_number
from ._stubs import stub_modules

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard

CHECKPOINT = "esm_if1_gvp4_t16_142M_UR50"
SHORTEST = 3  # residues needed for dihedral angles


class ESMIF1(OnePassAdapter):
    """Per-residue vectors [residues, 512] of the encoder, which reads N, CA and C but no residue types.

    Layer ``encoder_out`` is its output, normalised as in the library; ``layers.N`` is the output of block N, counted
    from 0. Proteins are run one at a time.

    Options:
        residues: maximum number of residues.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        # The settings of the network are the only object in the file that is not a tensor.
        with torch.serialization.safe_globals([argparse.Namespace]):
            data = torch.load(files["weights"], map_location="cpu", weights_only=True)
        with stand_in_libraries():
            import esm.inverse_folding
            from esm.pretrained import load_model_and_alphabet_core

            network, alphabet = load_model_and_alphabet_core(CHECKPOINT, data)
        self.model: Any = network.encoder.to(device).eval().requires_grad_(False)
        self.convert = esm.inverse_folding.util.CoordBatchConverter(alphabet)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject chains that are too short or too long."""
        length, room = len(sample.view(self.card.view)), self.card.options["residues"]
        if length > room:
            return f"{length} residues; the model takes at most {room}"
        return None if length >= SHORTEST else f"{length} residues; the model needs at least {SHORTEST}"

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of the residues of all samples after each layer."""
        import torch

        backbones = [sample.view(self.card.view)[:, :3] for sample in samples]
        rows: dict[str, list[Any]] = {layer: [] for layer in layers}
        for backbone in backbones:
            # The library places the ends of a chain at the origin: only a centred chain is independent of its pose.
            centred = backbone - backbone[:, 1].mean(0)
            coords, confidence, _, _, padding = self.convert([(centred, None, None)], device=self.device)
            with torch.no_grad():
                out = self.model(coords, padding, confidence, return_all_hiddens=True)
            states = out["encoder_states"]
            for layer, taken in rows.items():
                hidden = out["encoder_out"][0] if layer == "encoder_out" else states[1 + layer_number(layer)]
                taken.append(hidden[1:-1, 0])
        counts = [len(backbone) for backbone in backbones]
        return [Output(torch.cat(rows[layer]), counts) for layer in layers]


@contextmanager
def stand_in_libraries() -> Iterator[None]:
    """Provide stubs of torch_scatter, which has no wheel for this torch, and of names from an old biotite."""
    from torch_geometric.utils import scatter

    def scatter_add(source: Any, index: Any, dim: int = 0, dim_size: int | None = None) -> Any:
        return scatter(source, index, dim, dim_size, "sum")

    unused = {"filter_backbone": None, "get_chains": None, "AtomArray": object}
    with stub_modules(
        {
            "torch_scatter": {"scatter": scatter, "scatter_add": scatter_add},
            "biotite": {},
            "biotite.structure": unused,
            "biotite.structure.io": {"pdb": None, "pdbx": None},
            "biotite.structure.residues": {"get_residues": None},
            "biotite.sequence": {"ProteinSequence": None},
        }
    ):
        yield
