"""PET, the point-edge transformer of PET-MAD: a potential that learns rotational symmetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..adapter import OnePassAdapter, Output
from .atoms import bare_atoms, neutral_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class PET(OnePassAdapter):
    """Per-atom vectors [atoms, d] of molecules and crystals, and total energies in eV.

    A layer is an output of the library's model. The default, the last-layer features, is the input of the linear map to
    energies: node and edge channels of all readouts, summed over the edges of an atom. Vectors are only approximately
    invariant to rotation, which the architecture does not enforce.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        from metatomic_ase import MetatomicCalculator
        from metatrain.utils.io import load_model

        # The library unpickles the file; the card has its hash.
        self.model: Any = load_model(str(files["weights"])).eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        # Used for its neighbour lists only; no gradients are computed.
        self.calculator = MetatomicCalculator(self.model.export(), device=device)
        self.elements = frozenset(int(number) for number in self.model.atomic_types)

    def unsupported(self, sample: Sample) -> str | None:
        """Reject elements that the model does not know, ions and high spin."""
        return neutral_only(sample.view(self.card.view), self.elements)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms of each layer, and the energies."""
        import torch
        from metatomic.torch import ModelOutput

        structures = [sample.view(self.card.view) for sample in samples]
        outputs = {layer: ModelOutput(sample_kind="atom") for layer in layers}
        outputs |= {"energy": ModelOutput(sample_kind="system")}
        with torch.no_grad():
            out = self.calculator.run_model([self._bare(atoms) for atoms in structures], outputs)
        counts = [len(atoms) for atoms in structures]
        energies = out["energy"].block().values.flatten().tolist()
        features = (out[layer].block().values.detach().float().clone() for layer in layers)
        return [Output(rows, counts, energies) for rows in features]

    def _bare(self, atoms: Any) -> Any:
        bare = bare_atoms(atoms, wrap=True)
        if not atoms.pbc.any():
            bare.cell = None
        return bare
