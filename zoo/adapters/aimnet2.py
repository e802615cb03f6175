"""AIMNet2, published as TorchScript, which runs with torch only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapter import OnePassAdapter, Output
from .atoms import charge_of, excited, molecule_only

if TYPE_CHECKING:
    from ..base import Sample
    from ..cards import ModelCard


class AIMNet2(OnePassAdapter):
    """Per-atom vectors [atoms, 256] of an isolated molecule or ion, and its total energy in eV.

    Layers: ``aim``, the input of the energy network; ``a``, the atomic features that enter the last pass.

    Options:
        elements: symbols of the trained elements; the parameters of other elements are meaningless.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, Path], device: str = "cpu") -> None:
        super().__init__(card, files, device)
        import torch

        self.model = torch.jit.load(str(files["weights"]), map_location=device).eval()
        self.elements = frozenset(card.options["elements"])

    def unsupported(self, sample: Sample) -> str | None:
        """Reject untrained elements, periodic structures and high spin: the network takes a charge, but no spin."""
        atoms = sample.view(self.card.view)
        return molecule_only(atoms, self.elements) or excited(atoms)

    def forward_layers(self, samples: Sequence[Sample], layers: Sequence[str]) -> list[Output]:
        """Return the vectors of all atoms after each layer, and the energies."""
        import torch

        molecules = [sample.view(self.card.view) for sample in samples]
        counts = [len(atoms) for atoms in molecules]
        # The model treats atomic number 0 as padding.
        numbers = torch.zeros(len(counts), max(counts), dtype=torch.long)
        coord = torch.zeros(len(counts), max(counts), 3)
        for i, atoms in enumerate(molecules):
            numbers[i, : counts[i]] = torch.from_numpy(atoms.numbers)
            # Centred in float64, so that distances in float32 do not depend on the position of the molecule.
            coord[i, : counts[i]] = torch.from_numpy(atoms.positions - atoms.positions.mean(0))
        numbers, coord = numbers.to(self.device), coord.to(self.device)
        charges = torch.tensor([float(charge_of(atoms)) for atoms in molecules], device=self.device)
        data = {"coord": coord, "numbers": numbers, "charge": charges}
        with torch.no_grad():
            out = self.model(data)
        energies = out["energy"].tolist()
        return [Output(out[layer].flatten(2)[numbers > 0], counts, energies) for layer in layers]
